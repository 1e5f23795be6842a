package memjobs

import (
	"bytes"
	"context"

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
	defer e.end()
	r, err := e.find(c.Tenant, c.Job)
	if err != nil {
		return jobs.Job{}, err
	}
	c.Result, c.Draft = cloneResult(c.Result), bytes.Clone(c.Draft)
	after := r.job
	ev, changed, err := after.Apply(c, e.store.seq+1, e.now())
	if err != nil {
		return jobs.Job{}, err
	}
	if changed {
		if after.State == jobs.Erased {
			r.body = nil
		}
		e.store.seq = max(e.store.seq, after.Seq)
		e.change(r, after, ev, 0)
	}
	return cloneJob(after), nil
}
