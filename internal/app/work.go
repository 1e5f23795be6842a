package app

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/coord"
	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// openWorker makes the worker of this process with all it needs.
func (s *process) openWorker(x *extraction) (*worker.Worker, error) {
	policy := policyOf(s.Config)
	if err := policy.Prove(); err != nil {
		return nil, err
	}
	pool, err := document.NewPool(document.Config{
		Limits: document.Limits{
			MaxBytes: s.Config.MaxDocumentBytes, MaxPages: s.Config.Document.MaxPages, Timeout: s.Config.Document.Timeout,
		},
		CacheDir: s.Config.Document.CacheDir,
		Children: s.Config.Document.Children,
		Events: document.Events{
			ChildStarted: func(_ int, took time.Duration) { s.Log.Debug().Dur("took_ms", took).Msg("parser started") },
			ChildEnded:   func(_ int, reason string) { s.Log.Debug().Str("reason", reason).Msg("parser ended") },
		},
	})
	if err != nil {
		return nil, err
	}
	s.onClose(pool.Close)
	s.warm = func(ctx context.Context) {
		if err := pool.Warm(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn().Err(err).Msg("warm the document parser")
		}
	}
	cache, err := s.openCache()
	if err != nil {
		return nil, err
	}
	executor, err := ladder.New(ladder.Config{
		Store: s.engine, Reader: pool, Prepare: x.prepare, Models: modelsOf(s.Config), Policy: policy,
		Gates: s.gates, Budgets: s.budgets, Limits: s.limits, Name: s.name, Records: s.engine.Records(), Money: s.tenants,
		Cache: cache, PromptVersion: extract.PromptVersion(),
		Jitter: jitter, Events: s.metrics.ladder.attach(s.ladderEvents()),
	})
	if err != nil {
		return nil, err
	}
	s.refresh = executor.Refresh
	s.metrics.RegisterRoutes(executor.Routes)
	w, err := worker.New(worker.Config{
		Name: s.name, Slots: s.Config.Slots, Lease: s.Config.Lease, Pace: executor.Pace, Events: s.workerEvents(),
	}, s.engine, executor)
	if err != nil {
		return nil, err
	}
	return w, s.bus.OnCancel(func(c coord.CancelRequest) { w.Poke(c.Job) })
}

// modelsOf lists the configured routes in the order of their tiers. The
// extraction's clients are in the same order.
func modelsOf(c config.Config) []ladder.Model {
	var models []ladder.Model
	for tier, r := range []config.Route{c.Primary, c.Fallback} {
		if r.Configured() {
			models = append(models, ladder.Model{
				Tier: tier + 1, Provider: r.Provider, Model: r.Model, Window: r.Window, MaxOutput: r.MaxOutput,
				InputUSD: r.InputUSD, OutputUSD: r.OutputUSD, Regions: r.RegionList(), Limits: r.Limits(),
			})
		}
	}
	return models
}

// policyOf is the ladder's policy with the configured timeouts of the routes.
func policyOf(c config.Config) tiers.Policy {
	var p tiers.Policy
	for _, l := range jobs.Lanes() {
		p.Primary.Timeout[l] = c.Primary.Timeout
		p.Smaller.Timeout[l] = c.Fallback.Timeout
	}
	return c.Tiers.Policy(p.WithDefaults())
}

// openCache makes the cache of answers; nil where none is configured.
func (s *process) openCache() (*ladder.Cache, error) {
	if !s.Config.Cache.Enabled() {
		return nil, nil
	}
	policy, err := s.Config.Cache.Policy()
	if err != nil {
		return nil, err
	}
	cache, err := ladder.NewCache(policy, int(s.Config.Cache.MaxBytes))
	if err != nil {
		return nil, err
	}
	forget := func(events []jobs.Event) {
		for _, e := range events {
			if e.Type == jobs.EventErased {
				cache.Forget(e.Job)
			}
		}
	}
	s.erased.Store(&forget) // this process hears of its own commits without the bus
	return cache, s.bus.OnEvents(forget)
}

func (s *process) ladderEvents() ladder.Events {
	return ladder.Events{
		AttemptEnded: func(j jobs.Job, e ladder.AttemptEnd) {
			s.metrics.attemptEnded(j, e)
			a := e.Attempt
			s.Log.Debug().Str("job", string(j.ID)).Str("tenant", j.Tenant).Int("n", a.N).Int("tier", a.Tier).Str("kind", string(a.Kind)).
				Str("provider", a.Provider).Str("model", a.Model).Str("outcome", string(a.Outcome)).Str("class", string(a.Class)).
				Str("why", a.Why).Int("status", a.Status).Dur("took_ms", a.Took()).Msg("attempt")
		},
		GateClosed: func(g tiers.Gate) {
			s.Log.Warn().Str("gate", g.Name).Str("class", string(g.Reason)).Time("until", g.Until).Msg("gate closed")
			select {
			case s.beatNow <- struct{}{}:
			default:
			}
		},
		RouteDown: func(route string, down bool, lasted time.Duration) {
			if down {
				s.Log.Warn().Str("route", route).Msg("route down")
				return
			}
			s.Log.Info().Str("route", route).Dur("lasted_ms", lasted).Msg("route works again")
		},
		StoreFailed: func(what string, err error) { s.Log.Error().Err(err).Str("what", what).Msg("records of routes") },
		DocumentRead: func(j jobs.Job, took time.Duration, fault jobs.Class) {
			s.metrics.documentRead(took, fault)
			s.Log.Debug().Str("job", string(j.ID)).Str("fault", string(fault)).Dur("took_ms", took).Msg("document read")
		},
	}
}

func (s *process) workerEvents() worker.Events {
	return worker.Events{
		Started: s.metrics.started,
		Settled: func(j jobs.Job, o jobs.Outcome, took time.Duration) {
			s.metrics.settled(j, o, took)
			e := s.Log.Info().Str("job", string(j.ID)).Str("tenant", j.Tenant).Str("lane", j.Lane.String()).Str("state", string(j.State)).
				Int("tier", o.Tier).Dur("took_ms", took)
			switch {
			case o.Failure != nil:
				e = e.Str("class", string(o.Failure.Class))
			case o.Result != nil:
				e = e.Bool("degraded", o.Result.Quality.Degraded).Strs("reasons", o.Result.Quality.Reasons)
			case o.Reason != "":
				e = e.Str("reason", o.Reason)
			}
			e.Msg("settled")
		},
		Lost: func(l jobs.Lease) {
			s.metrics.duplicates.Inc()
			s.Log.Warn().Str("job", string(l.Job)).Msg("lease lost; nothing written")
		},
		Trouble: func(id jobs.ID, err error) {
			s.metrics.trouble.Inc()
			s.Log.Error().Str("job", string(id)).Err(err).Msg("worker trouble")
		},
	}
}

// work runs the worker until ctx ends and every loan is settled.
func (s *process) work(ctx context.Context, w *worker.Worker) {
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.services.Go(func() { s.beat(beating, w) })
	w.Run(ctx, s.Config.Grace)
	stop()
}
