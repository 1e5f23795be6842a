package sqlitejobs

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// db is one connection of the driver, used without the pool of database/sql:
// a whole job costs a tenth less that way. It is used by one goroutine at a
// time.
type db struct {
	c     driver.Conn
	stmts []*stmt
}

// openDB opens the file and runs the pragmas.
func openDB(path, pragmas string) (*db, error) {
	u := url.URL{Scheme: "file", Path: path}
	c, err := new(sqlite.Driver).Open(u.String())
	if err != nil {
		return nil, err
	}
	d := &db{c: c}
	if err := d.script(pragmas); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// script runs statements that answer nothing.
func (d *db) script(sql string) error {
	ex, ok := d.c.(driver.ExecerContext)
	if !ok {
		return errors.New("the driver cannot run scripts")
	}
	_, err := ex.ExecContext(context.Background(), sql, nil)
	return err
}

// scalar runs a query for one value; nil when it has no rows.
func (d *db) scalar(sql string) (driver.Value, error) {
	s, err := d.prepare(sql, 1)
	if err != nil {
		return nil, err
	}
	defer s.drop()
	row, err := s.one()
	if err != nil || row == nil {
		return nil, err
	}
	return row[0], nil
}

func (d *db) close() error {
	var errs []error
	for _, s := range d.stmts {
		errs = append(errs, s.s.Close())
	}
	d.stmts = nil
	return errors.Join(append(errs, d.c.Close())...)
}

// stmt is a prepared statement with room for its arguments and one row.
type stmt struct {
	db   *db
	s    driver.Stmt
	x    driver.StmtExecContext
	q    driver.StmtQueryContext
	args []driver.NamedValue
	row  []driver.Value
}

// prepare makes a statement whose rows have n columns. It lives as long as the
// connection, unless it is dropped.
func (d *db) prepare(sql string, n int) (*stmt, error) {
	p, err := d.c.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", sql, err)
	}
	s := &stmt{db: d, s: p, row: make([]driver.Value, n)}
	var ok bool
	if s.x, ok = p.(driver.StmtExecContext); !ok {
		return nil, errors.New("the driver cannot execute statements")
	}
	if s.q, ok = p.(driver.StmtQueryContext); !ok {
		return nil, errors.New("the driver cannot query")
	}
	d.stmts = append(d.stmts, s)
	return s, nil
}

// drop closes a statement before its connection.
func (s *stmt) drop() {
	for i, other := range s.db.stmts {
		if other == s {
			s.db.stmts = append(s.db.stmts[:i], s.db.stmts[i+1:]...)
			break
		}
	}
	_ = s.s.Close() // nothing was written through it that was not checked
}

func (s *stmt) bind(args []driver.Value) []driver.NamedValue {
	if cap(s.args) < len(args) {
		s.args = make([]driver.NamedValue, len(args))
	}
	s.args = s.args[:len(args)]
	for i, v := range args {
		s.args[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return s.args
}

// exec runs the statement and returns how many rows it changed. It cannot be
// interrupted: the writer never leaves a transaction half done.
func (s *stmt) exec(args ...driver.Value) (int64, error) {
	r, err := s.x.ExecContext(context.Background(), s.bind(args))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// one returns the first row, or nil. It is overwritten by the next use of s.
func (s *stmt) one(args ...driver.Value) ([]driver.Value, error) {
	var first []driver.Value
	err := s.each(context.Background(), func([]driver.Value) error {
		first = s.row
		return errEnough
	}, args...)
	return first, err
}

// errEnough ends a loop over rows early.
var errEnough = errors.New("enough rows")

// each calls f for each row until f fails or ctx ends. The row is overwritten
// by the next.
func (s *stmt) each(ctx context.Context, f func(row []driver.Value) error, args ...driver.Value) (err error) {
	rows, err := s.q.QueryContext(ctx, s.bind(args))
	if err != nil {
		return err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	for {
		switch err := rows.Next(s.row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		if err := f(s.row); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return err
		}
		if err := ctx.Err(); err != nil {
			return err // the driver looks at it before the first row only
		}
	}
}

// primary is the primary result code of a SQLite error, 0 for others.
func primary(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// environmental reports whether err says that the machine failed, and not the
// statement: every other operation would fail in the same way.
func environmental(err error) bool {
	switch primary(err) {
	case lib.SQLITE_CONSTRAINT, lib.SQLITE_TOOBIG, lib.SQLITE_MISMATCH, lib.SQLITE_ERROR, lib.SQLITE_RANGE:
		return false
	default:
		return true
	}
}

// The values of a row, by type. SQLite answers each value in the type it was
// stored in, so another type means NULL.

func integer(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

func text(v driver.Value) string {
	switch s := v.(type) {
	case string:
		return s
	case []byte:
		return string(s)
	default:
		return ""
	}
}

func blob(v driver.Value) []byte {
	switch s := v.(type) {
	case string:
		return []byte(s)
	case []byte:
		return s
	default:
		return nil
	}
}

// orNull is s, or NULL when it is empty.
func orNull[T ~string](s T) driver.Value {
	if s == "" {
		return nil
	}
	return string(s)
}

// orZero is n, or NULL when it is 0.
func orZero(n int64) driver.Value {
	if n == 0 {
		return nil
	}
	return n
}
