package app

import (
	"sync"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Hub wakes those who wait for a job to change. It carries no truth: whoever is
// woken reads the job again, and an event that got lost costs a poll.
type Hub struct {
	mu      sync.Mutex
	waiters map[jobs.ID]map[chan struct{}]struct{}
}

// NewHub makes an empty hub.
func NewHub() *Hub { return &Hub{waiters: map[jobs.ID]map[chan struct{}]struct{}{}} }

// Watch answers a channel that gets a value after every change of the job, and
// a function that ends the watch. Changes that come faster than they are read
// fold into one.
func (h *Hub) Watch(id jobs.ID) (changes <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiters[id] == nil {
		h.waiters[id] = map[chan struct{}]struct{}{}
	}
	h.waiters[id][c] = struct{}{}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.waiters[id], c)
		if len(h.waiters[id]) == 0 {
			delete(h.waiters, id)
		}
	}
}

// Tell wakes the watchers of the events' jobs.
func (h *Hub) Tell(events []jobs.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.waiters) == 0 {
		return
	}
	for _, e := range events {
		for c := range h.waiters[e.Job] {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}
