package operations_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// A store in trouble makes its driver begin again and again. Each beginning
// must not be a job more than the rate allows.
func TestARateIsKeptOverAStoreInTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.failed(60)
		e := &jobstest.Faulty{Engine: s.Engine, Plan: func(call string, n int) jobstest.Fault {
			if call == "Records.Get" && n%6 == 5 {
				return jobstest.ErrorBefore
			}
			return jobstest.None
		}}
		var mu sync.Mutex
		worked, failures := 0, 0
		o := process(t, e, func(c *operations.Config) {
			c.Events.Worked = func(operations.Operation, operations.Result, string) { mu.Lock(); defer mu.Unlock(); worked++ }
			c.Events.Failed = func(jobs.ID, error) { mu.Lock(); defer mu.Unlock(); failures++ }
		})
		run(t, o)
		create(t, process(t, s), operations.Order{Action: operations.Requeue, Rate: 0.1}, true)
		time.Sleep(100 * time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if failures < 10 || worked < 8 || worked > 11 {
			t.Errorf("%d jobs in 100 s at 0.1/s, with %d failures", worked, failures)
		}
	})
}
