package worker_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// dial is a pace that a test turns.
type dial struct {
	mu    sync.Mutex
	most  int
	dueIn time.Duration
}

func (d *dial) set(most int, dueIn time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.most, d.dueIn = most, dueIn
}

func (d *dial) pace() tiers.Pace {
	d.mu.Lock()
	defer d.mu.Unlock()
	return tiers.Pace{Most: d.most, DueBy: time.Now().Add(d.dueIn)}
}

func TestAWorkerHoldsNoMoreJobsThanItsPaceAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		accept(t, e, 40)
		var mu sync.Mutex
		running, most := 0, 0
		d := &dial{most: 2, dueIn: time.Minute}
		r, w := start(t, e, e, worker.Config{Slots: 8, Pace: d.pace}, time.Minute, func(context.Context, jobs.Loan, worker.Holding) (jobs.Outcome, error) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(5 * time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			return succeed(), nil
		})
		atMost := func() int {
			mu.Lock()
			defer mu.Unlock()
			return most
		}
		time.Sleep(19 * time.Second)
		if most := atMost(); most != 2 || w.Load().Done != 6 {
			t.Errorf("at most %d jobs ran at once and %d are done after 19 s, want 2 and 6", most, w.Load().Done)
		}
		d.set(0, time.Minute)
		time.Sleep(30 * time.Second)
		if done := w.Load().Done; done != 8 {
			t.Errorf("%d jobs are done, want the 8 that were lent before the pace fell to 0", done)
		}
		d.set(tiers.Unlimited, time.Minute)
		time.Sleep(30 * time.Second)
		if done, most := w.Load().Done, atMost(); done != 40 || most != 7 {
			t.Errorf("%d jobs are done with at most %d at once, want 40 and 7: one slot is kept for critical", done, most)
		}
		r.finish()
	})
}

func TestAWorkerThatHoldsBackStillTakesWhatIsNearlyDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		ids := accept(t, e, 3) // due in an hour
		began := time.Now()
		var mu sync.Mutex
		at := map[jobs.ID]time.Duration{}
		d := &dial{dueIn: time.Minute}
		r, _ := start(t, e, e, worker.Config{Slots: 2, Pace: d.pace}, time.Minute, func(_ context.Context, l jobs.Loan, _ worker.Holding) (jobs.Outcome, error) {
			mu.Lock()
			defer mu.Unlock()
			at[l.Job.ID] = time.Since(began).Round(time.Second)
			return succeed(), nil
		})
		time.Sleep(2 * time.Hour)
		r.finish()
		want := map[jobs.ID]time.Duration{ids[0]: 59 * time.Minute, ids[1]: 59 * time.Minute, ids[2]: 59 * time.Minute}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("lent at (-want +got):\n%s", diff)
		}
		for _, id := range ids {
			if j := state(t, e, id); j.Version != 3 {
				t.Errorf("%s has version %d, want 3: accepted, lent, done", id, j.Version)
			}
		}
	})
}
