//go:build linux

package child

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/bench/internal/machine"
	"github.com/sluicehq/sluice/bench/internal/queue"
)

// Crew is a queue whose workers run in processes of their own, one or more of
// them at once. Each call of Work starts them anew.
type Crew struct {
	queue.Queue
	work      Work
	processes int
	// onStart is told when a handler began; it may be nil.
	onStart func(time.Time)
	hired   atomic.Int64 // so that no two workers have one name

	mu      sync.Mutex
	members []*link // while they work
}

var _ queue.Queue = (*Crew)(nil)

// NewCrew lets so many processes work on q. If w asks for starts, onStart is
// told of them.
func NewCrew(q queue.Queue, w Work, processes int, onStart func(time.Time)) *Crew {
	return &Crew{Queue: q, work: w, processes: processes, onStart: onStart}
}

// Work implements [queue.Queue].
func (c *Crew) Work(_ context.Context, done func()) (stop func() error, err error) {
	var following sync.WaitGroup
	errs := make([]error, c.processes)
	end := func() error {
		members := c.leave()
		var closing error
		for _, m := range members {
			closing = errors.Join(closing, m.in.Close()) // each ends its work when its input ends
		}
		following.Wait()
		return errors.Join(append(errs, closing)...)
	}
	for i := range c.processes {
		m, err := start(workArg, c.work.args(fmt.Sprintf("bench-%d", c.hired.Add(1)))...)
		if err != nil {
			return nil, errors.Join(err, end())
		}
		c.join(m)
		// What it says first is that its workers run.
		if err := m.ask("", &progress{}); err != nil {
			return nil, errors.Join(err, m.pipe.Close(), end())
		}
		following.Go(func() { errs[i] = c.follow(m, done) })
	}
	return end, nil
}

func (c *Crew) join(m *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members = append(c.members, m)
}

func (c *Crew) leave() []*link {
	c.mu.Lock()
	defer c.mu.Unlock()
	members := c.members
	c.members = nil
	return members
}

// follow passes on what a worker process tells until it works no more, and
// waits for its end.
func (c *Crew) follow(m *link, done func()) error {
	for {
		var p progress
		if err := m.ask("", &p); err != nil {
			return errors.Join(err, m.pipe.Close())
		}
		for range p.Done {
			done()
		}
		for _, at := range p.Starts {
			if c.onStart != nil {
				c.onStart(time.Unix(0, at))
			}
		}
		if !p.Over {
			continue
		}
		var trouble error
		if p.Trouble != "" {
			trouble = fmt.Errorf("a worker process: %s", p.Trouble)
		}
		return errors.Join(trouble, m.gone(), m.pipe.Close())
	}
}

// gone waits for a process that is about to end by itself, and makes it end
// when it does not.
func (l *link) gone() error {
	timer := time.NewTimer(endWithin)
	defer timer.Stop()
	select {
	case <-l.Ended():
	case <-timer.C:
	}
	return l.Stop()
}

// CPU implements [queue.Queue]. It adds the processes that work at the moment.
func (c *Crew) CPU() (time.Duration, error) {
	own, err := c.Queue.CPU()
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	pids := make([]int, len(c.members))
	for i, m := range c.members {
		pids[i] = m.PID()
	}
	workers, err := machine.Processors(pids...)
	return own + workers, err
}
