package operations_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// stalling is an engine whose second list takes long.
type stalling struct {
	operations.Engine
	lists int
	stall func()
}

func (e *stalling) List(ctx context.Context, f jobs.Filter, p jobs.Page) ([]jobs.Job, error) {
	if e.lists++; e.lists == 2 {
		e.stall()
	}
	p.Limit = 4
	found, err := e.Engine.List(ctx, f, p)
	if err == nil && len(found) == p.Limit {
		err = &jobs.PartialError{Next: found[len(found)-1].ID} // goes on behind it
	}
	return found, err
}

// A selection that is silent for too long is removed by whoever tidies up. Who
// makes it still writes a part then, which nobody else would find again.
func TestASelectionThatIsRemovedInTheMakingLeavesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.failed(20)
		other := process(t, s)
		e := &stalling{Engine: s, stall: func() {
			time.Sleep(10 * time.Minute)
			if err := other.TidyOnce(t.Context()); err != nil {
				t.Error(err)
			}
		}}
		if op, err := process(t, e).Create(t.Context(), "", "k", operations.Order{Action: operations.Requeue}, true); !errors.Is(err, jobs.ErrConflict) && !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("%+v, error %v", op, err)
		}
		leftovers(t, s)
	})
}
