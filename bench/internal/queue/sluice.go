//go:build linux

package queue

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/bench/internal/machine"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// Sluice is the default engine with bulkheads on every tenant.
type Sluice struct {
	*onEngine
	engine *sqlitejobs.Engine
}

var _ Queue = (*Sluice)(nil)

// OpenSluice opens the default engine in dir, with a number of tenants that
// take turns, each with a weight and caps. made is how many jobs earlier
// openings of dir have made.
func OpenSluice(ctx context.Context, dir string, tenants int, made int64) (*Sluice, error) {
	e, err := sqlitejobs.Open(ctx, sqlitejobs.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	s := &Sluice{newOnEngine(e, tenants), e}
	s.made.Store(made)
	if err := s.setBulkheads(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return s, nil
}

// Engine is the engine itself.
func (s *Sluice) Engine() *sqlitejobs.Engine { return s.engine }

// LendAndSettle lends one job and settles it.
func (s *Sluice) LendAndSettle(ctx context.Context) error {
	l, err := s.lendOne(ctx)
	if err != nil {
		return err
	}
	return s.finish(ctx, l)
}

// Verify compares the engine's memory with all its rows, which takes a while.
func (s *Sluice) Verify(ctx context.Context) error { return s.engine.Verify(ctx) }

// CPU implements [Queue]: the engine lives in this process.
func (s *Sluice) CPU() (time.Duration, error) { return machine.Self(), nil }

// Close implements [Queue].
func (s *Sluice) Close() error { return s.engine.Close() }
