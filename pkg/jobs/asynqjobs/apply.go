package asynqjobs

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Apply implements [jobs.Engine].
func (e *Engine) Apply(ctx context.Context, c jobs.Command) (jobs.Job, error) {
	if err := c.Validate(); err != nil {
		return jobs.Job{}, err
	}
	if err := e.begin(ctx); err != nil {
		return jobs.Job{}, err
	}
	missing := fmt.Errorf("job: %w", jobs.ErrNotFound)
	var file string
	after, err := e.move(ctx, c.Job, nil, missing, func(before jobs.Job, now time.Time) (change, bool, error) {
		if c.Tenant != "" && before.Tenant != c.Tenant {
			return change{}, false, missing
		}
		if c.Kind == jobs.Erase {
			var err error
			if file, err = e.fileOf(ctx, c.Job); err != nil {
				return change{}, false, err
			}
		}
		after := before
		ev, changed, err := after.Apply(c, freshSeq, now)
		return change{after: after, event: ev}, changed, err
	})
	if err != nil {
		return jobs.Job{}, err
	}
	if file != "" && after.State == jobs.Erased {
		e.blobs.remove(file)
	}
	return after, nil
}
