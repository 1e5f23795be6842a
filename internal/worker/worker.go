package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/pause"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// Worker borrows jobs and runs them. Start it once with [Worker.Run]; all other
// methods are safe for concurrent use.
type Worker struct {
	config    Config
	engine    Lender
	processor Processor

	mu      sync.Mutex
	held    map[jobs.Token]*held
	service float64 // exponentially weighted mean time in the slot, ms
	done    int64
	drains  bool

	freed chan struct{} // a slot came free; capacity 1
	poked chan struct{} // leases should be looked at now; capacity 1
	tasks sync.WaitGroup
}

// Load is a worker's state for its heartbeat.
type Load struct {
	Slots, Busy int
	// ServiceMS is the recent mean time a job holds its slot; 0 before the
	// first.
	ServiceMS float64
	// Done counts the loans settled.
	Done     int64
	Draining bool
}

// New makes a worker.
func New(c Config, engine Lender, p Processor) (*Worker, error) {
	c = c.withDefaults()
	switch {
	case c.Name == "":
		return nil, errNoName
	case c.Slots < 1:
		return nil, fmt.Errorf("worker: slots is %d, want at least 1", c.Slots)
	case c.Lease < time.Second:
		return nil, fmt.Errorf("worker: lease is %s, want at least 1s", c.Lease)
	}
	return &Worker{
		config: c, engine: engine, processor: p,
		held:  map[jobs.Token]*held{},
		freed: make(chan struct{}, 1),
		poked: make(chan struct{}, 1),
	}, nil
}

// Run borrows and runs jobs until ctx ends. Then it borrows no more, lets what
// runs finish for at most grace, gives the rest back, and returns when every
// loan is settled.
func (w *Worker) Run(ctx context.Context, grace time.Duration) {
	// Leases must be kept alive while the running jobs finish, so their
	// keeper ends after them and not with ctx.
	keeping, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	var keeper sync.WaitGroup
	keeper.Go(func() { w.keepLeases(keeping) })

	w.borrow(ctx)
	w.drain(grace)
	stopKeeping()
	keeper.Wait()
}

func (w *Worker) start(ctx context.Context, loan jobs.Loan) {
	// A running job outlives the end of borrowing: its own context ends by
	// cause, in drain or when its lease is lost.
	jobCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	h := &held{loan: loan, cancel: cancel, began: time.Now(), confirmed: time.Now(), lease: w.config.Lease}
	w.mu.Lock()
	w.held[loan.Lease.Token] = h
	w.mu.Unlock()
	w.config.Events.started(loan)
	w.tasks.Go(func() {
		defer cancel(nil)
		w.work(jobCtx, h)
		w.forget(h)
	})
}

// work processes one loan and settles it.
func (w *Worker) work(ctx context.Context, h *held) {
	outcome, err := w.process(ctx, h)
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, ErrLeaseLost):
		// Whoever holds the job now decides; nothing may be written.
		w.config.Events.lost(h.loan.Lease)
		return
	case errors.Is(cause, ErrCancelAsked) && err != nil:
		outcome = jobs.Outcome{Kind: jobs.Stopped}
	case err != nil:
		if cause == nil {
			w.config.Events.trouble(h.loan.Job.ID, err)
		}
		outcome = jobs.Outcome{Kind: jobs.Release, Reason: releaseReason(cause)}
	}
	outcome.Service = time.Since(h.began)
	w.settle(ctx, h, outcome)
}

func releaseReason(cause error) string {
	if cause != nil {
		return "shutdown"
	}
	return "worker_trouble"
}

// process runs the processor and turns a panic into an error: one bad document
// must not take the other slots with it.
func (w *Worker) process(ctx context.Context, h *held) (o jobs.Outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			// The value may quote the document, so only its type is told.
			err = fmt.Errorf("panic while processing (%T)", r)
		}
	}()
	return w.processor.Process(ctx, h.loan, h)
}

// settle writes the outcome, again and again while the engine does not answer
// and the lease may still be ours: settling twice is safe, settling never is
// not.
func (w *Worker) settle(ctx context.Context, h *held, o jobs.Outcome) {
	ctx = context.WithoutCancel(ctx)
	for {
		attempt, cancel := context.WithTimeout(ctx, w.config.Lease)
		job, err := w.engine.Finish(attempt, h.loan.Lease, o)
		cancel()
		switch {
		case err == nil:
			w.count(o)
			w.config.Events.settled(job, o, o.Service)
			return
		case errors.Is(err, jobs.ErrStaleLease):
			w.config.Events.lost(h.loan.Lease)
			return
		case errors.Is(err, jobs.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
			w.config.Events.trouble(h.loan.Job.ID, fmt.Errorf("finish: %w", err))
			if !h.mayStillHold() {
				return // the engine will lend the job again
			}
			_ = pause.For(ctx, w.config.Backoff)
		default:
			// The engine refuses this outcome for good: give the job back
			// instead of holding its slot for ever.
			w.config.Events.trouble(h.loan.Job.ID, fmt.Errorf("finish: %w", err))
			if o.Kind == jobs.Release || errors.Is(err, jobs.ErrClosed) {
				return
			}
			o = jobs.Outcome{Kind: jobs.Release, Reason: "worker_trouble", Service: o.Service}
		}
	}
}

// smoothing makes the mean service time follow about the last 20 jobs.
const smoothing = 2.0 / (20 + 1)

func (w *Worker) count(o jobs.Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done++
	ms := float64(o.Service) / float64(time.Millisecond)
	if w.service == 0 {
		w.service = ms
		return
	}
	w.service += smoothing * (ms - w.service)
}

func (w *Worker) forget(h *held) {
	w.mu.Lock()
	delete(w.held, h.loan.Lease.Token)
	w.mu.Unlock()
	signal(w.freed)
}

// Load answers the worker's state.
func (w *Worker) Load() Load {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Load{Slots: w.config.Slots, Busy: len(w.held), ServiceMS: w.service, Done: w.done, Draining: w.drains}
}

// drain waits for the running jobs, at most for grace, then stops them.
func (w *Worker) drain(grace time.Duration) {
	w.mu.Lock()
	w.drains = true
	w.mu.Unlock()
	finished := make(chan struct{})
	go func() {
		w.tasks.Wait()
		close(finished)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-finished:
		return
	case <-timer.C:
	}
	for _, h := range w.holding() {
		h.cancel(ErrShutdown)
	}
	<-finished
}

func (w *Worker) holding() []*held {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]*held, 0, len(w.held))
	for _, h := range w.held {
		all = append(all, h)
	}
	return all
}

// signal wakes whoever waits on c, now or next.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
