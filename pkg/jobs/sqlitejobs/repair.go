package sqlitejobs

import (
	"errors"
	"fmt"
	"time"

	lib "modernc.org/sqlite/lib"
)

// rolledBack reports whether a rollback failed only because SQLite had rolled
// back by itself.
func rolledBack(err error) bool { return primary(err) == lib.SQLITE_ERROR }

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
