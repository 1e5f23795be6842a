package asynqjobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// The first process that opens on a restarted server forgets all workers, and one
// that was silent for long is forgotten by the others. A wait that goes on makes
// its worker known again.
func TestAWorkerThatWasForgottenInItsWaitIsKnownAgain(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	e, client := open(t, r, func(c *asynqjobs.Config) { c.Poll = 10 * time.Millisecond }), dial(t, r)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := e.Lend(ctx, jobs.LendRequest{Worker: "w", Max: 1, Slots: 7, Wait: time.Minute})
		ended <- err
	}()
	known := func() {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for {
			s, err := e.Stats(t.Context())
			if err != nil || s.Slots == 7 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if time.Now().After(deadline) {
				t.Errorf("%d slots", s.Slots)
				return
			}
		}
	}
	known()
	if err := client.Del(t.Context(), "{sluice}:wk").Err(); err != nil {
		t.Fatal(err)
	}
	known()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s, err := e.Stats(t.Context()); err != nil || s.Slots != 7 {
		t.Errorf("%d slots after the wait, %v", s.Slots, err)
	}
}

// A lend of more than one script makes ends its wait once, even if the last one
// finds nothing.
func TestAWorkerIsForgottenAfterALendOfManyLoans(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	clock := jobstest.NewClock()
	e := open(t, r, func(c *asynqjobs.Config) { c.Clock = clock.Now })
	for i := range 64 {
		s := numbered(i)
		s.DeadlineAt = clock.Now().Add(time.Hour)
		accept(t, e, s)
	}
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 100, Slots: 100, Wait: time.Second})
	if err != nil || len(loans) != 64 {
		t.Fatalf("%d loans, %v", len(loans), err)
	}
	clock.Advance(jobs.WorkerMemory)
	if s, err := e.Stats(t.Context()); err != nil || s.Workers != 0 || s.Slots != 0 {
		t.Errorf("%d workers with %d slots, %v", s.Workers, s.Slots, err)
	}
}
