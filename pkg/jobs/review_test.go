package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// claimed is a job in review that ada has claimed for an hour from noon.
func claimed(t *testing.T) jobs.Job {
	t.Helper()
	return reach(t, "claimed")
}

func apply(t *testing.T, j *jobs.Job, c jobs.Command, at time.Time) bool {
	t.Helper()
	_, changed, err := j.Apply(c, 9, at)
	if err != nil {
		t.Fatalf("%s by %s: %v", c.Kind, c.Actor, err)
	}
	return changed
}

func TestAClaimKeepsOthersOffUntilItsEnd(t *testing.T) {
	end := noon.Add(time.Hour)
	for _, c := range commands() {
		// What nobody but the last to claim may do, and what nobody is kept
		// from.
		always, never := c.Kind == jobs.Draft, c.Kind == jobs.Cancel
		if (c.Kind == jobs.Requeue) || c.Kind == jobs.Move || c.Kind == jobs.Erase {
			continue // not of a job in review
		}
		for at, kept := range map[time.Time]bool{noon: true, end.Add(-1): true, end: false} {
			for _, who := range []string{"bob", ""} {
				j := claimed(t)
				c.Actor = who
				before := j
				_, _, err := j.Apply(c, 9, at)
				if wantRefused := (kept || always) && !never; errors.Is(err, jobs.ErrConflict) != wantRefused {
					t.Errorf("%s by %q at %s: %v", c.Kind, who, at, err)
				}
				if err != nil && !cmp.Equal(before, j) {
					t.Errorf("%s by %q was refused and changed the job", c.Kind, who)
				}
			}
		}
	}
}

func TestAReviewIsChangedInACopy(t *testing.T) {
	j := claimed(t)
	shared, kept := j.Review, *j.Review
	apply(t, &j, jobs.Command{Kind: jobs.Draft, Actor: "ada", Draft: []byte(`1`)}, noon)
	apply(t, &j, jobs.Command{Kind: jobs.Claim, Actor: "ada", Until: noon.Add(2 * time.Hour)}, noon)
	apply(t, &j, jobs.Command{Kind: jobs.Unclaim, Actor: "ada"}, noon)
	if diff := cmp.Diff(kept, *shared); diff != "" {
		t.Errorf("the review before the commands changed:\n%s", diff)
	}
	want := kept
	want.ClaimedBy, want.ClaimedUntil, want.Draft = "", time.Time{}, []byte(`1`)
	if diff := cmp.Diff(want, *j.Review); diff != "" {
		t.Errorf("the review (-want +got):\n%s", diff)
	}
}

func TestTheSameClaimAgainChangesNothing(t *testing.T) {
	j := claimed(t)
	same := jobs.Command{Kind: jobs.Claim, Actor: "ada", Until: noon.Add(time.Hour + 999)} // to the millisecond
	if apply(t, &j, same, noon.Add(time.Minute)) {
		t.Error("the same claim changes the job")
	}
	same.Until = noon.Add(time.Minute)
	if !apply(t, &j, same, noon) || !j.Review.ClaimedUntil.Equal(noon.Add(time.Minute)) {
		t.Errorf("another end: %+v", j.Review)
	}
	same.Actor = "bob"
	if !apply(t, &j, same, noon.Add(time.Minute)) || j.Review.ClaimedBy != "bob" {
		t.Errorf("another actor: %+v", j.Review)
	}
}

func TestADraftIsOfTheLastToClaim(t *testing.T) {
	draft := jobs.Command{Kind: jobs.Draft, Actor: "ada", Draft: []byte(`1`)}
	j := claimed(t)
	if !apply(t, &j, draft, noon.Add(2*time.Hour)) {
		t.Error("a late draft changes nothing")
	}
	apply(t, &j, jobs.Command{Kind: jobs.Claim, Actor: "bob", Until: noon.Add(3 * time.Hour)}, noon.Add(2*time.Hour))
	if _, _, err := j.Apply(draft, 9, noon.Add(4*time.Hour)); !errors.Is(err, jobs.ErrConflict) {
		t.Errorf("a draft after another's claim: %v", err)
	}
	if string(j.Review.Draft) != "1" {
		t.Errorf("the draft is %s", j.Review.Draft)
	}
}

func TestAnErasedJobIsATombstone(t *testing.T) {
	for _, from := range []string{"succeeded", "failed", "cancelled", "expired"} {
		j := reach(t, from)
		j.Labels = map[string]string{"a": "b"}
		j.Document = jobs.Document{SHA256: "ab", Size: 2, MediaType: "text/plain"}
		j.Spec = jobs.Spec{SchemaJSON: []byte(`{}`), Risk: jobs.RiskHigh}
		want := j
		now := noon.Add(time.Minute)
		apply(t, &j, jobs.Command{Kind: jobs.Erase}, now)
		want.State, want.Version, want.UpdatedAt = jobs.Erased, want.Version+1, now
		want.Result, want.Labels, want.Document, want.Spec.SchemaJSON = nil, nil, jobs.Document{}, nil
		if diff := cmp.Diff(want, j); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", from, diff)
		}
		if _, ok := jobs.GroupOf(j); ok {
			t.Errorf("a tombstone of a job that was %s is in a group", from)
		}
	}
}

func TestAnOperationIsDoneOnceOnAJob(t *testing.T) {
	j := reach(t, "failed")
	first := jobs.Command{Kind: jobs.Requeue, Operation: "op_1", Version: j.Version}
	if !apply(t, &j, first, noon) || j.Operation != "op_1" {
		t.Fatalf("the operation is %q", j.Operation)
	}
	apply(t, &j, jobs.Command{Kind: jobs.Cancel}, noon) // a person's
	for _, again := range []jobs.Command{first, {Kind: jobs.Requeue, Operation: "op_1"}, {Kind: jobs.Move, Operation: "op_1"}} {
		before := j
		if apply(t, &j, again, noon) || !cmp.Equal(before, j) {
			t.Error("the operation is done again")
		}
	}
	apply(t, &j, jobs.Command{Kind: jobs.Requeue, Operation: "op_2"}, noon)
	if _, _, err := j.Apply(first, 9, noon); !errors.Is(err, jobs.ErrConflict) || j.Operation != "op_2" {
		t.Errorf("after another operation: %v, %q", err, j.Operation)
	}
}

func TestAnOperationThatDoesNothingLeavesNoMark(t *testing.T) {
	j := reach(t, "cancelled")
	if apply(t, &j, jobs.Command{Kind: jobs.Cancel, Operation: "op_1"}, noon) || j.Operation != "" {
		t.Errorf("the mark is %q", j.Operation)
	}
	if _, _, err := j.Apply(jobs.Command{Kind: jobs.Reject, Operation: "op_1"}, 9, noon); err == nil || j.Operation != "" {
		t.Errorf("refused: %v, the mark is %q", err, j.Operation)
	}
}
