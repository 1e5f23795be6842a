package memjobs

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// worker is what the engine knows of one that asks for loans.
type worker struct {
	slots   int
	waiting int       // calls of Lend under way
	heard   time.Time // when the last one ended
}

// Lend implements [jobs.Engine]. The wait is measured by the real clock.
func (e *Engine) Lend(ctx context.Context, req jobs.LendRequest) ([]jobs.Loan, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if req.Lease == 0 {
		req.Lease = jobs.DefaultLease
	}
	if err := e.arrive(ctx, req); err != nil {
		return nil, err
	}
	defer e.leave(req)
	over := time.NewTimer(req.Wait)
	defer over.Stop()
	for {
		loans, changed, err := e.lendNow(ctx, req)
		if err != nil || len(loans) > 0 || req.Wait == 0 {
			return loans, err
		}
		select {
		case <-changed:
		case <-over.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// arrive notes that a worker asks.
func (e *Engine) arrive(ctx context.Context, req jobs.LendRequest) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	defer e.end()
	w := e.workers[req.Worker]
	if w == nil {
		w = &worker{}
		e.workers[req.Worker] = w
	}
	w.waiting++
	if w.slots != req.Slots {
		w.slots = req.Slots
		e.wake() // more slots may let others have more
	}
	return nil
}

// leave notes that a worker's call ended. It works on a closed engine too.
func (e *Engine) leave(req jobs.LendRequest) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.workers[req.Worker]
	w.waiting--
	w.heard = e.now()
}

// fleet forgets the workers that were not heard of lately and sums the slots
// of the others.
func (e *Engine) fleet(now time.Time) (slots, workers int) {
	for name, w := range e.workers {
		if w.waiting == 0 && !now.Before(w.heard.Add(jobs.WorkerMemory)) {
			delete(e.workers, name)
			continue
		}
		slots += w.slots
		workers++
	}
	return slots, workers
}

// SetBulkheads implements [jobs.Engine].
func (e *Engine) SetBulkheads(ctx context.Context, bs ...jobs.Bulkhead) error {
	for _, b := range bs {
		if err := b.Validate(); err != nil {
			return err
		}
	}
	if err := e.begin(ctx); err != nil {
		return err
	}
	defer e.end()
	for _, b := range bs {
		e.sched.SetTenant(b.Tenant, priority.Tenant{Weight: b.Weight, MaxRunning: b.MaxRunning, Paused: b.Paused})
	}
	e.wake()
	return nil
}

// lendNow lends what can be lent at this moment. The channel is closed when it
// is worth trying again.
func (e *Engine) lendNow(ctx context.Context, req jobs.LendRequest) ([]jobs.Loan, <-chan struct{}, error) {
	if err := e.begin(ctx); err != nil {
		return nil, nil, err
	}
	defer e.end()
	now := e.now()
	slots, _ := e.fleet(now)
	e.sched.SetSlots(slots)
	if !req.DueBy.IsZero() {
		return e.lendDue(req, now), e.changed, nil
	}
	var loans []jobs.Loan
	for len(loans) < req.Max {
		lane, tenant, entry, ok := e.sched.Pick(now.UnixMilli())
		if !ok {
			break
		}
		r := e.store.bySeq[entry.Seq]
		if !now.Before(r.job.DeadlineAt) {
			e.expire(r, now)
			e.sched.Done(lane, tenant, entry.Cost, 0)
			continue
		}
		loans = append(loans, e.lend(r, req, now))
	}
	return loans, e.changed, nil
}

// lendDue lends the jobs whose deadlines are near, nearest first.
func (e *Engine) lendDue(req jobs.LendRequest, now time.Time) []jobs.Loan {
	var due []*row
	for _, r := range e.store.jobs {
		if j := &r.job; j.State == jobs.Queued && now.Before(j.DeadlineAt) && !j.DeadlineAt.After(req.DueBy) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *row) int {
		return cmp.Or(a.job.DeadlineAt.Compare(b.job.DeadlineAt), cmp.Compare(a.job.Seq, b.job.Seq))
	})
	var loans []jobs.Loan
	for _, r := range due {
		if len(loans) == req.Max {
			break
		}
		if _, ok := e.sched.Take(r.job.Lane, r.job.Tenant, r.job.Seq); ok {
			loans = append(loans, e.lend(r, req, now))
		}
	}
	return loans
}

// lend makes a loan of a job that the scheduler picked.
func (e *Engine) lend(r *row, req jobs.LendRequest, now time.Time) jobs.Loan {
	lease := jobs.Lease{Job: r.job.ID, Token: e.token(), Worker: req.Worker, Until: jobs.Stamp(now.Add(req.Lease))}
	after := r.job
	ev, err := after.Lend(lease, now)
	mustMove(err)
	e.change(r, after, ev, 0)
	current := r.attempts[r.generation(after.Generation):]
	jobs.MarkLost(current, now)
	return jobs.Loan{Lease: lease, Job: cloneJob(after), Attempts: slices.Clone(current)}
}

// generation is the index of the first attempt of generation g or later.
func (r *row) generation(g int) int {
	for i, a := range r.attempts {
		if a.Generation >= g {
			return i
		}
	}
	return len(r.attempts)
}

func (e *Engine) expire(r *row, now time.Time) {
	after := r.job
	ev, err := after.Expire(now)
	mustMove(err)
	e.change(r, after, ev, 0)
}

// token makes the token of the next loan.
func (e *Engine) token() jobs.Token {
	if e.store.tokens == math.MaxUint32 {
		e.store.epoch, e.store.tokens = e.store.epoch+1, 0
	}
	e.store.tokens++
	return jobs.NewToken(e.store.epoch, e.store.tokens)
}

// mustMove panics where the engine moved a job that it found in the right
// state under the same lock, so that an error is a mistake in this package.
func mustMove(err error) {
	if err != nil {
		panic(fmt.Sprintf("memjobs: %v", err))
	}
}
