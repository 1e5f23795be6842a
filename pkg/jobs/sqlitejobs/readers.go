package sqlitejobs

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// readers are connections that only read. Each sees what was durable when its
// query began.
type readers struct {
	path    string
	closing <-chan struct{}
	// free holds a place for each connection there may be; nil is one that is
	// not open yet.
	free chan *reader
	n    int
	// shut, when set, is closed when reads may begin again.
	shut atomic.Pointer[chan struct{}]
}

// reader is a connection with the statements that it has prepared so far.
type reader struct {
	db    *db
	stmts map[string]*stmt
}

func newReaders(path string, n int, closing <-chan struct{}) *readers {
	rs := &readers{path: path, closing: closing, free: make(chan *reader, n), n: n}
	for range n {
		rs.free <- nil
	}
	return rs
}

// use runs f with a connection of its own.
func (rs *readers) use(ctx context.Context, f func(*reader) error) error {
	r, err := rs.take(ctx)
	if err != nil {
		return err
	}
	if r == nil {
		d, err := openDB(rs.path, readerPragmas)
		if err != nil {
			rs.free <- nil
			return unavailable(err)
		}
		r = &reader{db: d, stmts: make(map[string]*stmt)}
	}
	defer func() { rs.free <- r }()
	return f(r)
}

// take waits for a place among the connections.
func (rs *readers) take(ctx context.Context) (*reader, error) {
	for {
		// Whoever gets a place while reads are held gives it back: otherwise
		// all that wait already would come before hold.
		var open <-chan struct{}
		select {
		case r := <-rs.free:
			shut := rs.shut.Load()
			if shut == nil {
				return r, nil
			}
			rs.free <- r
			open = *shut
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-rs.closing:
			return nil, jobs.ErrClosed
		}
		select {
		case <-open:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-rs.closing:
			return nil, jobs.ErrClosed
		}
	}
}

// hold lets no read begin until the function returned is called, and waits
// until those under way have ended; ok is false when that took too long.
func (rs *readers) hold(patience time.Duration) (release func(), ok bool) {
	shut := make(chan struct{})
	rs.shut.Store(&shut)
	var kept []*reader
	release = func() {
		rs.shut.Store(nil)
		for _, r := range kept {
			rs.free <- r
		}
		close(shut)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for range rs.n {
		select {
		case r := <-rs.free:
			kept = append(kept, r)
		case <-timer.C:
			return release, false
		}
	}
	return release, true
}

// close waits until no connection is in use and closes all.
func (rs *readers) close() error {
	var errs []error
	for range rs.n {
		if r := <-rs.free; r != nil {
			errs = append(errs, r.db.close())
		}
	}
	return errors.Join(errs...)
}

// prepared is a statement with n columns, prepared at its first use. It is for
// the few queries whose text is fixed.
func (r *reader) prepared(sql string, n int) (*stmt, error) {
	if s := r.stmts[sql]; s != nil {
		return s, nil
	}
	s, err := r.db.prepare(sql, n)
	if err == nil {
		r.stmts[sql] = s
	}
	return s, err
}

// one runs a query of fixed text with n columns for its first row, nil when
// there is none. The row is overwritten when the query runs again.
func (r *reader) one(sql string, n int, args ...driver.Value) ([]driver.Value, error) {
	s, err := r.prepared(sql, n)
	if err != nil {
		return nil, err
	}
	return s.one(args...)
}
