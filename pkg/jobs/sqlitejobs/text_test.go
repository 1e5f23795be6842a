package sqlitejobs_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// anyText draws strings that need not be UTF-8.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
}

func TestAnEventIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := jobs.Event{
			Version: rapid.Int64().Draw(t, "version"), Type: jobs.EventParked,
			At:    time.UnixMilli(rapid.Int64Range(1, 1<<45).Draw(t, "at")).UTC(),
			State: rapid.SampledFrom(jobs.States()).Draw(t, "state"), Lane: jobs.Lane(rapid.IntRange(0, 3).Draw(t, "lane")),
			Generation: rapid.Int().Draw(t, "generation"), Tier: rapid.IntRange(0, 4).Draw(t, "tier"),
			Reason: anyText().Draw(t, "reason"), Actor: anyText().Draw(t, "actor"),
		}
		got, err := sqlitejobs.ParseEventLine(sqlitejobs.EventLine(want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAnIndexIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(anyText(), anyText()).Draw(t, "index")
		got, err := sqlitejobs.Pairs(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func FuzzHistory(f *testing.F) {
	f.Add("2 started 1763812345678 running 2 1 0 \"\" \"worker-1\"\n3 failed 1763812345679 failed 2 1 1 \"corrupt\" \"\"\n")
	f.Add("")
	f.Add("2 started\n")
	f.Add("x y z\n\n")
	f.Add("1 a 1 b 1 1 1 \"\\x00\\\"\" `raw`")
	f.Fuzz(func(t *testing.T, lines string) {
		once, err := sqlitejobs.Events(lines)
		if err != nil {
			return
		}
		// What can be read is written in one way only.
		twice, err := sqlitejobs.Events(once)
		if err != nil || twice != once {
			t.Errorf("read %q, then %q, %v", once, twice, err)
		}
	})
}

func FuzzLedger(f *testing.F) {
	f.Add("1 1 {\"n\":1,\"tier\":1,\"kind\":\"call\",\"outcome\":\"\"}\n1 1 {\"n\":1,\"tier\":1,\"kind\":\"call\",\"outcome\":\"ok\"}\n")
	f.Add("")
	f.Add("1 1\n")
	f.Add("1 x {}\n")
	f.Add("2 1 {\"n\":1}\n1 2 null\n")
	f.Fuzz(func(t *testing.T, lines string) {
		rows, err := sqlitejobs.ParseLedger(lines)
		if err != nil {
			return
		}
		if !slices.IsSortedFunc(rows, func(a, b jobs.Attempt) int { return a.Generation - b.Generation }) {
			t.Errorf("the rows are out of order: %+v", rows)
		}
	})
}

func FuzzPairs(f *testing.F) {
	f.Add("\"name\" \"value\"\n\"a\" \"\"\n")
	f.Add("\"name\"")
	f.Add("`raw` 'x'\n")
	f.Fuzz(func(t *testing.T, lines string) {
		index, err := sqlitejobs.ParsePairs(lines)
		if err != nil {
			return
		}
		again, err := sqlitejobs.Pairs(index)
		if err != nil || !maps.Equal(index, again) {
			t.Errorf("read %q, then %q, %v", index, again, err)
		}
	})
}

func TestTheLiveSetIsASetThatSurvivesStoring(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, model, stored := sqlitejobs.NewLiveSet(), make(map[int64]bool), make(map[int64][]byte)
		seq := rapid.OneOf(rapid.Int64Range(1, 200), rapid.Int64Range(4090, 4100), rapid.Int64Range(1, 1<<40))
		t.Repeat(map[string]func(*rapid.T){
			"flip": func(t *rapid.T) {
				n := seq.Draw(t, "seq")
				if set.Has(n) != model[n] {
					t.Fatalf("has %d: %t", n, set.Has(n))
				}
				if model[n] {
					set.Remove(n)
					delete(model, n)
				} else {
					set.Add(n)
					model[n] = true
				}
			},
			"reload": func(t *rapid.T) {
				var ok bool
				if set, ok = set.Reloaded(stored); !ok {
					t.Fatal("a stored chunk cannot be read")
				}
			},
			"": func(t *rapid.T) {
				want := slices.Sorted(maps.Keys(model))
				if diff := cmp.Diff(want, set.All(), cmpopts.EquateEmpty()); diff != "" || set.Len() != len(want) {
					t.Fatalf("%d seqs (-want +got):\n%s", set.Len(), diff)
				}
			},
		})
	})
}

func TestMomentsComeInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type entry struct{ At, Seq int64 }
		var m sqlitejobs.Moments
		var model []entry
		for i := range rapid.IntRange(0, 3000).Draw(t, "n") {
			e := entry{rapid.Int64Range(0, 50).Draw(t, "at"), int64(i)}
			m.Add(e.At, e.Seq)
			model = append(model, e)
		}
		now := rapid.Int64Range(-1, 60).Draw(t, "now")
		holds := func(seq int64) bool { return seq%7 == 0 }
		if m.Tidy(len(model)/7, holds); m.Len() < len(model) {
			model = slices.DeleteFunc(model, func(e entry) bool { return !holds(e.Seq) })
		}
		model = slices.DeleteFunc(model, func(e entry) bool { return e.At > now })
		slices.SortFunc(model, func(a, b entry) int {
			if a.At != b.At {
				return int(a.At - b.At)
			}
			return int(a.Seq - b.Seq)
		})
		var got []entry
		for at, seq, ok := m.Next(now); ok; at, seq, ok = m.Next(now) {
			got = append(got, entry{at, seq})
		}
		if diff := cmp.Diff(model, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("due by %d (-want +got):\n%s", now, diff)
		}
	})
}
