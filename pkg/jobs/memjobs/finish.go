package memjobs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Extend implements [jobs.Engine].
func (e *Engine) Extend(ctx context.Context, leases []jobs.Lease, d time.Duration) ([]jobs.LeaseState, error) {
	if d <= 0 {
		return nil, fmt.Errorf("%w: extension of %s, want more than 0", jobs.ErrInvalid, d)
	}
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	defer e.end()
	until := jobs.Stamp(e.now().Add(d))
	states := make([]jobs.LeaseState, len(leases))
	for i, l := range leases {
		r, err := e.held(l)
		if err != nil {
			continue
		}
		r.job.Lease.Until = until
		states[i] = jobs.LeaseState{Held: true, Until: until, CancelAsked: r.job.CancelAsked}
	}
	return states, nil
}

// held returns the row of the job that l is the current lease of.
func (e *Engine) held(l jobs.Lease) (*row, error) {
	r, ok := e.store.jobs[l.Job]
	if !ok {
		return nil, fmt.Errorf("%w: there is no such job", jobs.ErrStaleLease)
	}
	return r, r.job.Holds(l)
}

// PutAttempts implements [jobs.Engine].
func (e *Engine) PutAttempts(ctx context.Context, l jobs.Lease, rows ...jobs.Attempt) error {
	for _, a := range rows {
		if err := a.Validate(); err != nil {
			return err
		}
	}
	if err := e.begin(ctx); err != nil {
		return err
	}
	defer e.end()
	r, err := e.held(l)
	if err != nil {
		return err
	}
	r.putAttempts(rows)
	return nil
}

// putAttempts writes rows of the job's current generation.
func (r *row) putAttempts(rows []jobs.Attempt) {
	for _, a := range rows {
		a.Generation = r.job.Generation
		a.StartedAt, a.EndedAt = jobs.Stamp(a.StartedAt), jobs.Stamp(a.EndedAt)
		i, found := slices.BinarySearchFunc(r.attempts, a, byNumber)
		if found {
			r.attempts[i] = a
		} else {
			r.attempts = slices.Insert(r.attempts, i, a)
		}
	}
}

func byNumber(a, b jobs.Attempt) int {
	return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.N, b.N))
}

// Finish implements [jobs.Engine].
func (e *Engine) Finish(ctx context.Context, l jobs.Lease, o jobs.Outcome) (jobs.Job, error) {
	if err := o.Validate(); err != nil {
		return jobs.Job{}, err
	}
	if err := e.begin(ctx); err != nil {
		return jobs.Job{}, err
	}
	defer e.end()
	if r, ok := e.store.jobs[l.Job]; ok && r.job.Settled(l) {
		return cloneJob(r.job), nil
	}
	r, err := e.held(l)
	if err != nil {
		return jobs.Job{}, err
	}
	now := e.now()
	after := r.job
	ev, err := after.Settle(l, cloneOutcome(o), e.cfg.Policy, now)
	if err != nil {
		return jobs.Job{}, err
	}
	if err := e.write(o.Writes, now); err != nil {
		return jobs.Job{}, err
	}
	r.putAttempts(o.Attempts)
	e.change(r, after, ev, o.Service)
	return cloneJob(after), nil
}
