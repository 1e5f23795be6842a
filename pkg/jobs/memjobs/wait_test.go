package memjobs_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

func open(t *testing.T) *memjobs.Engine {
	t.Helper()
	e, err := memjobs.New(memjobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func submit(t *testing.T, e *memjobs.Engine, id jobs.ID) {
	t.Helper()
	as, err := e.Accept(t.Context(), []jobs.Submission{{
		ID: id, Tenant: "acme", Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: "p",
		DeadlineAt: time.Now().Add(time.Hour),
	}})
	if err != nil || as[0].Status != jobs.Created {
		t.Fatalf("accept: %v, %v", as, err)
	}
}

func request(wait time.Duration) jobs.LendRequest {
	return jobs.LendRequest{Worker: "w", Max: 1, Slots: 1, Wait: wait}
}

func TestAWaitIsOverToTheMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		start := time.Now()
		loans, err := e.Lend(t.Context(), request(5*time.Second))
		if len(loans) != 0 || err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("got %d loans, %v after %s", len(loans), err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err = e.Lend(ctx, request(time.Hour)); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
	})
}

func TestAWaitEndsAtOnceWhenWorkComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		var wg sync.WaitGroup
		start := time.Now()
		wg.Go(func() {
			loans, err := e.Lend(t.Context(), request(time.Hour))
			if len(loans) != 1 || err != nil || time.Since(start) != 10*time.Minute {
				t.Errorf("got %d loans, %v after %s", len(loans), err, time.Since(start))
			}
		})
		<-time.After(10 * time.Minute)
		submit(t, e, "a")
		wg.Wait()
	})
}

func TestAWakenedWaitThatFindsNothingGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		var wg sync.WaitGroup
		start := time.Now()
		wg.Go(func() {
			loans, err := e.Lend(t.Context(), request(time.Minute))
			if len(loans) != 0 || err != nil || time.Since(start) != time.Minute {
				t.Errorf("got %d loans, %v after %s", len(loans), err, time.Since(start))
			}
		})
		synctest.Wait()
		if err := e.SetBulkheads(t.Context(), jobs.Bulkhead{Tenant: "acme", Paused: true}); err != nil {
			t.Fatal(err)
		}
		submit(t, e, "a")
		synctest.Wait()
		if s, err := e.Stats(t.Context()); err != nil || s.Workers != 1 || s.States[jobs.Queued] != 1 {
			t.Errorf("stats: %+v, %v", s, err)
		}
		wg.Wait()
	})
}

func TestASchedulerThatCannotBeIsRefused(t *testing.T) {
	wrong := priority.Config{OverdueEvery: -1}
	if _, err := memjobs.New(memjobs.Config{Scheduler: wrong}); !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	if _, err := open(t).Restart(memjobs.Config{Scheduler: wrong}, true); !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("restart: got %v, want ErrInvalid", err)
	}
}

func TestARestartClosesTheEngineBefore(t *testing.T) {
	e := open(t)
	submit(t, e, "a")
	next, err := e.Restart(memjobs.Config{}, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Stats(t.Context()); !errors.Is(err, jobs.ErrClosed) {
		t.Errorf("the engine before: %v", err)
	}
	if _, err := next.Get(t.Context(), "acme", "a"); err != nil {
		t.Errorf("the next engine: %v", err)
	}
}

func BenchmarkReferenceEngine(b *testing.B) {
	jobstest.Benchmark(b, jobstest.Reference(jobstest.Features{}))
}
