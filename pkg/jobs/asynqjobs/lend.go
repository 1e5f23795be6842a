package asynqjobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxLoans is how many loans one script makes.
const maxLoans = 64

// afterwards is how long a Lend whose context has ended waits for a script that
// is under way, to give back what it lent.
const afterwards = time.Second

// Lend implements [jobs.Engine]. The wait is measured by the real clock.
func (e *Engine) Lend(ctx context.Context, req jobs.LendRequest) ([]jobs.Loan, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	if err := e.caughtUp(ctx); err != nil {
		return nil, err
	}
	if req.Lease == 0 {
		req.Lease = jobs.DefaultLease
	}
	waited, cancel := context.WithTimeout(ctx, req.Wait)
	defer cancel()
	e.waker.TopUp() // a worker that is new or larger may let others have more
	for first := true; ; first = false {
		loans, err := e.lendNow(ctx, req, first)
		if len(loans) > 0 || err == nil && req.Wait == 0 {
			if !first {
				e.waker.Found()
			}
			return loans, err
		}
		if err == nil {
			err = e.await(ctx, waited)
		}
		if err != nil {
			e.leave(ctx, req)
			if errors.Is(err, errWaited) {
				return nil, nil
			}
			return nil, err
		}
	}
}

// errWaited says that a wait is over.
var errWaited = errors.New("waited")

// await waits until it is worth asking again; [errWaited] when the wait is over.
func (e *Engine) await(ctx, waited context.Context) error {
	poll, cancel := context.WithTimeout(waited, e.cfg.Poll)
	defer cancel()
	if err := e.waker.Wait(poll); err == nil || errors.Is(err, jobs.ErrClosed) {
		return err
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case waited.Err() != nil:
		return errWaited
	default:
		return e.begin(ctx)
	}
}

// leave ends a wait that gave nothing. Should it fail, the worker counts for as
// long as one that has died.
func (e *Engine) leave(ctx context.Context, req jobs.LendRequest) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	_, _ = e.run(ctx, newCall(e.scripts.leave, e.clock.arg(), req.Worker))
}

// lendNow lends what can be lent at this moment.
func (e *Engine) lendNow(ctx context.Context, req jobs.LendRequest, first bool) ([]jobs.Loan, error) {
	var loans []jobs.Loan
	for {
		want := min(req.Max-len(loans), maxLoans)
		b, err := e.lendBatch(ctx, req, want, first, req.Wait == 0 || len(loans) > 0)
		loans = append(loans, b.loans...)
		switch {
		case err == nil:
		case len(loans) == 0 || ctx.Err() != nil:
			e.giveBack(ctx, loans)
			return nil, err
		default:
			e.cfg.Events.trouble(fmt.Errorf("lend: %w", err))
			return loans, nil
		}
		if len(loans) == req.Max || len(b.loans) < want && !b.more {
			return loans, nil
		}
		// A script that lent something has ended the wait; the next begins one.
		first = len(b.loans) > 0
	}
}

// lentBatch is what one script lent.
type lentBatch struct {
	loans []jobs.Loan
	late  []jobs.ID // taken out of their queues, to be expired
	now   time.Time
	more  bool // there may be more late ones
	err   error
}

// lendBatch runs the script once. first and last say whether the wait of the
// worker begins and, though nothing is lent, ends with it. An error may come with
// loans.
func (e *Engine) lendBatch(ctx context.Context, req jobs.LendRequest, want int, first, last bool) (lentBatch, error) {
	asked, cancel := outlive(ctx, afterwards)
	defer cancel()
	var b lentBatch
	due := ""
	if !req.DueBy.IsZero() {
		due = strconv.FormatInt(req.DueBy.UnixMilli(), 10)
	}
	c := newCall(e.scripts.lend,
		e.clock.arg(), req.Worker, req.Slots, req.Lease.Milliseconds(), want, flag(first), flag(last), due)
	c.heard = func(reply any) {
		b = e.lent(reply)
		events := make([]jobs.Event, len(b.loans))
		for i := range b.loans {
			events[i] = started(&b.loans[i].Job)
		}
		e.tell(events...)
	}
	if err := e.send(asked, c); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return lentBatch{}, err
	}
	if c.err != nil {
		// Loans that the server made and its replicas missed belong to nobody.
		e.giveBack(ctx, e.lent(c.reply).loans)
		return lentBatch{}, c.err
	}
	_, err := e.changeAll(ctx, b.late, nil, b.now, jobs.Queued, expire)
	if err = errors.Join(b.err, err); err != nil {
		return b, err
	}
	return b, ctx.Err()
}

// outlive is a context that ends some time after ctx.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

// giveBack releases loans that nobody will get, all at once: where writes wait
// for replicas, that many waits after each other would take too long.
func (e *Engine) giveBack(ctx context.Context, loans []jobs.Loan) {
	within := afterwards
	if e.copies != nil {
		within += 2 * e.cfg.ReplicaWait // what is under way, and this
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	var work sync.WaitGroup
	for _, l := range loans {
		work.Go(func() {
			// One that fails ends by itself.
			_, _ = e.Finish(ctx, l.Lease, jobs.Outcome{Kind: jobs.Release, Reason: "lend_ended"})
		})
	}
	work.Wait()
}

// lent reads the answer of the script lend.
func (e *Engine) lent(reply any) (b lentBatch) {
	list, _ := reply.([]any)
	if len(list) != 4 {
		b.err = malformed("lend")
		return b
	}
	b.now = millis(text(list, 0))
	more, _ := integer(list, 3)
	b.more = more == 1
	for i := range sublist(list, 2) {
		b.late = append(b.late, jobs.ID(text(sublist(list, 2), i)))
	}
	loans := sublist(list, 1)
	var failed jobErrors
	for i := range loans {
		l, err := e.loan(sublist(loans, i))
		if err != nil {
			failed.of(jobs.ID(text(sublist(loans, i), 0)), err)
			continue
		}
		b.loans = append(b.loans, l)
	}
	b.err = failed.err()
	return b
}

// loan reads one loan: the job's ID, the job, its ledger.
func (e *Engine) loan(list []any) (jobs.Loan, error) {
	s, ok := storedOf(sublist(list, 1))
	if !ok {
		return jobs.Loan{}, malformed("lend")
	}
	j, err := s.job()
	if err != nil {
		return jobs.Loan{}, err
	}
	attempts, err := decodeLedger(pairs(sublist(list, 2)))
	if err != nil {
		return jobs.Loan{}, err
	}
	e.held.put(j.ID, s)
	return jobs.Loan{Lease: j.Lease, Job: j, Attempts: attempts}, nil
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
	const most = 500 // tenants a script
	e.boots.remember(bs)
	var calls []*call
	for rest := bs; len(rest) > 0; {
		n := min(len(rest), most)
		calls = append(calls, newCall(e.scripts.tenants, tenantArgs(rest[:n])...))
		rest = rest[n:]
	}
	if err := e.send(ctx, calls...); err != nil {
		return err
	}
	for _, c := range calls {
		if c.err != nil {
			return c.err
		}
	}
	e.waker.TopUp()
	return nil
}
