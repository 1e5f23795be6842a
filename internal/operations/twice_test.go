package operations_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// TestWritesThatHappenTwiceSkipNoPart lets a write of the driver be slow, so
// that its lease wants renewing, and doubles the two after it: the driver goes
// on to the next part without learning that it did, and while it finds that
// out, its renewal seems to fail too.
func TestWritesThatHappenTwiceSkipNoPart(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		reached := false
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t)
			ids := s.failed(10)
			o := process(t, s)
			op := create(t, o, operations.Order{Action: operations.Requeue}, true)
			run(t, process(t, &jobstest.Faulty{Engine: s.Engine, Delay: 2 * time.Second, Plan: func(method string, n int) jobstest.Fault {
				switch {
				case method != "Records.Put" || n < at || n > at+2:
					return jobstest.None
				case n == at:
					reached = true
					return jobstest.Slow
				default:
					return jobstest.Doubled
				}
			}}))
			time.Sleep(30 * time.Second)
			if got := s.inspect(o, op.ID, newest(ids)); got.State != operations.Succeeded || got.Progress.Applied != 10 {
				t.Errorf("slow at write %d: %s with %+v", at, got.State, got.Progress)
			}
		})
		if !reached {
			if at < 8 {
				t.Errorf("%d writes only", at-1)
			}
			return
		}
	}
}
