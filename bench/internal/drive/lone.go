//go:build linux

package drive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/bench/internal/queue"
	"github.com/sluicehq/sluice/internal/pause"
)

// How long workers rest before the next job comes: a time that differs from
// job to job, so that jobs and the workers' looks do not fall into step.
const (
	restAtLeast = 60 * time.Millisecond
	restSteps   = 23
	restStep    = 3 * time.Millisecond
)

// unmeasured is how many jobs open the connections of a round.
const unmeasured = 2

// Lone puts jobs one at a time while the workers are idle, and answers how many
// milliseconds after the durable answer each handler began; starts tells when.
// A handler that began before the answer counts as 0.
func Lone(ctx context.Context, q *queue.Counted, jobs int, starts <-chan time.Time) (_ figures.Series, err error) {
	stop, err := q.Work(ctx, func() {})
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, stop())
		if err == nil {
			err = q.Settled(ctx)
		}
	}()
	var delays figures.Series
	for i := range unmeasured + jobs {
		if err := pause.For(ctx, restAtLeast+time.Duration(i*7%restSteps)*restStep); err != nil {
			return nil, err
		}
		if err := q.Put(ctx); err != nil {
			return nil, err
		}
		durable := time.Now().Round(0) // the other process has the same wall clock, and no other
		at, err := begun(ctx, starts)
		if err != nil {
			return nil, err
		}
		if i >= unmeasured {
			delays = append(delays, figures.Milliseconds(max(at.Sub(durable), 0)))
		}
	}
	return delays, nil
}

// begun is when the next handler began.
func begun(ctx context.Context, starts <-chan time.Time) (time.Time, error) {
	timer := time.NewTimer(drainWithin)
	defer timer.Stop()
	select {
	case at := <-starts:
		return at, nil
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	case <-timer.C:
		return time.Time{}, fmt.Errorf("a job was not started within %s", drainWithin)
	}
}
