package jobstest_test

import (
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// expectFailures makes rapid write no files of failures and search for the
// shortest only briefly: here they are wanted.
func expectFailures(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "20ms"} {
		f := flag.Lookup(name)
		old := f.Value.String()
		if err := f.Value.Set(value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := f.Value.Set(old); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEnginesThatDifferAreFoundOut(t *testing.T) {
	expectFailures(t)
	sameTenant := func(subs []jobs.Submission) []jobs.Submission {
		subs = slices.Clone(subs)
		for i := range subs {
			subs[i].Tenant = "acme"
		}
		return subs
	}
	for name, as := range map[string]bent{
		"one forgets tenants": {accept: sameTenant},
		"one has an attempt fewer": {attempts: func(as []jobs.Attempt) []jobs.Attempt {
			return as[:max(0, len(as)-1)]
		}},
		"one miscounts the parked": {stats: func(s jobs.Stats) jobs.Stats {
			for i := range s.Queues {
				s.Queues[i].Parked = 0
			}
			return s
		}},
	} {
		t.Run(name, func(t *testing.T) {
			straight := jobstest.Reference(jobstest.Features{})
			got := watch(t, func(tb testing.TB) { jobstest.Metamorphic(tb, straight, bentHarness(as), 100) })
			if !strings.Contains(got, "engines differ") {
				t.Errorf("the difference was not found: %s", got)
			}
		})
	}
}

func TestArchivesThatDifferAreFoundOut(t *testing.T) {
	expectFailures(t)
	inReview := func(change func(*jobs.Review)) bent {
		return bent{get: func(j jobs.Job) jobs.Job {
			if j.Review != nil {
				r := *j.Review
				change(&r)
				j.Review = &r
			}
			return j
		}}
	}
	for name, as := range map[string]bentArchive{
		"one forgets claims":      {bent: inReview(func(r *jobs.Review) { r.ClaimedBy, r.ClaimedUntil = "", time.Time{} })},
		"one forgets drafts":      {bent: inReview(func(r *jobs.Review) { r.Draft = nil })},
		"one moves reviews":       {bent: inReview(func(r *jobs.Review) { r.Since = r.DueAt })},
		"one forgets batches":     {bent: bent{get: func(j jobs.Job) jobs.Job { j.Batch = ""; return j }}},
		"one repeats operations":  {bent: bent{apply: func(c jobs.Command) jobs.Command { c.Operation = ""; return c }}},
		"one does not erase":      {bent: bent{document: func(data []byte, _ error) ([]byte, error) { return data, nil }}},
		"one forgets the removed": {bent: bent{stats: func(s jobs.Stats) jobs.Stats { s.Removed = nil; return s }}},
		"one serves no time": {bent: bent{stats: func(s jobs.Stats) jobs.Stats {
			for i := range s.Queues {
				s.Queues[i].Service = 0
			}
			return s
		}}},
		"one miscounts": {count: func(n int64) int64 { return min(n, 2) }},
		"one has a group fewer": {groups: func(gs []jobs.Group) []jobs.Group {
			return gs[:max(0, len(gs)-1)]
		}},
		"one samples another": {groups: func(gs []jobs.Group) []jobs.Group {
			for i := range gs {
				gs[i].Sample = "job_000001"
			}
			return gs
		}},
		"one keeps by age alone": {retain: func(r jobs.Retention) jobs.Retention {
			r.MaxCount = nil
			return r
		}},
		"one keeps by count alone": {retain: func(r jobs.Retention) jobs.Retention {
			r.MaxAge = nil
			return r
		}},
		"one gives money away": {spent: func(cost int64) int64 { return min(cost, 1<<40) }},
	} {
		t.Run(name, func(t *testing.T) {
			straight := jobstest.Reference(jobstest.Features{})
			got := watch(t, func(tb testing.TB) { jobstest.Metamorphic(tb, straight, bentArchives(as), 100) })
			if !strings.Contains(got, "engines differ") && !strings.Contains(got, "the first engine says") {
				t.Errorf("the difference was not found: %s", got)
			}
		})
	}
}

func TestAnEngineWithoutAnArchiveIsRefused(t *testing.T) {
	h := bending(func(e jobs.Engine) jobs.Engine { return bent{Engine: e} })
	got := watch(t, func(tb testing.TB) { jobstest.Metamorphic(tb, h, h, 1) })
	if !strings.Contains(got, "is no archive") {
		t.Errorf("got %q", got)
	}
}

func TestFeaturesThatDifferCannotBeCompared(t *testing.T) {
	a := jobstest.Reference(jobstest.Features{Persistent: true})
	b := jobstest.Reference(jobstest.Features{Persistent: true, HoldersDieWithStore: true})
	got := watch(t, func(tb testing.TB) { jobstest.Metamorphic(tb, a, b, 1) })
	if !strings.Contains(got, "features differ") {
		t.Errorf("got %q", got)
	}
}

func TestTheNumberOfSequencesComesFromTheEnvironment(t *testing.T) {
	t.Setenv("SLUICE_METAMORPHIC", "")
	if got := jobstest.Sequences(t, 7); got != 7 {
		t.Errorf("got %d, want 7", got)
	}
	t.Setenv("SLUICE_METAMORPHIC", "10000")
	if got := jobstest.Sequences(t, 7); got != 10000 {
		t.Errorf("got %d, want 10000", got)
	}
	for _, wrong := range []string{"many", "0", "-1"} {
		t.Setenv("SLUICE_METAMORPHIC", wrong)
		got := watch(t, func(tb testing.TB) { jobstest.Sequences(tb, 7) })
		if !strings.Contains(got, "want a number of sequences") {
			t.Errorf("%q: got %q", wrong, got)
		}
	}
}
