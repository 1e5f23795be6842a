//go:build linux

package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
)

// SharedConfig says where the engine for many machines keeps its jobs.
type SharedConfig struct {
	// Addr is the address of a redis-server and PID its process.
	Addr string
	PID  int
	// Prefix begins all keys, so that several can share a server; empty means
	// the engine's own.
	Prefix string
	// Tenants take turns. 0 sets no bulkheads: another process has done so.
	Tenants int
	Task    Task
}

// Shared is the engine for many machines, with its jobs in Redis and bulkheads
// on every tenant.
type Shared struct {
	*onEngine
	engine *asynqjobs.Engine
	pid    int
}

var _ Queue = (*Shared)(nil)

// OpenShared opens the engine as it ships: it would refuse a server that could
// lose jobs.
func OpenShared(ctx context.Context, c SharedConfig) (*Shared, error) {
	asynqjobs.SilenceDriver()
	e, err := asynqjobs.Open(ctx, asynqjobs.Config{URL: "redis://" + c.Addr, Prefix: c.Prefix})
	if err != nil {
		return nil, fmt.Errorf("redis at %s: %w", c.Addr, err)
	}
	s := &Shared{newOnEngine(e, c.Tenants), e, c.PID}
	s.task = c.Task.withDefaults()
	if err := s.setBulkheads(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return s, nil
}

// CPU implements [Queue].
func (s *Shared) CPU() (time.Duration, error) { return withServer(s.pid) }

// Close implements [Queue].
func (s *Shared) Close() error { return s.engine.Close() }
