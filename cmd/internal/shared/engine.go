// Package shared opens the engine that the processes of a fleet share, for the
// programs that can be part of one.
package shared

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
)

// A fleet is started all at once, and a Redis that was restarted reads its file
// first: a process waits for it, asking again after each pause.
const (
	openWithin = time.Minute
	openPause  = 500 * time.Millisecond
)

// troubleEvery is how often a few warnings about Redis may be logged.
const troubleEvery = 10 * time.Second

// OpenEngine answers a function that opens the engine of the configuration,
// which must be a shared one.
func OpenEngine(c config.Config, log zerolog.Logger) func(context.Context, jobs.Listener) (jobs.Engine, error) {
	asynqjobs.SilenceDriver()
	log = log.With().Str("component", "engine").Logger()
	return func(ctx context.Context, l jobs.Listener) (jobs.Engine, error) {
		return open(ctx, log, asynqjobs.Config{
			URL: c.EngineURL(), Prefix: c.Redis.Prefix, Directory: c.Redis.DocumentsDir, AcceptLoss: c.Redis.AcceptLoss,
			MemoryBudget: c.Redis.MemoryBudget, Replicas: c.Redis.Replicas, ReplicaWait: c.Redis.ReplicaWait,
			Listener: l, Events: events(log),
		})
	}
}

// open opens the engine once Redis answers.
func open(ctx context.Context, log zerolog.Logger, c asynqjobs.Config) (jobs.Engine, error) {
	deadline := time.NewTimer(openWithin)
	defer deadline.Stop()
	for try := 1; ; try++ {
		e, err := asynqjobs.Open(ctx, c)
		if err == nil {
			return e, nil
		}
		if !errors.Is(err, jobs.ErrUnavailable) {
			return nil, err
		}
		if try == 1 {
			log.Warn().Err(err).Msg("waiting for redis")
		}
		pause := time.NewTimer(openPause)
		select {
		case <-pause.C:
		case <-deadline.C:
			return nil, fmt.Errorf("redis did not answer within %s: %w", openWithin, err)
		case <-ctx.Done():
			return nil, fmt.Errorf("%w while waiting for redis: %w", ctx.Err(), err)
		}
	}
}

// events logs what the engine cannot answer to a caller.
func events(log zerolog.Logger) asynqjobs.Events {
	// While Redis is away each look at it fails, many times a second.
	trouble := log.Sample(&zerolog.BurstSampler{Burst: 3, Period: troubleEvery})
	return asynqjobs.Events{
		Risky: func(risks []asynqjobs.Risk) {
			if len(risks) == 0 {
				log.Info().Msg("redis loses nothing that it has answered")
			}
			for _, r := range risks {
				log.Warn().Str("setting", r.Setting).Str("value", r.Value).Str("loses", r.Loses).Str("mend", r.Mend).Msg("redis can lose accepted jobs")
			}
		},
		Trouble: func(err error) { trouble.Warn().Err(err).Msg("redis") },
		Granted: func(n int) { log.Warn().Int("leases", n).Msg("nobody swept for long: every lease got another period") },
	}
}
