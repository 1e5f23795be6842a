package app

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/internal/pause"
	"github.com/sluicehq/sluice/pkg/jobs"
)

const (
	// retainEvery is how often retention looks.
	retainEvery = time.Minute
	// retainShare is the part of the time that removing may take, one in so
	// many: a commit that removes a thousand jobs holds the default engine's
	// writer for 30 to 120 ms (measured on 2 cores), and live work comes first.
	retainShare = 5
)

// retain removes what the configuration no longer keeps, until ctx ends.
func (s *process) retain(ctx context.Context) {
	keep := s.Config.Retention.Policy()
	if len(keep.MaxAge)+len(keep.MaxCount) == 0 {
		return
	}
	every(ctx, retainEvery, func() { s.trim(ctx, keep) })
}

// trim removes all that is due, a bounded number of jobs at a time, and says
// how much it was.
func (s *process) trim(ctx context.Context, keep jobs.Retention) {
	removed := map[jobs.State]int64{}
	defer func() { s.removed(removed) }()
	for ctx.Err() == nil {
		began := time.Now()
		got, err := s.archive.Retain(ctx, keep)
		if err != nil {
			if ctx.Err() == nil {
				s.Log.Error().Err(err).Msg("retention")
			}
			return
		}
		for state, n := range got.Removed {
			removed[state] += n
		}
		if !got.More {
			return
		}
		_ = pause.For(ctx, (retainShare-1)*time.Since(began))
	}
}

func (s *process) removed(removed map[jobs.State]int64) {
	total, counts := int64(0), map[string]any{}
	for _, state := range jobs.States() {
		if n := removed[state]; n > 0 {
			total += n
			counts[string(state)] = n
		}
	}
	if total > 0 {
		s.Log.Info().Fields(counts).Int64("jobs", total).Msg("removed by retention")
	}
}
