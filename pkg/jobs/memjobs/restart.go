package memjobs

import (
	"cmp"
	"slices"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Restart closes e and returns an engine with the same jobs, set up by c, as a
// store would be found after a restart: without bulkheads and workers, with a
// new epoch of tokens and a scheduler filled anew. It exists so that engines
// that persist have a model to be compared with.
//
// Where holdersDie says that those who hold loans end with the store, as in a
// process of its own, running jobs are taken back at once in the order of Seq;
// else each lease lasts another [jobs.DefaultLease].
func (e *Engine) Restart(c Config, holdersDie bool) (*Engine, error) {
	if err := e.Close(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	s := e.store
	e.mu.Unlock()
	next, err := open(c, s)
	if err != nil {
		return nil, err
	}
	next.mu.Lock()
	defer next.end()
	next.recover(holdersDie)
	return next, nil
}

func (e *Engine) recover(holdersDie bool) {
	now := e.now()
	rows := make([]*row, 0, len(e.store.jobs))
	for _, r := range e.store.jobs {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(a.job.Seq, b.job.Seq) })
	for _, r := range rows {
		switch {
		case r.job.State == jobs.Queued:
			e.enqueue(r)
		case r.job.State == jobs.Running && !holdersDie:
			r.job.Lease.Until = jobs.Stamp(now.Add(jobs.DefaultLease))
			e.sched.Started(r.job.Lane, r.job.Tenant, millis(r.job.Cost))
		case r.job.State == jobs.Running:
			after := r.job
			ev, err := after.Reap(e.cfg.Policy, now)
			mustMove(err)
			e.change(r, after, ev, 0) // the new scheduler knows no permit to free
		}
	}
}
