package worker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// held is one loan and the work on it.
type held struct {
	loan   jobs.Loan
	cancel context.CancelCauseFunc
	began  time.Time
	lease  time.Duration

	mu        sync.Mutex
	confirmed time.Time // when the engine last said that the loan is ours
}

// Firm implements [Holding].
func (h *held) Firm() bool { return h.sinceConfirmed() < h.lease/2 }

// mayStillHold reports whether the lease can still be ours by our own clock.
func (h *held) mayStillHold() bool { return h.sinceConfirmed() < h.lease }

func (h *held) sinceConfirmed() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(h.confirmed)
}

func (h *held) confirm(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.confirmed = at
}

// keepLeases extends all leases three times a lease, and at once when poked.
func (w *Worker) keepLeases(ctx context.Context) {
	ticker := time.NewTicker(w.config.Lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-w.poked:
		}
		w.extend(ctx)
	}
}

// Poke makes the worker look at its leases now if it runs the job, so that a
// cancellation is honoured at once.
func (w *Worker) Poke(id jobs.ID) {
	for _, h := range w.holding() {
		if h.loan.Job.ID == id {
			signal(w.poked)
			return
		}
	}
}

func (w *Worker) extend(ctx context.Context) {
	all := w.holding()
	if len(all) == 0 {
		return
	}
	leases := make([]jobs.Lease, len(all))
	for i, h := range all {
		leases[i] = h.loan.Lease
	}
	// The engine counts from when it hears of us, which is after now: by our
	// own clock the lease is never longer than by the engine's.
	asked := time.Now()
	attempt, cancel := context.WithTimeout(ctx, w.config.Lease/3)
	states, err := w.engine.Extend(attempt, leases, w.config.Lease)
	cancel()
	if err != nil {
		w.config.Events.trouble("", fmt.Errorf("extend %d leases: %w", len(leases), err))
		for _, h := range all {
			if !h.mayStillHold() {
				h.cancel(ErrLeaseLost)
			}
		}
		return
	}
	for i, state := range states {
		switch {
		case !state.Held:
			all[i].cancel(ErrLeaseLost)
		case state.CancelAsked:
			all[i].confirm(asked)
			all[i].cancel(ErrCancelAsked)
		default:
			all[i].confirm(asked)
		}
	}
}
