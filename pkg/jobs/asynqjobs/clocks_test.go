package asynqjobs_test

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// TestClocksThatDifferTurnNoHistoryBack lets processes whose clocks are up to
// a second apart move one job: each event is at least as late as the one
// before.
func TestClocksThatDifferTurnNoHistoryBack(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	began := time.Now()
	at := func(ahead time.Duration) *asynqjobs.Engine {
		return open(t, r, func(c *asynqjobs.Config) { c.Clock = func() time.Time { return began.Add(ahead) } })
	}
	fast, middle, slow := at(time.Second), at(500*time.Millisecond), at(0)
	one, two := numbered(1), numbered(2)
	accept(t, fast, one, two)

	give := func(e *asynqjobs.Engine, o jobs.Outcome) {
		t.Helper()
		loans := lend(t, slow, "w", 1)
		if len(loans) != 1 {
			t.Fatalf("lent %d, want 1", len(loans))
		}
		if _, err := e.Finish(t.Context(), loans[0].Lease, o); err != nil {
			t.Fatal(err)
		}
	}
	give(middle, jobs.Outcome{Kind: jobs.Release, Reason: "shutdown"})
	give(slow, jobs.Outcome{Kind: jobs.Park, Reason: "gated", Until: began.Add(time.Millisecond)})
	if _, err := middle.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		give(slow, jobs.Outcome{Kind: jobs.Succeed, Tier: 3, Result: &jobs.Result{Data: []byte(`{}`)}})
	}
	jobstest.CheckHistories(t, slow, []jobs.ID{one.ID, two.ID})
}
