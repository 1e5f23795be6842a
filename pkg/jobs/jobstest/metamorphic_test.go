package jobstest_test

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

func TestEnginesThatDifferAreFoundOut(t *testing.T) {
	// The failures are wanted: no files of them, and no long search for the
	// shortest.
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "100ms"} {
		f := flag.Lookup(name)
		old := f.Value.String()
		if err := f.Value.Set(value); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := f.Value.Set(old); err != nil {
				t.Error(err)
			}
		}()
	}
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
