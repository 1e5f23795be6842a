package sqlitejobs

import (
	"context"
	"database/sql/driver"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// waiter is what a call of Lend asks and gets.
type waiter struct {
	req  jobs.LendRequest
	lent []lent
	// more says that so many late jobs were expired that the call must ask
	// again, so that no commit is without bound.
	more bool
	// over says that the caller's time is up.
	over atomic.Bool
}

// lent is a loan before it is decoded: the row as it was lent, which nobody
// changes, and the loan, which the writer may change at once.
type lent struct {
	row      *row
	loan     *loan
	attempts []jobs.Attempt
}

// goesOn reports whether the call waits for work after it found none.
func (w *waiter) goesOn() bool { return len(w.lent) == 0 && !w.more && w.req.Wait > 0 }

// Lend implements [jobs.Engine]. The wait is measured by the real clock.
func (e *Engine) Lend(ctx context.Context, req jobs.LendRequest) ([]jobs.Loan, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	if req.Lease == 0 {
		req.Lease = jobs.DefaultLease
	}
	e.fleet.arrive(req.Worker, req.Slots)
	defer func() { e.fleet.leave(req.Worker, e.cfg.Clock()) }()
	var over <-chan time.Time
	if req.Wait > 0 {
		timer := time.NewTimer(req.Wait)
		defer timer.Stop()
		over = timer.C
	}
	for {
		wt := &waiter{req: req}
		err := e.ask(ctx, wt, over)
		if err != nil {
			return nil, err
		}
		if !wt.more {
			return e.loans(wt)
		}
		if wt.over.Load() {
			req.Wait = 0 // the timer tells it only once
		}
	}
}

// ask brings a request for loans to the writer and waits for the answer, or
// for the end of the caller's patience.
func (e *Engine) ask(ctx context.Context, wt *waiter, over <-chan time.Time) error {
	c := &call{wait: wt, done: make(chan struct{})}
	c.do = func(t *tx) error { return t.lend(wt) }
	if !e.inbox.put(c) {
		return jobs.ErrClosed
	}
	for {
		select {
		case <-c.done:
			return c.err
		case <-over:
			wt.over.Store(true)
			if c.fate.CompareAndSwap(pending, abandoned) {
				return nil
			}
			over = nil // the writer has it and will see that the time is up
		case <-ctx.Done():
			if !c.fate.CompareAndSwap(pending, abandoned) {
				e.late.do(func() { e.giveBack(ctx, c) })
			}
			return ctx.Err()
		}
	}
}

// giveBack releases what a call got whose caller has left, so that the jobs
// need not wait for their leases to end.
func (e *Engine) giveBack(ctx context.Context, c *call) {
	ctx = context.WithoutCancel(ctx) // the caller's has ended; the engine's Close ends this
	c.wait.over.Store(true)
	if c.fate.CompareAndSwap(pending, abandoned) {
		return
	}
	<-c.done
	for _, l := range c.wait.lent {
		// If this fails the lease ends by itself.
		_, _ = e.Finish(ctx, l.row.job.Lease, jobs.Outcome{Kind: jobs.Release, Reason: "caller_left"})
	}
}

// loans decodes what was lent.
func (e *Engine) loans(wt *waiter) ([]jobs.Loan, error) {
	var loans []jobs.Loan
	for i := range wt.lent {
		l := &wt.lent[i]
		j, err := e.decodeLoan(l.loan, l.row)
		if err != nil {
			return nil, unavailable(err)
		}
		loans = append(loans, jobs.Loan{Lease: j.Lease, Job: j, Attempts: l.attempts})
	}
	return loans, nil
}

// lend lends what can be lent at this moment.
func (t *tx) lend(wt *waiter) error {
	wt.lent, wt.more = nil, false
	now := t.now()
	slots, _ := t.w.e.fleet.sum(now)
	t.sched.SetSlots(slots)
	if !wt.req.DueBy.IsZero() {
		return t.lendDue(wt, now)
	}
	for expired := 0; len(wt.lent) < wt.req.Max; {
		lane, tenant, picked, ok := t.sched.Pick(now.UnixMilli())
		if !ok {
			return nil
		}
		r, known, err := t.next(picked.Seq)
		if err != nil {
			return err
		}
		if now.Before(r.job.DeadlineAt) {
			l, err := t.lendOne(r, known, wt.req, now)
			if err != nil {
				return err
			}
			wt.lent = append(wt.lent, l)
			continue
		}
		if err := t.expire(r, now); err != nil {
			return err
		}
		t.sched.Done(lane, tenant, picked.Cost, 0)
		if expired++; expired == jobs.MaxSweep {
			wt.more = len(wt.lent) == 0
			return nil
		}
	}
	return nil
}

// lendDue lends the waiting jobs whose deadlines are near, nearest first. All
// that it looks at stays among the deadlines. Entries of jobs that are done go,
// and do not count: after a busy hour there are more of them than of others.
func (t *tx) lendDue(wt *waiter, now time.Time) error {
	var seen []due
	defer func() {
		for _, d := range seen {
			t.deadlines.add(d.at, d.seq)
		}
	}()
	for len(wt.lent) < wt.req.Max && len(seen) < jobs.MaxSweep {
		d, ok := t.deadlines.next(millis(wt.req.DueBy))
		if !ok {
			return nil
		}
		if !t.live.has(d.seq) {
			continue // for good: no job gets a seq again
		}
		seen = append(seen, d)
		if d.at <= millis(now) || t.runningSeq[d.seq] != nil {
			continue
		}
		r, err := t.loadSeq(d.seq)
		if err != nil {
			return err
		}
		if r.job.State != jobs.Queued || millis(r.job.DeadlineAt) != d.at {
			continue
		}
		if _, ok := t.sched.Take(r.job.Lane, r.job.Tenant, d.seq); !ok {
			continue
		}
		t.fresh.take(r.num)
		l, err := t.lendOne(r, nil, wt.req, now)
		if err != nil {
			return err
		}
		wt.lent = append(wt.lent, l)
	}
	return nil
}

// next is the job that the scheduler picked, and its spec if that is known.
func (t *tx) next(seq int64) (*row, *spec, error) {
	if f := t.fresh.take(seq); f != nil {
		return &f.row, f.spec, nil
	}
	r, err := t.loadSeq(seq)
	return r, nil, err
}

// lendOne makes a loan of a job that the scheduler picked. known is its spec,
// or nil.
func (t *tx) lendOne(r *row, known *spec, req jobs.LendRequest, now time.Time) (lent, error) {
	before := r.job
	token, err := t.token()
	if err != nil {
		return lent{}, err
	}
	lease := jobs.Lease{Job: before.ID, Token: token, Worker: req.Worker, Until: now.Add(req.Lease)}
	ev, err := r.job.Lend(lease, now)
	if err != nil {
		return lent{}, damaged("lend job %s: %w", before.ID, err)
	}
	l := &loan{row: *r, history: appendEvent(nil, ev)}
	if known != nil {
		l.decoded.Store(known)
	}
	attempts, err := t.attemptsOf(l, now)
	if err != nil {
		return lent{}, err
	}
	j := &l.job
	err = t.writeOne(t.st.insertLoan, l.num, j.Version, int64(token), req.Worker, millis(j.Lease.Until),
		millis(j.StartedAt), millis(j.UpdatedAt), int64(j.Loans), string(l.history), string(l.ledger))
	if err != nil {
		return lent{}, err
	}
	t.lent(l)
	t.moved(&before, j, 0)
	t.events = append(t.events, ev)
	return lent{row: r, loan: l, attempts: attempts}, nil
}

// attemptsOf reads the attempts of a job's generation that earlier loans made.
// Those left open are lost, which the new loan writes.
func (t *tx) attemptsOf(l *loan, now time.Time) ([]jobs.Attempt, error) {
	if !l.stored {
		return nil, nil
	}
	found := make(ledger)
	err := t.st.ledger.each(context.Background(), func(v []driver.Value) error {
		return found.read(text(v[0]), l.job.Generation)
	}, l.num)
	if err != nil {
		return nil, failed(err)
	}
	rows, err := found.attempts()
	if err != nil {
		return nil, failed(err)
	}
	l.paid = payments(rows)
	lost, err := entries(jobs.MarkLost(rows, now))
	if err != nil {
		return nil, failed(err)
	}
	l.ledger = appendEntries(nil, l.job.Generation, lost)
	t.pay(l, lost)
	return rows, nil
}

// token makes the token of the next loan.
func (t *tx) token() (jobs.Token, error) {
	w := t.w
	if w.tokens == math.MaxUint32 {
		if err := t.writeOne(t.st.putMeta, metaEpoch, w.epoch+1); err != nil {
			return 0, err
		}
		w.epoch, w.tokens = w.epoch+1, 0
	}
	w.tokens++
	return jobs.NewToken(w.epoch, w.tokens), nil
}

// expire ends a waiting job whose deadline has passed.
func (t *tx) expire(r *row, now time.Time) error {
	before := r.job
	ev, err := r.job.Expire(now)
	if err != nil {
		return damaged("expire job %s: %w", before.ID, err)
	}
	return t.save(before, r, ev, nil, nil, 0)
}

// await lets a call of Lend wait for work, unless its caller's time is up.
func (w *writer) await(c *call) {
	w.waiters = slices.DeleteFunc(w.waiters, func(other *call) bool { return other.fate.Load() == abandoned })
	w.waiters = append(w.waiters, c)
	c.fate.Store(pending)
	if c.wait.over.Load() && c.claim() {
		w.waiters = w.waiters[:len(w.waiters)-1]
		c.answer(nil)
	}
}

// serve lends to the calls that wait while there is work for them, in the
// commit of whatever made the work.
func (w *writer) serve(t *tx) (served []*call, err error) {
	if len(w.waiters) == 0 {
		return nil, nil
	}
	now := t.now()
	slots, _ := w.e.fleet.sum(now)
	t.sched.SetSlots(slots)
	n := 0
	for n < len(w.waiters) && t.sched.Ready(now.UnixMilli()) {
		c := w.waiters[n]
		n++
		if !c.claim() {
			continue
		}
		served = append(served, c)
		if c.err = c.do(t); isStoreError(c.err) {
			err = c.err
			break
		}
	}
	rest := copy(w.waiters, w.waiters[n:])
	clear(w.waiters[rest:])
	w.waiters = w.waiters[:rest]
	return served, err
}
