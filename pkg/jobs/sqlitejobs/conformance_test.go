package sqlitejobs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// harness makes engines set up by c and by what the suites want.
func harness(c sqlitejobs.Config) jobstest.Harness {
	return jobstest.Harness{
		Features: jobstest.Features{Persistent: true, HoldersDieWithStore: true},
		NewStore: func(tb testing.TB) jobstest.Store {
			base := tb.TempDir() // removed after the engine is closed: the suite closes what it opens later
			return &store{base: base, dir: filepath.Join(base, "0"), config: c}
		},
	}
}

// store is a data directory of a test. A crash goes on in a copy of it.
type store struct {
	base, dir string
	crashes   int
	config    sqlitejobs.Config
	engine    *sqlitejobs.Engine
}

func (s *store) Open(tb testing.TB, setup jobstest.Setup) jobs.Engine {
	tb.Helper()
	c := s.config
	c.Dir, c.Policy, c.Clock, c.Listener = s.dir, setup.Policy, setup.Clock, setup.Listener
	e, err := sqlitejobs.Open(tb.Context(), c)
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
	s.crashes++
	next := filepath.Join(s.base, strconv.Itoa(s.crashes))
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
	if err := v.Verify(context.Background()); err != nil && !errors.Is(err, jobs.ErrClosed) {
		v.tb.Errorf("verify: %v", err)
	}
	return v.Engine.Close()
}

func TestEngineKeepsTheContract(t *testing.T) {
	t.Parallel()
	jobstest.Run(t, harness(sqlitejobs.Config{}))
}
