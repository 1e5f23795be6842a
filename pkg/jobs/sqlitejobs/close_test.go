package sqlitejobs_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// TestACallerMayLeaveWhileTheEngineCloses is for the race detector: what goes on
// after a caller has left begins while Close waits for it, or after.
func TestACallerMayLeaveWhileTheEngineCloses(t *testing.T) {
	t.Parallel()
	for range 40 {
		e, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		accept(t, e, submission("a"))
		release := e.Hold()
		ctx, cancel := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		callers.Go(func() {
			loans, err := e.Lend(ctx, jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
			if err != nil && !errors.Is(err, context.Canceled) || err == nil && len(loans) != 1 {
				t.Errorf("lent %d jobs, %v; want one, or the context's error", len(loans), err)
			}
		})
		for e.Waiting() < 1 {
			runtime.Gosched()
		}
		held := e.HoldNext()
		release()
		<-held.Reached
		callers.Go(func() {
			if err := e.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		callers.Go(cancel)
		held.Release()
		callers.Wait()
	}
}
