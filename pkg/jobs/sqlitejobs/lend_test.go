package sqlitejobs_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
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
		var group sync.WaitGroup // one commit for many
		for _, l := range loans {
			group.Go(func() {
				if _, err := e.Finish(t.Context(), l.Lease, succeed()); err != nil {
					t.Errorf("finish: %v", err)
				}
			})
		}
		group.Wait()
		left -= len(loans)
	}
	accept(t, e, submission("due", in(2*time.Minute)))
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1, DueBy: clock.Now().Add(time.Hour)})
	if err != nil || len(loans) != 1 || loans[0].Job.ID != "due" {
		t.Errorf("lent %d jobs, %v; want the one that is due", len(loans), err)
	}
}

// late is a submission's deadline in the past.
func late(s *jobs.Submission) { s.DeadlineAt = time.Now().Add(-time.Second) }

// TestAWaitEndsInTimeWhateverTheCallFoundLate lets a call's time run out while
// the writer has it and has expired as many jobs as one commit may.
func TestAWaitEndsInTimeWhateverTheCallFoundLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, sqlitejobs.Config{Dir: t.TempDir()})
		accept(t, e, submissions(jobs.MaxSweep, "late", late)...)
		release := e.Hold()
		began := time.Now()
		answered := make(chan time.Duration, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go func() {
			loans, err := e.Lend(ctx, jobs.LendRequest{Worker: "w", Max: 1, Slots: 1, Wait: time.Second})
			if err != nil || len(loans) != 0 {
				t.Errorf("lent %d jobs, %v; want none", len(loans), err)
			}
			answered <- time.Since(began)
		}()
		synctest.Wait()
		held := e.HoldNext()
		release()
		<-held.Reached
		time.Sleep(2 * time.Second)
		held.Release()
		if took := <-answered; took != 2*time.Second {
			t.Errorf("answered after %s, want when the writer goes on after 2s", took)
		}
	})
}

// TestALateJobEndsNoWait gives a call that waits a job that is late already.
func TestALateJobEndsNoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, sqlitejobs.Config{Dir: t.TempDir()})
		lent := make(chan []jobs.Loan, 1)
		go func() {
			loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1, Wait: time.Minute})
			if err != nil {
				t.Errorf("lend: %v", err)
			}
			lent <- loans
		}()
		synctest.Wait()
		accept(t, e, submission("late", late))
		accept(t, e, submission("a"))
		if loans := <-lent; len(loans) != 1 || loans[0].Job.ID != "a" {
			t.Errorf("lent %d jobs, want the one that is not late", len(loans))
		}
	})
}
