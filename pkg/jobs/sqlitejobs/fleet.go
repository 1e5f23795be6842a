package sqlitejobs

import (
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// fleet knows the workers that asked for loans lately.
type fleet struct {
	mu      sync.Mutex
	workers map[string]*worker
}

type worker struct {
	slots   int
	waiting int       // calls of Lend under way
	heard   time.Time // when the last one ended
}

// arrive notes that a call of Lend begins.
func (f *fleet) arrive(name string, slots int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.workers[name]
	if w == nil {
		w = &worker{}
		f.workers[name] = w
	}
	w.waiting++
	w.slots = slots
}

// leave notes that it ended.
func (f *fleet) leave(name string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.workers[name]; w != nil {
		w.waiting--
		w.heard = now
	}
}

// sum forgets the workers that were not heard of lately and counts the others
// and their slots.
func (f *fleet) sum(now time.Time) (slots, workers int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, w := range f.workers {
		if w.waiting == 0 && !now.Before(w.heard.Add(jobs.WorkerMemory)) {
			delete(f.workers, name)
			continue
		}
		slots += w.slots
		workers++
	}
	return slots, workers
}
