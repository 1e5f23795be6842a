package jobs_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// table is the transition table, written down a second time.
var table = map[jobs.State][]jobs.State{
	jobs.Queued:    {jobs.Running, jobs.Cancelled, jobs.Expired},
	jobs.Running:   {jobs.Queued, jobs.Parked, jobs.InReview, jobs.Succeeded, jobs.Failed, jobs.Cancelled},
	jobs.Parked:    {jobs.Queued, jobs.Cancelled, jobs.Expired},
	jobs.InReview:  {jobs.Queued, jobs.Succeeded, jobs.Failed, jobs.Cancelled},
	jobs.Succeeded: {jobs.Erased},
	jobs.Failed:    {jobs.Queued, jobs.Succeeded, jobs.Erased},
	jobs.Cancelled: {jobs.Queued, jobs.Succeeded, jobs.Erased},
	jobs.Expired:   {jobs.Queued, jobs.Succeeded, jobs.Erased},
	jobs.Erased:    nil,
}

func TestTheTransitionTableIsWhatIsWrittenDown(t *testing.T) {
	if len(table) != len(jobs.States()) {
		t.Fatalf("there are %d states, the table has %d", len(jobs.States()), len(table))
	}
	for _, from := range append(jobs.States(), "gone") {
		var got []jobs.State
		for _, to := range append(jobs.States(), "gone") {
			if from.CanBecome(to) {
				got = append(got, to)
			}
		}
		if diff := cmp.Diff(table[from], got); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", from, diff)
		}
	}
}

func TestTerminalStatesAreLeftByPeopleOnly(t *testing.T) {
	terminal := map[jobs.State]bool{jobs.Succeeded: true, jobs.Failed: true, jobs.Cancelled: true, jobs.Expired: true, jobs.Erased: true}
	dead := map[jobs.State]bool{jobs.Failed: true, jobs.Expired: true}
	for _, s := range append(jobs.States(), "gone") {
		if s.Terminal() != terminal[s] || s.DeadLetter() != dead[s] {
			t.Errorf("%s: terminal %t, dead letter %t", s, s.Terminal(), s.DeadLetter())
		}
	}
}

func TestStatesAreReadAsTheyAreWritten(t *testing.T) {
	for _, s := range jobs.States() {
		if got, err := jobs.ParseState(string(s)); got != s || err != nil || !s.Valid() {
			t.Errorf("%s: got %q, %v", s, got, err)
		}
	}
	for _, wrong := range []string{"", "Queued", "queued ", "gone", "\x00"} {
		if _, err := jobs.ParseState(wrong); !errors.Is(err, jobs.ErrInvalid) || jobs.State(wrong).Valid() {
			t.Errorf("%q: got %v, want ErrInvalid", wrong, err)
		}
	}
}

func TestLanesAreReadAsTheyAreWritten(t *testing.T) {
	for i, l := range jobs.Lanes() {
		if int(l) != i || !l.Valid() {
			t.Errorf("lane %d is %d", i, l)
		}
		got, err := jobs.ParseLane(l.String())
		if got != l || err != nil {
			t.Errorf("%s: got %s, %v", l, got, err)
		}
		text, err := json.Marshal(map[jobs.Lane]jobs.Lane{l: l})
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"` + l.String() + `":"` + l.String() + `"}`; string(text) != want {
			t.Errorf("got %s, want %s", text, want)
		}
		var back map[jobs.Lane]jobs.Lane
		if err := json.Unmarshal(text, &back); err != nil || back[l] != l || len(back) != 1 {
			t.Errorf("%s came back as %v, %v", text, back, err)
		}
	}
	beyond := jobs.Lane(jobs.NumLanes)
	if beyond.Valid() || beyond.String() != "lane(4)" {
		t.Errorf("lane 4 is %s, valid %t", beyond, beyond.Valid())
	}
	if _, err := beyond.MarshalText(); !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("lane 4 is written: %v", err)
	}
	kept := jobs.Batch
	for _, wrong := range []string{"", "Critical", "critical ", "lane(1)", "0"} {
		if err := kept.UnmarshalText([]byte(wrong)); !errors.Is(err, jobs.ErrInvalid) || kept != jobs.Batch {
			t.Errorf("%q is read as %s, %v", wrong, kept, err)
		}
	}
}
