//go:build linux

package queue

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/internal/pause"
)

// Task says how the workers of a system run, and what its handlers do.
type Task struct {
	// Worker names the worker among others; empty means "bench".
	Worker string
	// Slots is how many jobs run at once, over all servers of the system in
	// this process; 0 means [Slots].
	Slots int
	// Takes is how long each job holds its slot; 0 does nothing in it.
	Takes time.Duration
	// Started is told of each handler that begins; it may be nil.
	Started func()
}

func (t Task) withDefaults() Task {
	if t.Worker == "" {
		t.Worker = "bench"
	}
	if t.Slots == 0 {
		t.Slots = Slots
	}
	return t
}

func (t Task) start() {
	if t.Started != nil {
		t.Started()
	}
}

// hold keeps the slot for as long as the task says.
func (t Task) hold(ctx context.Context) error {
	if t.Takes == 0 {
		return nil
	}
	return pause.For(ctx, t.Takes)
}
