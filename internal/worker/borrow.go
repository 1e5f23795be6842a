package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/pause"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// paceEvery is how long a worker that holds back waits before it looks again
// at its pace and at what is nearly due.
const paceEvery = time.Second

// borrow asks for as many loans as there are free slots and the pace allows,
// for ever.
func (w *Worker) borrow(ctx context.Context) {
	for ctx.Err() == nil {
		busy := w.Load().Busy
		free := w.config.Slots - busy
		if free == 0 {
			w.rest(ctx, 0)
			continue
		}
		pace := w.pace()
		if pace.Most < w.config.Slots && !pace.DueBy.IsZero() && w.ask(ctx, jobs.LendRequest{Max: free, DueBy: pace.DueBy}) > 0 {
			continue // there may be more, and the slots must be counted again
		}
		switch room := min(free, pace.Most-busy); {
		case room <= 0:
			w.rest(ctx, paceEvery)
		case pace.Most < w.config.Slots:
			w.ask(ctx, jobs.LendRequest{Max: room, Wait: min(w.config.Poll, paceEvery)})
		default:
			w.ask(ctx, jobs.LendRequest{Max: room, Wait: w.config.Poll})
		}
	}
}

func (w *Worker) pace() tiers.Pace {
	if w.config.Pace == nil {
		return tiers.Pace{Most: tiers.Unlimited}
	}
	return w.config.Pace()
}

// rest waits until a slot comes free, or for d unless it is 0.
func (w *Worker) rest(ctx context.Context, d time.Duration) {
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
	case <-w.freed:
	case <-over:
	}
}

// ask asks the engine for loans, starts what it lends and answers how many.
func (w *Worker) ask(ctx context.Context, req jobs.LendRequest) int {
	req.Worker, req.Slots, req.Lease = w.config.Name, w.config.Slots, w.config.Lease
	req.Max = min(req.Max, jobs.MaxLend)
	loans, err := w.engine.Lend(ctx, req)
	if err != nil && ctx.Err() == nil {
		w.config.Events.trouble("", fmt.Errorf("lend: %w", err))
		_ = pause.For(ctx, w.config.Backoff)
	}
	for _, loan := range loans {
		w.start(ctx, loan)
	}
	return len(loans)
}
