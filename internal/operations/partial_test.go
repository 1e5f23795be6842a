package operations_test

import (
	"context"
	"testing"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// impatient is a store that gives each list up after one job.
type impatient struct{ *shop }

func (s impatient) List(ctx context.Context, f jobs.Filter, p jobs.Page) ([]jobs.Job, error) {
	found, err := s.shop.List(ctx, f, jobs.Page{Before: p.Before, Limit: 1})
	if err != nil || len(found) == 0 {
		return found, err
	}
	return found, &jobs.PartialError{Looked: 1, Next: found[0].ID}
}

func TestASelectionGoesOnBehindAPartialList(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.failed(10)
	op := create(t, process(t, impatient{s}), operations.Order{Action: operations.Requeue}, false)
	if op.Selection.Matched != 10 || op.Selection.Selected != 10 {
		t.Errorf("selected %+v", op.Selection)
	}
}
