package sqlitejobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	lib "modernc.org/sqlite/lib"

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

	fate atomic.Int32
	err  error
	done chan struct{} // closed when the call is answered
}

// What became of a call.
const (
	pending   int32 = iota // in the queue
	taken                  // by the writer: it may be committed
	abandoned              // its caller left before that
)

// writer owns the writing connection and the memory.
type writer struct {
	e  *Engine
	db *db
	st statements
	m  *memory
	// waiters are the calls of Lend that found nothing, in their order.
	waiters []*call
	// bulkheads are the tenants' settings, which rows do not hold.
	bulkheads map[string]jobs.Bulkhead
	// extended are the ends of leases that were extended, and service the
	// times that loans took: these, too, are nowhere else.
	extended map[jobs.Token]time.Time
	service  map[queue]*jobs.ServiceMean
	epoch    int64
	tokens   uint32
	// opening is true until the loans of the last opening are taken back.
	opening bool

	// broken is why the memory is not to be used: the commit that failed. It
	// is filled anew at retryAt or later.
	broken   error
	failures int
	retryAt  time.Time
}

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
	}
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.signal()
}

// run is the writer's goroutine. It ends when the inbox is closed and empty.
func (w *writer) run() {
	var group []*call
	for {
		var ok bool
		if group, ok = w.e.inbox.take(group); !ok {
			break
		}
		w.commit(group)
		clear(group)
	}
	for _, c := range w.waiters {
		if c.claim() {
			c.answer(jobs.ErrClosed)
		}
	}
}

// submit hands do to the writer and waits for its commit.
func (e *Engine) submit(ctx context.Context, bytes int, do func(t *tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &call{do: do, bytes: bytes, done: make(chan struct{})}
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

// commit runs a group in one transaction and answers its calls.
func (w *writer) commit(group []*call) {
	if w.broken != nil && !w.repair() {
		w.refuse(group)
		return
	}
	kept := group[:0]
	for _, c := range group {
		if c.claim() {
			kept = append(kept, c)
		}
	}
	w.attempt(kept)
}

// attempt commits calls that are claimed. A call that the database cannot
// carry out must not spoil the others', so then each is tried alone.
func (w *writer) attempt(group []*call) {
	t := w.newTx()
	served, err := w.perform(t, group)
	if err == nil {
		w.publish(t, group, served)
		return
	}
	w.undo(t, err)
	if !environmental(err) && len(group)+len(served) > 1 && w.broken == nil {
		for _, c := range append(group[:len(group):len(group)], served...) {
			if w.broken != nil {
				c.answer(unavailable(w.broken))
				continue
			}
			w.attempt([]*call{c})
		}
		return
	}
	for _, c := range append(group[:len(group):len(group)], served...) {
		c.answer(unavailable(err))
	}
}

// rolledBack reports whether a rollback failed only because SQLite had rolled
// back by itself.
func rolledBack(err error) bool { return primary(err) == lib.SQLITE_ERROR }

func unavailable(err error) error { return fmt.Errorf("%w: %w", jobs.ErrUnavailable, err) }

func (w *writer) newTx() *tx {
	return &tx{memory: w.m, w: w, st: &w.st, names: w.e.tenants, policy: w.e.cfg.Policy}
}

// perform runs the calls of a group, then those waiting calls of Lend for
// which there is work now, and commits. served are the latter.
func (w *writer) perform(t *tx, group []*call) (served []*call, err error) {
	for _, c := range group {
		if c.err = c.do(t); isStoreError(c.err) {
			return nil, c.err
		}
	}
	if served, err = w.serve(t); err != nil {
		return served, err
	}
	// Calls of Lend of this very group, too, may have come before the work.
	for _, c := range group {
		if len(group) > 1 && c.waits() {
			if c.err = c.do(t); isStoreError(c.err) {
				return served, c.err
			}
		}
	}
	return served, t.commit()
}

// waits reports whether c is a call of Lend that found nothing and can wait.
func (c *call) waits() bool { return c.err == nil && c.wait != nil && c.wait.goesOn() }

// publish tells the listener and answers the calls of a group that is durable.
func (w *writer) publish(t *tx, group, served []*call) {
	if t.wrote {
		w.failures = 0
	}
	if len(t.events) > 0 && w.e.cfg.Listener.Committed != nil {
		w.e.cfg.Listener.Committed(t.events)
	}
	for _, s := range t.served {
		w.tookTime(s)
	}
	for _, name := range t.files {
		w.e.blobs.remove(name)
	}
	for _, c := range group {
		if c.waits() {
			w.await(c)
			continue
		}
		c.answer(c.err)
	}
	for _, c := range served {
		c.answer(c.err)
	}
}

func (w *writer) tookTime(s served) {
	m := w.service[s.queue]
	if m == nil {
		m = &jobs.ServiceMean{}
		w.service[s.queue] = m
	}
	m.Add(s.time)
}

// commit makes the transaction durable.
func (t *tx) commit() error {
	if err := t.flush(); err != nil {
		return err
	}
	if !t.begun {
		return nil
	}
	if err := t.w.e.failCommit.Load(); err != nil {
		return failed(*err)
	}
	if _, err := t.st.commit.exec(); err != nil {
		return failed(fmt.Errorf("commit: %w", err))
	}
	t.begun = false
	return nil
}

// undo ends a transaction that failed. Memory is filled anew at once, unless
// that was done lately to no avail.
func (w *writer) undo(t *tx, cause error) {
	if t.begun {
		if _, err := w.st.rollback.exec(); err != nil && !rolledBack(err) {
			cause = errors.Join(cause, fmt.Errorf("roll back: %w", err))
		}
	}
	w.broken = cause
	if !environmental(cause) {
		w.failures, w.retryAt = 0, time.Time{} // the store is well
		w.repair()
		return
	}
	w.repair()
	w.failures++
}

// repair fills the memory from the rows. It reports whether the engine can go
// on. While commits keep failing, each attempt waits longer than the one
// before: a full disk must not cost a scan of all that waits for every call.
func (w *writer) repair() bool {
	now := w.e.cfg.Clock()
	if w.failures > 0 && now.Before(w.retryAt) {
		return false
	}
	w.retryAt = now.Add(min(100*time.Millisecond<<min(w.failures, 10), 10*time.Second))
	if w.failures > 0 {
		if err := w.probe(); err != nil {
			w.failures++
			w.broken = err
			return false
		}
	}
	if err := w.refill(); err != nil {
		w.broken = errors.Join(w.broken, err)
		return false
	}
	w.broken = nil
	return true
}

// probe finds out whether the store takes writes again.
func (w *writer) probe() error {
	t := w.newTx()
	t.memory = &memory{live: newLiveSet()}
	_, err := t.write(w.st.putMeta, metaEpoch, w.epoch)
	if err == nil {
		err = t.commit()
	}
	if err != nil && t.begun {
		if _, e := w.st.rollback.exec(); e != nil && !rolledBack(e) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// refuse answers calls while the engine cannot commit.
func (w *writer) refuse(group []*call) {
	for _, c := range group {
		if c.claim() {
			c.answer(unavailable(w.broken))
		}
	}
}
