package app

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/sluicehq/sluice/internal/coord"
	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/backpressure"
)

// How often the services look.
const (
	sweepEvery = 250 * time.Millisecond
	beatEvery  = time.Second
)

// every calls f now and after each period until ctx ends.
func every(ctx context.Context, period time.Duration, f func()) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		f()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// startServices runs what every role needs until ctx ends.
func (s *process) startServices(ctx context.Context) {
	s.services.Go(func() { every(ctx, sweepEvery, func() { s.sweep(ctx) }) })
	s.services.Go(func() { every(ctx, beatEvery, func() { s.observe(ctx) }) })
	s.services.Go(func() { s.tenants.Run(ctx) })
	if s.warm != nil {
		s.services.Go(func() { s.warm(ctx) })
	}
	if s.refresh != nil {
		s.services.Go(func() { every(ctx, beatEvery, func() { s.refresh(ctx) }) })
	}
}

// sweep does what is due in the engine, all of it.
func (s *process) sweep(ctx context.Context) {
	for ctx.Err() == nil {
		swept, err := s.engine.Sweep(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.Log.Error().Err(err).Msg("sweep")
			}
			return
		}
		if swept.Reaped+swept.Expired+swept.Backstopped > 0 {
			s.Log.Warn().Int("reaped", swept.Reaped).Int("expired", swept.Expired).Int("backstopped", swept.Backstopped).Msg("swept")
		}
		if !swept.More {
			return
		}
	}
}

// observe takes the engine's counts and the process's own pressure.
func (s *process) observe(ctx context.Context) {
	stats, err := s.engine.Stats(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.Log.Error().Err(err).Msg("stats")
		}
		return
	}
	s.stats.Store(&stats)
	s.control.Snapshot(stats)
	s.control.SetPressure(backpressure.Pressure{Memory: memoryShare(), Disk: diskShare(s.Config.DataDir)})
}

// beat publishes what the worker does, once a second and at once when a gate
// closes.
func (s *process) beat(ctx context.Context, w *worker.Worker) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for seq := int64(1); ; seq++ {
		h := s.heartbeat(w, seq)
		s.bus.Beat(h)
		if !s.bus.Connected() {
			s.heard(h) // coordination is local: nobody else tells us of ourselves
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.beatNow:
		}
	}
}

func (s *process) heartbeat(w *worker.Worker, seq int64) coord.Heartbeat {
	load := w.Load()
	h := coord.Heartbeat{
		Worker: s.name, Boot: s.boot, Seq: seq, Slots: load.Slots, Busy: load.Busy,
		ServiceMS: load.ServiceMS, Done: load.Done, MemoryShare: memoryShare(), Draining: load.Draining,
	}
	for _, g := range s.gates.Closed(time.Now()) {
		h.Gates = append(h.Gates, coord.Gate{Name: g.Name, LeftMS: g.Left.Milliseconds(), Reason: string(g.Reason)})
	}
	return h
}

// memoryShare is the share of the memory limit in use; 0 without a limit.
func memoryShare() float64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return 0
	}
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	used := sample[0].Value.Uint64() - sample[1].Value.Uint64()
	return float64(used) / float64(limit)
}
