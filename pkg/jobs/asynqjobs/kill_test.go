package asynqjobs_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// told is what callers were told.
type told struct {
	mu       sync.Mutex
	accepted []jobs.ID
	settled  map[jobs.ID]bool
}

// TestAKilledServerLosesNothingThatWasAnswered kills the server again and again
// while two processes accept and settle jobs.
func TestAKilledServerLosesNothingThatWasAnswered(t *testing.T) {
	t.Parallel()
	const kills = 8 / min(slowdown, 2)
	r := redistest.Start(t, redistest.Settings{})
	engines := []*asynqjobs.Engine{open(t, r, nil), open(t, r, nil)}
	was := told{settled: make(map[jobs.ID]bool)}
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	var n atomic.Int64
	for i, e := range engines {
		for range 4 {
			work.Go(func() { acceptOn(ctx, t, e, &n, &was) })
			work.Go(func() { settleOn(ctx, t, e, fmt.Sprintf("w%d", i), &was) })
		}
	}
	for range kills {
		before := n.Load()
		for n.Load() < before+60 && !t.Failed() { // work goes on between the kills
			<-time.After(5 * time.Millisecond)
		}
		restart(t, r)
	}
	stop()
	work.Wait()
	e := open(t, r, nil)
	for _, id := range was.accepted {
		j, err := e.Get(t.Context(), "", id)
		if err != nil {
			t.Errorf("%s was accepted: %v", id, err)
		} else if was.settled[id] && j.State != jobs.Succeeded {
			t.Errorf("%s was settled, and is %s", id, j.State)
		}
	}
	jobstest.CheckHistories(t, e, was.accepted)
	t.Logf("%d jobs accepted, %d settled, %d kills", len(was.accepted), len(was.settled), kills)
}

// acceptOn accepts jobs, and repeats each until it is answered.
func acceptOn(ctx context.Context, t *testing.T, e jobs.Engine, n *atomic.Int64, was *told) {
	for ctx.Err() == nil {
		s := numbered(int(n.Add(1)))
		for {
			answers, err := e.Accept(ctx, []jobs.Submission{s})
			if err == nil {
				if status := answers[0].Status; status != jobs.Created && status != jobs.Existing {
					t.Errorf("%s is %s", s.ID, status)
				}
				was.mu.Lock()
				was.accepted = append(was.accepted, s.ID)
				was.mu.Unlock()
				break
			}
			if !expected(ctx, t, err) {
				return
			}
		}
	}
}

// settleOn lends and settles jobs, and repeats each outcome until it is
// answered.
func settleOn(ctx context.Context, t *testing.T, e jobs.Engine, worker string, was *told) {
	for ctx.Err() == nil {
		loans, err := e.Lend(ctx, jobs.LendRequest{Worker: worker, Max: 4, Slots: 16, Wait: time.Second})
		if err != nil && !expected(ctx, t, err) {
			return
		}
		for _, l := range loans {
			o := jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{}`)}}
			for {
				if _, err = e.Finish(ctx, l.Lease, o); err == nil {
					was.mu.Lock()
					was.settled[l.Job.ID] = true
					was.mu.Unlock()
					break
				}
				if !expected(ctx, t, err) {
					return
				}
			}
		}
	}
}

// expected reports whether to go on after an error: the server is away. It
// pauses, so that those who try again leave it a processor.
func expected(ctx context.Context, t *testing.T, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("got %v", err)
		return false
	}
	<-time.After(10 * time.Millisecond)
	return true
}
