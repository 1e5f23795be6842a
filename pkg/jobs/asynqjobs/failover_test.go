package asynqjobs_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

// With one replica asked for each write, a failover loses nothing that was
// answered, and the engine goes on with the new primary by itself.
func TestAFailoverLosesNothingThatAReplicaWasAskedFor(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t, redistest.Settings{Args: []string{"--repl-diskless-sync-delay", "0"}})
	one := redistest.Start(t, redistest.Settings{ReplicaOf: primary.Addr()})
	sentinels := redistest.StartSentinels(t, "sluice", primary, 3)
	redistest.AwaitSentinels(t, "sluice", sentinels, 1)
	addrs := make([]string, len(sentinels))
	for i, s := range sentinels {
		addrs[i] = s.Addr()
	}
	e := openWhenReplicated(t, asynqjobs.Config{
		URL: "redis+sentinel://" + strings.Join(addrs, ",") + "/0?master=sluice", Replicas: 1, ReplicaWait: 4 * time.Second,
	})
	for i := range 50 {
		if got, err := e.Accept(t.Context(), []jobs.Submission{submission("job"+strconv.Itoa(i), "acme")}); err != nil || got[0].Status != jobs.Created {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 5, Slots: 64, Lease: time.Minute})
	if err != nil || len(loans) != 5 {
		t.Fatalf("%d loans, %v", len(loans), err)
	}
	primary.Kill(t)
	redistest.AwaitPrimary(t, "sluice", sentinels[0], one)
	// The old primary comes back as the replica that each write is to reach.
	primary.Restart(t)
	persist(t, func() error {
		_, err := e.Finish(t.Context(), loans[0].Lease, jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{}`)}})
		return err
	})
	for i := range 50 {
		want := jobs.Queued
		switch {
		case i == 0:
			want = jobs.Succeeded
		case i < 5:
			want = jobs.Running
		}
		if j, err := e.Get(t.Context(), "acme", jobs.ID("job"+strconv.Itoa(i))); err != nil || j.State != want {
			t.Errorf("job%d: %s, %v", i, j.State, err)
		}
	}
	persist(t, func() error {
		_, err := e.Accept(t.Context(), []jobs.Submission{submission("after", "acme")})
		return err
	})
}

// persist does as callers of an engine do: what was not answered is asked
// again.
func persist(t *testing.T, call func() error) {
	t.Helper()
	for began := time.Now(); ; pause(t, 50*time.Millisecond) {
		err := call()
		if err == nil {
			return
		}
		if !errors.Is(err, jobs.ErrUnavailable) || time.Since(began) > time.Minute {
			t.Fatal(err)
		}
	}
}

// openWhenReplicated opens an engine as soon as the replica has joined.
func openWhenReplicated(t *testing.T, c asynqjobs.Config) *asynqjobs.Engine {
	t.Helper()
	for {
		e, err := asynqjobs.Open(t.Context(), c)
		if err == nil {
			t.Cleanup(func() {
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			})
			return e
		}
		if t.Context().Err() != nil || !strings.Contains(err.Error(), "replicas") {
			t.Fatal(err)
		}
		pause(t, 50*time.Millisecond)
	}
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	<-ctx.Done()
}
