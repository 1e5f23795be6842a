package chaos_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver that looks at what the engine left

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// ledger is all that engines on one disk answered, kept outside of it.
type ledger struct {
	mu       sync.Mutex
	accepted map[int]bool
	changes  map[jobs.ID]map[int64]jobs.State
	attempts map[jobs.ID]map[attemptKey]jobs.AttemptOutcome
	records  map[jobs.ID]bool
	answers  int
}

type attemptKey struct{ generation, n int }

func newLedger() *ledger {
	return &ledger{
		accepted: make(map[int]bool), changes: make(map[jobs.ID]map[int64]jobs.State),
		attempts: make(map[jobs.ID]map[attemptKey]jobs.AttemptOutcome), records: make(map[jobs.ID]bool),
	}
}

func (l *ledger) add(n note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case n.Accepted > 0:
		l.accepted[n.Accepted] = true
	case n.Attempt != nil:
		if l.attempts[n.Job] == nil {
			l.attempts[n.Job] = make(map[attemptKey]jobs.AttemptOutcome)
		}
		l.attempts[n.Job][attemptKey{n.Attempt.Generation, n.Attempt.N}] = n.Attempt.Outcome
	case n.Job != "":
		if l.changes[n.Job] == nil {
			l.changes[n.Job] = make(map[int64]jobs.State)
		}
		l.changes[n.Job][n.Version] = n.State
	case n.Record != "":
		l.records[n.Record] = true
	default:
		return
	}
	l.answers++
}

// judge opens the engine that was left in dir and returns what is missing or
// wrong. It changes what is in dir.
func (l *ledger) judge(t *testing.T, dir string) []string {
	t.Helper()
	e, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: dir})
	if err != nil {
		return []string{fmt.Sprintf("the engine does not open: %v", err)}
	}
	v := &verdict{TB: t}
	v.watch(func() {
		if err := e.Verify(t.Context()); err != nil {
			v.Errorf("verify: %v", err)
		}
		var ids []jobs.ID
		for _, n := range slices.Sorted(maps.Keys(l.accepted)) {
			ids = append(ids, jobID(n))
			l.judgeJob(v, e, n)
		}
		for id := range l.records {
			if _, err := e.Records().Get(t.Context(), recordKind, id); err != nil {
				v.Errorf("record %s was written: %v", id, err)
			}
		}
		jobstest.CheckHistories(v, e, ids)
		judgeFiles(v, e, filepath.Join(dir, "documents"))
	})
	if err := e.Close(); err != nil {
		v.Errorf("close: %v", err)
	}
	if err := integrity(t.Context(), filepath.Join(dir, "sluice.db")); err != nil {
		v.Errorf("the database is corrupt: %v", err)
	}
	return v.faults
}

// judgeJob looks for all that was answered about job n.
func (l *ledger) judgeJob(v *verdict, e jobs.Engine, n int) {
	ctx, id := v.Context(), jobID(n)
	j, err := e.Get(ctx, "", id)
	if erasable(n) && errors.Is(err, jobs.ErrNotFound) && l.ended(id) {
		return // it was erased and is gone; how many may be, CheckHistories knows
	}
	if err != nil {
		v.Errorf("job %d was accepted: %v", n, err)
		return
	}
	b, err := e.Document(ctx, "", id)
	gone := j.State == jobs.Erased && errors.Is(err, jobs.ErrNotFound)
	if !gone && (err != nil || !bytes.Equal(b, document(n))) {
		v.Errorf("job %d was accepted; its document has %d bytes, %v", n, len(b), err)
	}
	events, err := e.History(ctx, "", id, 0)
	if err != nil {
		v.Errorf("history of job %d: %v", n, err)
	}
	for version, state := range l.changes[id] {
		if version > int64(len(events)) || events[version-1].Version != version || events[version-1].State != state {
			v.Errorf("job %d became %s with version %d, and its history of %d events does not say so", n, state, version, len(events))
		}
	}
	l.judgeAttempts(v, e, id)
}

// ended reports whether the last that was answered of a job is that it
// succeeded or was erased.
func (l *ledger) ended(id jobs.ID) bool {
	changes := l.changes[id]
	if len(changes) == 0 {
		return false
	}
	last := changes[slices.Max(slices.Collect(maps.Keys(changes)))]
	return last == jobs.Succeeded || last == jobs.Erased
}

func (l *ledger) judgeAttempts(v *verdict, e jobs.Engine, id jobs.ID) {
	rows, err := e.Attempts(v.Context(), "", id)
	if err != nil {
		v.Errorf("attempts of job %s: %v", id, err)
		return
	}
	found := make(map[attemptKey]jobs.AttemptOutcome)
	for _, row := range rows {
		found[attemptKey{row.Generation, row.N}] = row.Outcome
	}
	for key, outcome := range l.attempts[id] {
		if got, ok := found[key]; !ok || outcome != jobs.AttemptOpen && got != outcome {
			v.Errorf("attempt %d.%d of job %s was %q, and is %q (there: %t)", key.generation, key.n, id, outcome, got, ok)
		}
	}
}

// judgeFiles wants as many files as there are documents that are too large for
// a row: what a cut left over, and what was erased, goes soon after the start.
func judgeFiles(v *verdict, e jobs.Engine, dir string) {
	want := 0
	for p := (jobs.Page{Limit: jobs.MaxPage}); ; {
		page, err := e.List(v.Context(), jobs.Filter{}, p)
		if err != nil {
			v.Errorf("list: %v", err)
			return
		}
		for _, j := range page {
			if j.Document.Size > 32<<10 {
				want++
			}
		}
		if len(page) < p.Limit {
			break
		}
		p.Before = page[len(page)-1].ID
	}
	over := time.After(time.Minute)
	for {
		found, err := filepath.Glob(filepath.Join(dir, "*", "*"))
		if err == nil && len(found) == want {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-over:
			v.Errorf("%d files for %d large documents (%v)", len(found), want, err)
			return
		}
	}
}

// integrity is SQLite's own whole check of a database file.
func integrity(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	var answer string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&answer); err != nil {
		return err
	}
	if answer != "ok" {
		return fmt.Errorf("integrity_check: %s", answer)
	}
	return nil
}

// verdict is a test inside a test: it collects what it is told.
type verdict struct {
	testing.TB

	faults []string
}

// watch runs do, which may end the verdict early.
func (v *verdict) watch(do func()) {
	var wg sync.WaitGroup
	wg.Go(do)
	wg.Wait()
}

func (v *verdict) Errorf(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

func (v *verdict) Fatalf(format string, args ...any) {
	v.Errorf(format, args...)
	runtime.Goexit()
}
