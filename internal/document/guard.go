package document

import (
	"context"
	"time"
)

// cut says why a child was killed while it worked.
type cut int

const (
	cutNone cut = iota
	cutTimeout
	cutMemory
	cutCancelled
	cutClosed
)

// String is the reason told to [Events.ChildEnded].
func (c cut) String() string {
	switch c {
	case cutTimeout:
		return "timeout"
	case cutMemory:
		return "memory"
	case cutCancelled:
		return "cancelled"
	case cutClosed:
		return "closed"
	}
	return "died"
}

// watchInterval is how often the memory of a working child is looked at. In
// that time it can take about 20 MB more.
const watchInterval = 10 * time.Millisecond

// guard kills a child that works too long or takes too much memory (0: any),
// or that nobody waits for any more. The returned function ends the watch and
// says whether, and why, the child was killed.
func (p *Pool) guard(ctx context.Context, child *process, timeout time.Duration, memory int64) func() cut {
	done, verdict := make(chan struct{}), make(chan cut, 1)
	go func() { // ends when the returned function is called, at the latest
		c := p.watch(ctx, child, timeout, memory, done)
		if c != cutNone {
			child.kill()
		}
		verdict <- c
	}()
	return func() cut {
		close(done)
		return <-verdict
	}
}

func (p *Pool) watch(ctx context.Context, child *process, timeout time.Duration, memory int64, done <-chan struct{}) cut {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	look := time.NewTicker(watchInterval)
	defer look.Stop()
	for {
		select {
		case <-done:
			return cutNone
		case <-deadline.C:
			return cutTimeout
		case <-ctx.Done():
			return cutCancelled
		case <-p.closing:
			return cutClosed
		case <-look.C:
			if memory > 0 && residentMemory(child.cmd.Process.Pid) > memory {
				return cutMemory
			}
		}
	}
}
