// Package app puts the processes of Sluice together: what they log and export,
// which services run in which role, and in what order they start and stop. It
// imports no engine; a main function passes one in.
package app

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/coord"
	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// Parts are the choices that a main function makes.
type Parts struct {
	Config  config.Config
	Version string
	Log     zerolog.Logger
	// OpenEngine opens the store. The engine must be a [jobs.Archive], too.
	OpenEngine func(ctx context.Context, l jobs.Listener) (jobs.Engine, error)
	// Connect opens the bus between processes. Its closer, which may be nil,
	// is called after the bus was closed.
	Connect func(o coord.Observer) (bus *coord.Bus, closeServer func(), err error)
	// Listening, when set, is told the addresses once they accept
	// connections; for tests that listen on port 0.
	Listening func(api, admin string)
}

// process is what all roles share.
type process struct {
	Parts
	name    string
	boot    int64
	metrics *Metrics
	hub     *Hub
	bus     *coord.Bus
	engine  jobs.Engine
	archive jobs.Archive // of the same engine
	tenants *tenants.Directory
	gates   *tiers.Gates
	budgets *tiers.Budgets
	limits  *tiers.Limits
	control *backpressure.Controller
	fleet   *fleet

	warm     func(ctx context.Context)          // nil without a worker
	erased   atomic.Pointer[func([]jobs.Event)] // drops what the cache keeps of erased jobs; nil without a cache
	refresh  func(ctx context.Context)          // once a second; nil without a worker
	stats    atomic.Pointer[jobs.Stats]
	beatNow  chan struct{} // a gate closed: tell the others at once; capacity 1
	draining atomic.Bool
	services sync.WaitGroup
	closers  []func() // in the order of opening
}

// open brings up the parts in the order of their need. seeds are the tenants
// that this process vouches for.
func open(ctx context.Context, p Parts, name string, seeds []tenants.Seed) (*process, error) {
	s := &process{
		Parts: p, name: name, boot: time.Now().UnixNano(),
		metrics: NewMetrics(), hub: NewHub(), gates: &tiers.Gates{}, budgets: &tiers.Budgets{}, limits: &tiers.Limits{},
		fleet: newFleet(), beatNow: make(chan struct{}, 1),
	}
	var err error
	if s.control, err = backpressure.New(backpressure.Config{}); err != nil {
		return nil, err
	}
	if err := s.openBus(); err != nil {
		return nil, err
	}
	if s.engine, err = p.OpenEngine(ctx, jobs.Listener{Committed: s.committed}); err != nil {
		s.close()
		return nil, err
	}
	s.onClose(func() {
		if err := s.engine.Close(); err != nil {
			s.Log.Error().Err(err).Msg("close engine")
		}
	})
	s.metrics.RegisterStats(s.latestStats)
	if err := s.openKept(ctx, seeds); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// openKept opens what the engine keeps beside its hot path.
func (s *process) openKept(ctx context.Context, seeds []tenants.Seed) error {
	archive, ok := s.engine.(jobs.Archive)
	if !ok {
		return errors.New("the engine keeps no archive: it cannot count, group and remove jobs, nor say what was spent")
	}
	s.archive = archive
	return s.openTenants(ctx, seeds)
}

func (s *process) onClose(f func()) { s.closers = append(s.closers, f) }

// close undoes open, last first.
func (s *process) close() {
	for _, closer := range slices.Backward(s.closers) {
		closer()
	}
	s.closers = nil
}

func (s *process) openBus() error {
	bus, closeServer, err := s.Connect(coord.Observer{
		Connection: s.busChanged,
		Dropped:    func(subject string, n int) { s.metrics.busDropped.WithLabelValues(subject).Add(float64(n)) },
	})
	if err != nil {
		return err
	}
	s.bus = bus
	s.onClose(func() {
		bus.Close()
		if closeServer != nil {
			closeServer()
		}
	})
	if bus.Connected() {
		s.metrics.busConnected.Set(1)
	}
	if err := bus.OnBeat(s.heard); err != nil {
		s.close()
		return err
	}
	return nil
}

func (s *process) busChanged(connected bool, _ error) {
	coordination := "local"
	value := 0.0
	if connected {
		coordination, value = "shared", 1
	}
	s.metrics.busConnected.Set(value)
	if !s.draining.Load() {
		s.Log.Info().Str("coordination", coordination).Msg("bus")
	}
}

// committed spreads the word of a commit. It runs on the engine's own
// goroutine and must not block.
func (s *process) committed(events []jobs.Event) {
	s.hub.Tell(events)
	s.metrics.committed(events)
	if forget := s.erased.Load(); forget != nil {
		(*forget)(events)
	}
	s.bus.Publish(events)
}

// heard takes in what a worker, perhaps this one, says of itself.
func (s *process) heard(h coord.Heartbeat) {
	now := time.Now()
	s.control.Heartbeat(backpressure.Load{
		Worker: h.Worker, At: now, Slots: h.Slots, Busy: h.Busy, ServiceMS: h.ServiceMS, Completions: h.Done,
	})
	gates := make([]tiers.ClosedGate, 0, len(h.Gates))
	for _, g := range h.Gates {
		gates = append(gates, tiers.ClosedGate{Name: g.Name, Left: time.Duration(g.LeftMS) * time.Millisecond, Reason: jobs.Class(g.Reason)})
	}
	s.gates.Receive(gates, now)
	workers := s.fleet.heard(h.Worker, now, s.bus.Connected())
	s.budgets.SetWorkers(workers)
	s.limits.SetWorkers(workers, now)
}

func (s *process) latestStats() (jobs.Stats, bool) {
	stats := s.stats.Load()
	if stats == nil {
		return jobs.Stats{}, false
	}
	return *stats, true
}

// jitter draws from [0, 1); it needs no secrecy.
func jitter() float64 { return rand.Float64() }
