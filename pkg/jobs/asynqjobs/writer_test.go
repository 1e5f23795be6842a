package asynqjobs

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

func openHere(t *testing.T) (*Engine, *redistest.Redis) {
	t.Helper()
	r := redistest.Start(t, redistest.Settings{})
	e, err := Open(t.Context(), Config{URL: r.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e, r
}

func plain(n int) jobs.Submission {
	return jobs.Submission{
		ID: jobs.ID(fmt.Sprintf("job_%04d", n)), Tenant: "acme", Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice"},
		Fingerprint: "p", DeadlineAt: time.Now().Add(time.Hour),
	}
}

// counting counts the pipelines that go out, and holds the first until told.
type counting struct {
	n     atomic.Int64
	first sync.Once
	go1   chan struct{}
}

func (c *counting) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *counting) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (c *counting) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.n.Add(1)
		c.first.Do(func() { <-c.go1 })
		return next(ctx, cmds)
	}
}

func TestCallsThatComeWhileOthersAreUnderWayGoOutTogether(t *testing.T) {
	t.Parallel()
	e, _ := openHere(t)
	hook := &counting{go1: make(chan struct{})}
	e.writes.AddHook(hook)
	const n = 101
	var work sync.WaitGroup
	for i := range n {
		work.Go(func() {
			if _, err := e.Accept(t.Context(), []jobs.Submission{plain(i)}); err != nil {
				t.Errorf("accept: %v", err)
			}
		})
		for i == 0 && hook.n.Load() == 0 { // the first is held, and all others wait
			<-time.After(time.Millisecond)
		}
	}
	for len(e.calls) < n-1 {
		<-time.After(time.Millisecond)
	}
	close(hook.go1)
	work.Wait()
	if got := hook.n.Load(); got != 2 {
		t.Errorf("%d calls went out in %d pipelines, want 2", n, got)
	}
}

func TestALeaseThatWasExtendedMeanwhileIsNotTakenBack(t *testing.T) {
	t.Parallel()
	e, _ := openHere(t)
	if _, err := e.Accept(t.Context(), []jobs.Submission{plain(1)}); err != nil {
		t.Fatal(err)
	}
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
	if err != nil || len(loans) != 1 {
		t.Fatalf("%d loans, %v", len(loans), err)
	}
	reap := func(j *jobs.Job, now time.Time) (jobs.Event, error) { return j.Reap(e.cfg.Policy, now) }
	was := strconv.FormatInt(loans[0].Lease.Until.UnixMilli(), 10)
	states, err := e.Extend(t.Context(), []jobs.Lease{loans[0].Lease}, time.Hour)
	if err != nil || !states[0].Held {
		t.Fatalf("%+v, %v", states, err)
	}
	take := func(until string, want int) {
		t.Helper()
		n, err := e.changeAll(t.Context(), []jobs.ID{plain(1).ID}, []string{until}, time.Now(), jobs.Running, reap)
		if err != nil || n != want {
			t.Errorf("took back %d, %v; want %d", n, err, want)
		}
	}
	take(was, 0)
	take(strconv.FormatInt(states[0].Until.UnixMilli(), 10), 1)
}

func TestAChangeThatCameTooLateBeginsAnew(t *testing.T) {
	t.Parallel()
	e, _ := openHere(t)
	if _, err := e.Accept(t.Context(), []jobs.Submission{plain(1)}); err != nil {
		t.Fatal(err)
	}
	first, ok, err := e.fetch(t.Context(), plain(1).ID)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	batch := jobs.Batch
	if _, err := e.Apply(t.Context(), jobs.Command{Kind: jobs.Move, Job: plain(1).ID, Lane: &batch}); err != nil {
		t.Fatal(err)
	}
	tries := 0
	j, err := e.move(t.Context(), plain(1).ID, &first, jobs.ErrNotFound, func(before jobs.Job, now time.Time) (change, bool, error) {
		tries++
		after := before
		ev, changed, err := after.Apply(jobs.Command{Kind: jobs.Cancel, Job: before.ID}, freshSeq, now)
		return change{after: after, event: ev}, changed, err
	})
	if err != nil || tries != 2 || j.Lane != jobs.Batch || j.Version != 3 {
		t.Errorf("after %d tries: lane %s, version %d, %v", tries, j.Lane, j.Version, err)
	}
}
