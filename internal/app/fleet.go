package app

import (
	"sync"
	"time"
)

// goneAfter is how long a worker may be silent before it no longer counts.
const goneAfter = 15 * time.Second

// maxFleet bounds how many names are remembered, whoever sends them.
const maxFleet = 4096

// fleet counts the workers that were heard of lately.
type fleet struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

func newFleet() *fleet { return &fleet{seen: map[string]time.Time{}} }

// heard notes a sign of life and answers how many workers live, at least 1.
// While the bus is away nobody else can be heard, so those who were alive stay
// alive: each process then keeps to its part of what they share, instead of
// each taking all of it.
func (f *fleet) heard(worker string, now time.Time, connected bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, at := range f.seen {
		switch {
		case !connected:
			f.seen[name] = now
		case now.Sub(at) > goneAfter:
			delete(f.seen, name)
		}
	}
	if len(f.seen) < maxFleet {
		f.seen[worker] = now
	}
	return max(len(f.seen), 1)
}
