package chaos_test

import (
	"bytes"
	"context"
	"database/sql"
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
			if b, err := e.Document(t.Context(), "", jobID(n)); err != nil || !bytes.Equal(b, document(n)) {
				v.Errorf("job %d was accepted; its document has %d bytes, %v", n, len(b), err)
			}
		}
		l.judgeChanges(v, e)
		l.judgeAttempts(v, e)
		for id := range l.records {
			if _, err := e.Records().Get(t.Context(), recordKind, id); err != nil {
				v.Errorf("record %s was written: %v", id, err)
			}
		}
		jobstest.CheckHistories(v, e, ids)
	})
	if err := e.Close(); err != nil {
		v.Errorf("close: %v", err)
	}
	if err := integrity(t.Context(), filepath.Join(dir, "sluice.db")); err != nil {
		v.Errorf("the database is corrupt: %v", err)
	}
	return v.faults
}

func (l *ledger) judgeChanges(v *verdict, e jobs.Engine) {
	for id, changes := range l.changes {
		events, err := e.History(v.Context(), "", id, 0)
		if err != nil {
			v.Errorf("history of job %s: %v", id, err)
			continue
		}
		for version, state := range changes {
			if version > int64(len(events)) || events[version-1].Version != version || events[version-1].State != state {
				v.Errorf("job %s became %s with version %d, and its history of %d events does not say so", id, state, version, len(events))
			}
		}
	}
}

func (l *ledger) judgeAttempts(v *verdict, e jobs.Engine) {
	for id, wanted := range l.attempts {
		rows, err := e.Attempts(v.Context(), "", id)
		if err != nil {
			v.Errorf("attempts of job %s: %v", id, err)
			continue
		}
		found := make(map[attemptKey]jobs.AttemptOutcome)
		for _, row := range rows {
			found[attemptKey{row.Generation, row.N}] = row.Outcome
		}
		for key, outcome := range wanted {
			if got, ok := found[key]; !ok || outcome != jobs.AttemptOpen && got != outcome {
				v.Errorf("attempt %d.%d of job %s was %q, and is %q (there: %t)", key.generation, key.n, id, outcome, got, ok)
			}
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
