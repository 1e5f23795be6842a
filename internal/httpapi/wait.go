package httpapi

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// recheck is how often a waiting request reads its job without being told of
// a change, because changes may be told of late or not at all.
const recheck = time.Second

// await reads the job until it is as wanted, the time is up, the client is gone
// or the process stops, and answers it as it is then. tenant is the scope to
// read in.
func (s *Server) await(ctx context.Context, tenant string, j jobs.Job, limit time.Duration, wanted func(jobs.Job) bool) (jobs.Job, error) {
	if wanted(j) || limit <= 0 || s.draining() {
		return j, nil
	}
	select {
	case s.waiters <- struct{}{}:
		defer func() { <-s.waiters }()
	default:
		return j, nil // too many wait already; the client polls instead
	}
	changes, stop := s.deps.Watcher.Watch(j.ID)
	defer stop()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	tick := time.NewTicker(recheck)
	defer tick.Stop()
	for {
		// The first read comes after the watch began: nothing is missed.
		now, err := s.deps.Engine.Get(ctx, tenant, j.ID)
		if err != nil || wanted(now) {
			return now, err
		}
		select {
		case <-changes:
		case <-tick.C:
		case <-timeout.C:
			return now, nil
		case <-s.deps.Drain:
			return now, nil
		case <-ctx.Done():
			return now, nil
		}
	}
}
