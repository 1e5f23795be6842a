package sqlitejobs

import (
	"context"
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

// reader is a connection with its statements.
type reader struct {
	db *db

	byID, byKey, num, attempts, history, document *stmt
	record, records, recordsBy                    *stmt
	fileUsed, spent                               *stmt
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
		var err error
		if r, err = openReader(rs.path); err != nil {
			rs.free <- nil
			return unavailable(err)
		}
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

func openReader(path string) (*reader, error) {
	d, err := openDB(path, readerPragmas)
	if err != nil {
		return nil, err
	}
	r := &reader{db: d}
	for _, p := range []struct {
		to      **stmt
		columns int
		sql     string
	}{
		{&r.byID, nWholeColumns + nHeavyColumns, "SELECT " + wholeColumns + ", " + heavyColumns + " FROM jobs j" + joins + "WHERE j.id = ?1"},
		{&r.byKey, nWholeColumns + nHeavyColumns, "SELECT " + wholeColumns + ", " + heavyColumns + " FROM jobs j" + joins +
			"WHERE j.tenant = ?1 AND j.key = ?2 ORDER BY j.num DESC LIMIT 1"},
		{&r.num, 2, "SELECT num, tenant FROM jobs WHERE id = ?1"},
		{&r.attempts, 1, allLedger},
		{&r.history, nJobColumns + 1, "SELECT " + jobColumns + ", " + allHistory + " FROM jobs j WHERE j.id = ?1"},
		{&r.document, 3, "SELECT d.file, d.body, j.tenant FROM jobs j JOIN documents d ON d.num = j.num WHERE j.id = ?1"},
		{&r.record, nRecordColumns, "SELECT " + recordColumns + " FROM records r WHERE r.kind = ?1 AND r.id = ?2"},
		{&r.records, nRecordColumns, "SELECT " + recordColumns + " FROM records r WHERE r.kind = ?1 AND r.id > ?2 ORDER BY r.id LIMIT ?3"},
		{&r.recordsBy, nRecordColumns, "SELECT " + recordColumns + " FROM record_pairs p JOIN records r ON r.kind = p.kind AND r.id = p.id " +
			"WHERE p.kind = ?1 AND p.name = ?2 AND p.value = ?3 AND p.id > ?4 ORDER BY p.id LIMIT ?5"},
		{&r.spent, 1, "SELECT sum(micro) FROM spent WHERE (? < 0 OR tenant = ?) AND day = ?"},
		{&r.fileUsed, 1, "SELECT 1 FROM documents WHERE file = ?1"},
	} {
		if *p.to, err = d.prepare(p.sql, p.columns); err != nil {
			return nil, errors.Join(err, d.close())
		}
	}
	return r, nil
}

// allHistory and allLedger gather the lines of a job from the rows that hold
// them, oldest first, in one statement and so from one moment.
const (
	allHistory = `(SELECT group_concat(history, '' ORDER BY part) FROM (SELECT part, history FROM overflow WHERE num = j.num
	UNION ALL SELECT 9223372036854775806, history FROM states WHERE num = j.num
	UNION ALL SELECT 9223372036854775807, history FROM loans WHERE num = j.num))`
	allLedger = `SELECT group_concat(ledger, '' ORDER BY part) FROM (SELECT part, ledger FROM overflow WHERE num = ?1
	UNION ALL SELECT 9223372036854775806, ledger FROM states WHERE num = ?1
	UNION ALL SELECT 9223372036854775807, ledger FROM loans WHERE num = ?1)`
)
