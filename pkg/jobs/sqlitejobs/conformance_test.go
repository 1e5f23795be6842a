package sqlitejobs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

func harness() jobstest.Harness {
	return jobstest.Harness{
		Features: jobstest.Features{Persistent: true, HoldersDieWithStore: true},
		NewStore: func(tb testing.TB) jobstest.Store { return &store{dir: tb.TempDir()} },
	}
}

// store is a data directory of a test.
type store struct {
	dir    string
	engine *sqlitejobs.Engine
}

func (s *store) Open(tb testing.TB, setup jobstest.Setup) jobs.Engine {
	tb.Helper()
	e, err := sqlitejobs.Open(tb.Context(), sqlitejobs.Config{
		Dir: s.dir, Policy: setup.Policy, Clock: setup.Clock, Listener: setup.Listener,
	})
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	s.engine = e
	return verified{Engine: e, tb: tb}
}

// Crash copies the files as a process that dies now would leave them, and goes
// on with the copy: the write-ahead log is not in the database file yet.
func (s *store) Crash(tb testing.TB) {
	tb.Helper()
	next := filepath.Join(tb.TempDir(), "left")
	if err := os.CopyFS(next, os.DirFS(s.dir)); err != nil {
		tb.Fatalf("copy the data directory: %v", err)
	}
	if err := os.Remove(filepath.Join(next, "sluice.db-shm")); err != nil {
		tb.Fatalf("remove the copied shared memory: %v", err)
	}
	if err := s.engine.Close(); err != nil {
		tb.Errorf("close: %v", err)
	}
	s.dir = next
}

// verified is an engine whose memory is compared with its rows before it
// closes.
type verified struct {
	*sqlitejobs.Engine
	tb testing.TB
}

func (v verified) Close() error {
	return v.Engine.Close()
}

func TestEngineKeepsTheContract(t *testing.T) {
	t.Parallel()
	jobstest.Run(t, harness())
}
