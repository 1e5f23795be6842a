package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// openTenants reads what tenants may do, and tells the engine and the admission.
// The configuration of the API is where tenants begin; an edit at run time
// outlasts it.
func (s *process) openTenants(ctx context.Context, seeds []tenants.Seed) error {
	deadline := time.NewTimer(tenantsWithin)
	defer deadline.Stop()
	for try := 1; ; try++ {
		var err error
		s.tenants, err = tenants.Open(ctx, tenants.Config{
			Engine: s.engine, Spender: s.archive, Seeds: seeds,
			Weights: s.control.SetWeights, Paused: s.control.SetPaused, Events: s.tenantEvents(),
		})
		if !errors.Is(err, jobs.ErrUnavailable) {
			return err
		}
		if try == 1 {
			s.Log.Warn().Err(err).Msg("waiting for the engine")
		}
		pause := time.NewTimer(tenantsPause)
		select {
		case <-pause.C:
		case <-deadline.C:
			return err
		case <-ctx.Done():
			return fmt.Errorf("%w while waiting for the engine: %w", ctx.Err(), err)
		}
	}
}

// The store of a fleet may be restarted just while a process starts, which then
// asks again after each pause.
const (
	tenantsWithin = time.Minute
	tenantsPause  = 500 * time.Millisecond
)

// seedsOf lists the tenants of the configuration. Without any there is the one
// that everybody is.
func seedsOf(c config.Config) []tenants.Seed {
	if len(c.Tenants) == 0 {
		return []tenants.Seed{{Name: httpapi.OpenTenant, Limits: tenants.Limits{MaxQueued: httpapi.OpenMaxQueued}}}
	}
	seeds := make([]tenants.Seed, len(c.Tenants))
	for i, t := range c.Tenants {
		seeds[i] = tenants.Seed{Name: t.Name, Limits: tenants.Limits{
			Weight: t.Weight, MaxRunning: t.MaxRunning, MaxQueued: t.MaxQueued, Lanes: lanes(t.Lanes),
			RequestsPerSecond: t.RequestsPerSecond, RequestsBurst: t.RequestsBurst,
			BytesPerSecond: t.BytesPerSecond, BytesBurst: t.BytesBurst, MicroUSDPerDay: int64(math.Round(t.CostUSDPerDay * 1e6)),
		}}
	}
	return seeds
}

func (s *process) tenantEvents() tenants.Events {
	return tenants.Events{
		Changed: func(t tenants.Tenant) {
			level := zerolog.InfoLevel
			if s.tenants == nil {
				level = zerolog.DebugLevel // all are read at start
			}
			s.Log.WithLevel(level).Str("tenant", t.Name).Str("by", t.UpdatedBy).Int64("version", t.Version).Int("weight", t.Weight).Int("max_running", t.MaxRunning).
				Int("max_queued", t.MaxQueued).Bool("paused", t.Pause != nil).Bool("edited", t.Edited).Msg("tenant")
		},
		Deleted: func(name string) { s.Log.Info().Str("tenant", name).Msg("tenant removed") },
		Failed:  func(doing string, err error) { s.Log.Error().Str("doing", doing).Err(err).Msg("tenants") },
	}
}
