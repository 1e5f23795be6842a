package sqlitejobs

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Bounds of a group. A group is whatever waits when the one before it is
// durable: under load the fsync of one group is the time in which the next
// gathers, so there is no other delay.
const (
	maxGroup      = 512     // operations
	maxGroupBytes = 8 << 20 // of documents and results
)

// call is one operation on its way through the writer.
type call struct {
	// do runs on the writer. It may run again when its group had to be undone,
	// so all it leaves behind are the results that its last run sets.
	do    func(t *tx) error
	bytes int
	// wait is set for a Lend that waits; see waiter.
	wait *waiter

	fate  atomic.Int32
	tried bool // the writer has begun it
	err   error
	done  chan struct{} // closed when the call is answered
}

func newCall(bytes int, do func(t *tx) error) *call {
	return &call{do: do, bytes: bytes, done: make(chan struct{})}
}

// What became of a call.
const (
	pending   int32 = iota // in the queue
	taken                  // by the writer: it may be committed
	abandoned              // its caller left before that
)

// inbox is where callers and the writer meet.
type inbox struct {
	mu     sync.Mutex
	calls  []*call
	closed bool
	ready  chan struct{} // has one element when calls is not empty or closed
}

// put adds a call; false when the engine is closed.
func (b *inbox) put(c *call) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.calls = append(b.calls, c)
	if len(b.calls) == 1 {
		b.signal()
	}
	return true
}

func (b *inbox) signal() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take waits for calls and returns a group of them; none, and false, when the
// engine is closed and nothing is left.
func (b *inbox) take(reuse []*call) ([]*call, bool) {
	// Callers that can run put their calls first: a group costs nearly the same
	// whatever its size. On idle processors this returns at once.
	runtime.Gosched()
	for {
		b.mu.Lock()
		group := reuse[:0]
		size := 0
		for _, c := range b.calls {
			if len(group) == maxGroup || len(group) > 0 && size+c.bytes > maxGroupBytes {
				break
			}
			group = append(group, c)
			size += c.bytes
		}
		rest := copy(b.calls, b.calls[len(group):])
		clear(b.calls[rest:])
		b.calls = b.calls[:rest]
		closed := b.closed
		if rest > 0 {
			b.signal()
		}
		b.mu.Unlock()
		if len(group) > 0 || closed {
			return group, len(group) > 0
		}
		<-b.ready
		runtime.Gosched()
	}
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.signal()
}

// submit hands do to the writer and waits for its commit.
func (e *Engine) submit(ctx context.Context, bytes int, do func(t *tx) error) error {
	return e.hand(ctx, newCall(bytes, do))
}

// hand is submit for a call whose fate its maker wants to know.
func (e *Engine) hand(ctx context.Context, c *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !e.inbox.put(c) {
		return jobs.ErrClosed
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		c.fate.CompareAndSwap(pending, abandoned)
		return ctx.Err()
	}
}

// claim takes a call for the writer; false when its caller has left.
func (c *call) claim() bool { return c.fate.CompareAndSwap(pending, taken) }

func (c *call) answer(err error) {
	c.err = err
	close(c.done)
}
