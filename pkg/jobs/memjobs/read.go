package memjobs

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Get implements [jobs.Engine].
func (e *Engine) Get(ctx context.Context, tenant string, id jobs.ID) (jobs.Job, error) {
	return read(ctx, e, tenant, id, func(r *row) jobs.Job { return cloneJob(r.job) })
}

// Document implements [jobs.Engine].
func (e *Engine) Document(ctx context.Context, tenant string, id jobs.ID) ([]byte, error) {
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	defer e.end()
	r, err := e.find(tenant, id)
	if err != nil {
		return nil, err
	}
	if r.job.State == jobs.Erased {
		return nil, fmt.Errorf("document of an erased job: %w", jobs.ErrNotFound)
	}
	return bytes.Clone(r.body), nil
}

// Attempts implements [jobs.Engine].
func (e *Engine) Attempts(ctx context.Context, tenant string, id jobs.ID) ([]jobs.Attempt, error) {
	return read(ctx, e, tenant, id, func(r *row) []jobs.Attempt { return slices.Clone(r.attempts) })
}

// History implements [jobs.Engine].
func (e *Engine) History(ctx context.Context, tenant string, id jobs.ID, after int64) ([]jobs.Event, error) {
	return read(ctx, e, tenant, id, func(r *row) []jobs.Event {
		var events []jobs.Event
		for _, ev := range r.events {
			if ev.Version > after {
				events = append(events, ev)
			}
		}
		return events
	})
}

// read answers one question about one job.
func read[T any](ctx context.Context, e *Engine, tenant string, id jobs.ID, answer func(*row) T) (T, error) {
	var none T
	if err := e.begin(ctx); err != nil {
		return none, err
	}
	defer e.end()
	r, err := e.find(tenant, id)
	if err != nil {
		return none, err
	}
	return answer(r), nil
}

// ByKey implements [jobs.Engine].
func (e *Engine) ByKey(ctx context.Context, tenant, key string) (jobs.Job, error) {
	if err := e.begin(ctx); err != nil {
		return jobs.Job{}, err
	}
	defer e.end()
	r := e.byKey(tenant, key, e.now())
	if r == nil {
		return jobs.Job{}, fmt.Errorf("idempotency key: %w", jobs.ErrNotFound)
	}
	return cloneJob(r.job), nil
}

// List implements [jobs.Engine].
func (e *Engine) List(ctx context.Context, f jobs.Filter, p jobs.Page) ([]jobs.Job, error) {
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	defer e.end()
	p = p.WithDefaults()
	var found []jobs.Job
	for id, r := range e.store.jobs {
		if (p.Before == "" || id < p.Before) && f.Match(r.job) {
			found = append(found, r.job)
		}
	}
	slices.SortFunc(found, func(a, b jobs.Job) int { return cmp.Compare(b.ID, a.ID) })
	found = found[:min(len(found), p.Limit)]
	for i, j := range found {
		found[i] = listed(j)
	}
	return found, nil
}

// listed is j as it stands in lists.
func listed(j jobs.Job) jobs.Job {
	j.Result = nil
	j = cloneJob(j)
	if j.Review != nil {
		j.Review.Candidates, j.Review.Draft = nil, nil
	}
	return j
}
