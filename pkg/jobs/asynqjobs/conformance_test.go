package asynqjobs_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// servers hands out real servers, each to one store at a time.
type servers struct {
	tb       testing.TB // outlives the stores
	settings redistest.Settings

	mu   sync.Mutex
	free []*redistest.Redis
}

func (s *servers) take() *redistest.Redis {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		r := s.free[n-1]
		s.free = s.free[:n-1]
		return r
	}
	return redistest.Start(s.tb, s.settings)
}

// put takes back a server and empties it.
func (s *servers) put(tb testing.TB, r *redistest.Redis) {
	client := redis.NewClient(&redis.Options{Addr: r.Addr()})
	if err := client.FlushAll(context.WithoutCancel(tb.Context())).Err(); err != nil {
		tb.Errorf("empty a server: %v", err)
	}
	if err := client.Close(); err != nil {
		tb.Errorf("close: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, r)
}

// harness makes engines on servers of their own.
func harness(tb testing.TB, settings redistest.Settings, c asynqjobs.Config) jobstest.Harness {
	pool := &servers{tb: tb, settings: settings}
	return jobstest.Harness{
		Features: jobstest.Features{Persistent: true},
		NewStore: func(tb testing.TB) jobstest.Store {
			s := &store{server: pool.take(), config: c}
			s.config.Directory = filepath.Join(tb.TempDir(), "documents")
			tb.Cleanup(func() { pool.put(tb, s.server) })
			return s
		},
	}
}

// store is a server that holds the jobs of a test.
type store struct {
	server *redistest.Redis
	config asynqjobs.Config
	engine *asynqjobs.Engine
}

// Open starts the server again where the store was open before: that is what a
// restart of the store is here.
func (s *store) Open(tb testing.TB, setup jobstest.Setup) jobs.Engine {
	tb.Helper()
	if s.engine != nil {
		s.server.Kill(tb)
		s.server.Restart(tb)
		if err := s.engine.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	}
	c := s.config
	c.URL, c.Policy, c.Clock, c.Listener = s.server.URL(), setup.Policy, setup.Clock, setup.Listener
	c.LateAfter, c.UnsafeSkipSync = time.Hour, true
	e, err := asynqjobs.Open(tb.Context(), c)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	s.engine = e
	return e
}

// Crash leaves everything to the next Open, which kills the server.
func (s *store) Crash(testing.TB) {}

func TestEngineKeepsTheContract(t *testing.T) {
	t.Parallel()
	jobstest.Run(t, harness(t, redistest.Settings{}, asynqjobs.Config{}))
}

// TestAgreesWithTheReference is not parallel: Metamorphic sets flags. Without
// fsync it has time for many sequences; servers are killed in it, but no machine
// stops.
func TestAgreesWithTheReference(t *testing.T) {
	h := harness(t, redistest.Settings{AppendFsync: "no"}, asynqjobs.Config{AcceptLoss: true})
	jobstest.Metamorphic(t, jobstest.Reference(h.Features), h, jobstest.Sequences(t, 200/slowdown))
}
