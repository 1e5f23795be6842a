package sqlitejobs

import (
	"context"
	"database/sql/driver"
	"errors"

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
	var r *reader
	select {
	case r = <-rs.free:
	case <-ctx.Done():
		return ctx.Err()
	case <-rs.closing:
		return jobs.ErrClosed
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
