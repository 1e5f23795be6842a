package sqlitejobs

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
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

	// logLimit and logRetry are the lengths of the log from which on it is to
	// begin anew, the latter after that failed.
	logLimit, logRetry int64
	logPatience        time.Duration
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
		for _, c := range append(slices.Clip(group), served...) {
			if w.broken != nil {
				c.answer(unavailable(w.broken))
				continue
			}
			w.attempt([]*call{c})
		}
		return
	}
	for _, c := range append(slices.Clip(group), served...) {
		c.answer(unavailable(err))
	}
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", jobs.ErrUnavailable, err) }

func (w *writer) newTx() *tx {
	return &tx{memory: w.m, w: w, st: &w.st, names: w.e.tenants, policy: w.e.cfg.Policy}
}

// perform runs the calls of a group, then those waiting calls of Lend for
// which there is work now, and commits. served are the latter.
func (w *writer) perform(t *tx, group []*call) (served []*call, err error) {
	for _, c := range group {
		c.tried = true
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
		w.settleDoubts()
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
	// A call that was served may have found late jobs only, and waits on.
	for _, c := range append(slices.Clip(group), served...) {
		if c.waits() {
			w.await(c)
			continue
		}
		c.answer(c.err)
	}
	if t.wrote && !w.opening {
		w.shortenLog()
	}
}

// settleDoubts finds out about files whose commits failed: now that another
// commit is durable, the rows say for good which of them are in use.
func (w *writer) settleDoubts() {
	for _, name := range w.e.blobs.takeDoubts() {
		switch v, err := w.st.fileUsed.one(name); {
		case err != nil:
			w.e.blobs.doubt(name)
		case v == nil:
			w.e.blobs.remove(name)
		default:
			w.e.blobs.settle(name)
		}
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
