//go:build linux

package queue

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// The steps of a job's life.
const (
	stepAccept = iota
	stepLend
	stepAttempt
	stepFinish
	numSteps
)

// template is what the default engine writes of one job, found by watching it
// and not by knowing it: so the limit is always that of the same rows.
type template struct {
	schema []string // the statements that make the tables and indexes
	page   int64    // bytes of a page
	steps  [numSteps][]write
}

// write is a statement and where its arguments come from.
type write struct {
	sql  string
	args []argument
}

// argument is a value of the watched job. Where that was its number or held
// its ID, another job puts in its own.
type argument struct {
	value  driver.Value
	number bool
	id     bool
}

// at is the argument for another job.
func (a argument) at(num int64, id string) driver.Value {
	switch {
	case a.number:
		return num
	case a.id:
		switch v := a.value.(type) {
		case string:
			return strings.ReplaceAll(v, templateID, id)
		case []byte:
			return []byte(strings.ReplaceAll(string(v), templateID, id))
		}
	}
	return a.value
}

// templateID is the ID of the watched job.
const templateID = "job_template_of_all_others_00"

// watchedAfter is how many jobs come before the watched one, so that none of
// its other values is its number by accident.
const watchedAfter = 4321

// watch takes a job through the engine in dir and notes what changes.
func watch(ctx context.Context, dir string) (_ *template, err error) {
	s, err := OpenSluice(ctx, dir, 1, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "sluice.db")+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	t := &template{}
	if err := t.readSchema(ctx, db); err != nil {
		return nil, err
	}
	// These stay where they are, so that the next loan is of the watched job.
	if err := s.Fill(ctx, watchedAfter); err != nil {
		return nil, err
	}
	if err := s.engine.SetBulkheads(ctx, jobs.Bulkhead{Tenant: tenant(0), Paused: true}); err != nil {
		return nil, err
	}
	before, err := snapshot(ctx, db)
	if err != nil {
		return nil, err
	}
	var loan jobs.Loan
	for step, do := range [numSteps]func() error{
		stepAccept: func() error {
			sub := s.SubmissionOf("bench", jobs.Standard)
			sub.ID = templateID
			return s.accept(ctx, []jobs.Submission{sub})
		},
		stepLend:    func() (err error) { loan, err = s.lendOne(ctx); return err },
		stepAttempt: func() error { return s.attempt(ctx, loan) },
		stepFinish:  func() error { return s.finish(ctx, loan) },
	} {
		if err := do(); err != nil {
			return nil, err
		}
		after, err := snapshot(ctx, db)
		if err != nil {
			return nil, err
		}
		if t.steps[step], err = difference(before, after); err != nil {
			return nil, fmt.Errorf("step %d: %w", step, err)
		}
		before = after
	}
	return t, nil
}

func (s *Sluice) lendOne(ctx context.Context) (jobs.Loan, error) {
	loans, err := s.engine.Lend(ctx, jobs.LendRequest{Worker: "bench", Max: 1, Slots: Slots, Wait: time.Second})
	if err == nil && len(loans) != 1 {
		err = errors.New("nothing was lent")
	}
	if err != nil {
		return jobs.Loan{}, err
	}
	return loans[0], nil
}

// attempt and finish are the two halves of [NoOp].

func (s *Sluice) attempt(ctx context.Context, l jobs.Loan) error {
	_, err := NoOp{Ledger: s.engine}.Process(ctx, l, nil)
	return err
}

func (s *Sluice) finish(ctx context.Context, l jobs.Loan) error {
	o, err := NoOp{Ledger: discard{}}.Process(ctx, l, nil)
	if err != nil {
		return err
	}
	_, err = s.engine.Finish(ctx, l.Lease, o)
	return err
}

// discard is a ledger that keeps nothing.
type discard struct{}

func (discard) PutAttempts(context.Context, jobs.Lease, ...jobs.Attempt) error { return nil }

func (t *template) readSchema(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return err
		}
		t.schema = append(t.schema, s)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return db.QueryRowContext(ctx, "PRAGMA page_size").Scan(&t.page)
}

// key names a row: each table that holds something of one job has a column num.
type key struct {
	table string
	num   int64
}

// rowOf is a row's values by column.
type rowOf map[string]driver.Value

// snapshot reads the rows of the watched job, which are those after all others.
func snapshot(ctx context.Context, db *sql.DB) (map[key]rowOf, error) {
	tables, err := names(ctx, db, "SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'num'")
	if err != nil {
		return nil, err
	}
	all := map[key]rowOf{}
	for _, table := range tables {
		//nolint:gosec // the name comes from the database itself
		rows, err := db.QueryContext(ctx, "SELECT * FROM "+table+" WHERE num > ?", watchedAfter)
		if err != nil {
			return nil, err
		}
		if err := readRows(rows, table, all); err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
	}
	return all, nil
}

func names(ctx context.Context, db *sql.DB, query string) (all []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

func readRows(rows *sql.Rows, table string, to map[key]rowOf) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return err
		}
		r := rowOf{}
		for i, c := range columns {
			r[c] = *(values[i].(*any))
		}
		num, ok := r["num"].(int64)
		if !ok {
			return fmt.Errorf("num is %v", r["num"])
		}
		to[key{table, num}] = r
	}
	return rows.Err()
}

// difference are the statements that make after of before.
func difference(before, after map[key]rowOf) ([]write, error) {
	keys := slices.Collect(maps.Keys(before))
	for k := range after {
		if _, ok := before[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.num, b.num)) })
	var writes []write
	for _, k := range keys {
		old, had := before[k]
		now, has := after[k]
		switch {
		case !had:
			writes = append(writes, insertion(k, now))
		case !has:
			writes = append(writes, write{"DELETE FROM " + k.table + " WHERE num = ?", []argument{asArgument(k, k.num)}})
		case !reflect.DeepEqual(old, now):
			writes = append(writes, change(k, old, now))
		}
	}
	if len(writes) == 0 {
		return nil, errors.New("the engine wrote no row that has a num")
	}
	return writes, nil
}

func insertion(k key, r rowOf) write {
	columns := slices.Sorted(maps.Keys(r))
	w := write{sql: fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", k.table, quoted(columns, ""), strings.Repeat("?, ", len(columns)-1)+"?")}
	for _, c := range columns {
		w.args = append(w.args, asArgument(k, r[c]))
	}
	return w
}

func change(k key, old, now rowOf) write {
	var changed []string
	for _, c := range slices.Sorted(maps.Keys(now)) {
		if !reflect.DeepEqual(old[c], now[c]) {
			changed = append(changed, c)
		}
	}
	w := write{sql: fmt.Sprintf("UPDATE %s SET %s WHERE num = ?", k.table, quoted(changed, " = ?"))}
	for _, c := range changed {
		w.args = append(w.args, asArgument(k, now[c]))
	}
	w.args = append(w.args, asArgument(k, k.num))
	return w
}

// quoted joins columns, some of which are named like keywords.
func quoted(columns []string, after string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = `"` + c + `"` + after
	}
	return strings.Join(parts, ", ")
}

func asArgument(k key, v driver.Value) argument {
	a := argument{value: v}
	switch v := v.(type) {
	case int64:
		a.number = v == k.num
	case string:
		a.id = strings.Contains(v, templateID)
	case []byte:
		a.id = strings.Contains(string(v), templateID)
	}
	return a
}
