package sqlitejobs_test

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// TestJobsThatAreDoneHideNoneThatIsNearlyDue has as many jobs with earlier
// deadlines as one call looks at, all of them done.
func TestJobsThatAreDoneHideNoneThatIsNearlyDue(t *testing.T) {
	t.Parallel()
	clock := jobstest.NewClock()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir(), Clock: clock.Now})
	in := func(d time.Duration) func(*jobs.Submission) {
		return func(s *jobs.Submission) { s.DeadlineAt = clock.Now().Add(d) }
	}
	accept(t, e, submissions(jobs.MaxSweep, "done", in(time.Minute))...)
	for left := jobs.MaxSweep; left > 0; {
		loans := lend(t, e, jobs.MaxLend)
		for _, l := range loans {
			finish(t, e, l, succeed())
		}
		left -= len(loans)
	}
	accept(t, e, submission("due", in(2*time.Minute)))
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1, DueBy: clock.Now().Add(time.Hour)})
	if err != nil || len(loans) != 1 || loans[0].Job.ID != "due" {
		t.Errorf("lent %d jobs, %v; want the one that is due", len(loans), err)
	}
}
