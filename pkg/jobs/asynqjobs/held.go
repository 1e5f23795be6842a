package asynqjobs

import (
	"sync"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxHeld bounds the jobs that an engine remembers: more than one process can
// run, so that it only matters where loans are left to end by themselves.
const maxHeld = 4096

// held are the jobs that this engine has lent, as they were lent, so that an
// outcome need not read its job first. It is only a guess: the commit compares
// versions.
type held struct {
	mu   sync.Mutex
	jobs map[jobs.ID]stored
}

func newHeld() *held { return &held{jobs: make(map[jobs.ID]stored)} }

func (h *held) put(id jobs.ID, s stored) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for other := range h.jobs {
		if len(h.jobs) < maxHeld {
			break
		}
		delete(h.jobs, other)
	}
	h.jobs[id] = s
}

// take returns a job and forgets it.
func (h *held) take(id jobs.ID) (stored, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.jobs[id]
	delete(h.jobs, id)
	return s, ok
}
