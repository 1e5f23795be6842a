package backpressure

import (
	"math"
	"time"
)

// Load is what a worker's heartbeat says of it.
type Load struct {
	Worker string
	// At is when the report arrived, by the clock of the process that reads
	// it, so that clocks of other machines do not matter.
	At time.Time
	// Slots is how many jobs the worker runs at once, Busy how many it runs
	// now.
	Slots int
	Busy  int
	// ServiceMS is the moving average of the time that a job holds a slot, in
	// milliseconds. It counts once Completions is above 0.
	ServiceMS float64
	// Completions counts the jobs that the worker has finished since it
	// started.
	Completions int64
}

// Bounds on what heartbeats can make the estimate do.
const (
	maxWorkers = 4096
	minRate    = 1e-4 // jobs a second; a drain rate is never 0
	minService = 1e-3 // seconds
)

// capacity estimates mu, the jobs that the fleet starts in a second.
type capacity struct {
	prior   float64 // seconds
	workers map[string]Load
	newest  time.Time
	// last is the rate as of the newest report; 0 before the first.
	last float64
}

// report takes one heartbeat in. One that is older than what is known of its
// worker, or makes no sense, is ignored.
func (c *capacity) report(l Load) {
	old, known := c.workers[l.Worker]
	if l.Slots < 0 || l.At.IsZero() || known && l.At.Before(old.At) {
		return
	}
	for name, w := range c.workers {
		if freshness(w.At, l.At) == SignalsBlind {
			delete(c.workers, name)
		}
	}
	if !known && len(c.workers) >= maxWorkers {
		return
	}
	c.workers[l.Worker] = l
	if l.At.After(c.newest) {
		c.newest = l.At
	}
	if mu := c.measured(c.newest); mu > 0 {
		c.last = mu
	}
}

// measured is the rate of the workers that were heard of at most [Stale] ago;
// 0 when none has a slot.
func (c *capacity) measured(now time.Time) float64 {
	// As of the newest report, so that a slow worker falling silent makes the
	// others look no faster.
	typical := c.typicalService(c.newest)
	mu := 0.0
	for _, w := range c.workers {
		if freshness(w.At, now) == SignalsBlind {
			continue
		}
		service, ok := serviceOf(w)
		if !ok {
			service = typical
		}
		mu += float64(w.Slots) / service
	}
	if mu == 0 {
		return 0
	}
	return max(mu, minRate)
}

// typicalService is what a worker that has finished nothing yet is taken to
// need: the mean of the others, or the prior.
func (c *capacity) typicalService(now time.Time) float64 {
	sum, n := 0.0, 0
	for _, w := range c.workers {
		if s, ok := serviceOf(w); ok && freshness(w.At, now) != SignalsBlind {
			sum, n = sum+s, n+1
		}
	}
	if n == 0 {
		return c.prior
	}
	return sum / float64(n)
}

func serviceOf(w Load) (seconds float64, ok bool) {
	if w.Completions <= 0 || w.ServiceMS <= 0 || math.IsNaN(w.ServiceMS) || math.IsInf(w.ServiceMS, 0) {
		return 0, false
	}
	return max(w.ServiceMS/1000, minService), true
}

// rate is mu and how fresh it is. Without a new report it never rises; once they are blind the last rate goes on, because queues exist to bridge
// exactly this.
func (c *capacity) rate(now time.Time) (mu float64, f Freshness) {
	f = freshness(c.newest, now)
	switch f {
	case SignalsFresh, SignalsStale:
		if mu = c.measured(now); mu == 0 {
			mu = c.last
		}
	case SignalsBlind, SignalsNone:
		mu = c.last
	}
	if mu == 0 && f != SignalsNone {
		// Workers report, but none ever had a slot.
		mu = 1 / c.prior
	}
	return mu, f
}
