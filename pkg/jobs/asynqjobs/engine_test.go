package asynqjobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// open opens an engine on a server until the test ends.
func open(t *testing.T, r *redistest.Redis, set func(*asynqjobs.Config)) *asynqjobs.Engine {
	t.Helper()
	c := asynqjobs.Config{URL: r.URL()}
	if set != nil {
		set(&c)
	}
	e, err := asynqjobs.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// dial connects to a server until the test ends.
func dial(t *testing.T, r *redistest.Redis) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: r.Addr()})
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return client
}

func numbered(n int) jobs.Submission {
	return jobs.Submission{
		ID: jobs.ID(fmt.Sprintf("job_%06d", n)), Tenant: "acme", Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice"},
		Fingerprint: "p", DeadlineAt: time.Now().Add(time.Hour), Cost: time.Second,
	}
}

func accept(t *testing.T, e jobs.Engine, subs ...jobs.Submission) {
	t.Helper()
	answers, err := e.Accept(t.Context(), subs)
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	for _, a := range answers {
		if a.Status != jobs.Created {
			t.Fatalf("accept: %s", a.Status)
		}
	}
}

func lend(t *testing.T, e jobs.Engine, worker string, n int) []jobs.Loan {
	t.Helper()
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: worker, Max: n, Slots: n})
	if err != nil {
		t.Fatalf("lend: %v", err)
	}
	return loans
}

func TestTwoProcessesLendEachJobOnce(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	const n = 300
	engines := []*asynqjobs.Engine{open(t, r, nil), open(t, r, nil)}
	var mu sync.Mutex
	got := map[jobs.ID]int{}
	var work sync.WaitGroup
	for i, e := range engines {
		for w := range 4 {
			work.Go(func() {
				req := jobs.LendRequest{Worker: fmt.Sprintf("w%d-%d", i, w), Max: 3, Slots: 3, Wait: time.Minute}
				for {
					mu.Lock()
					over := len(got) == n
					mu.Unlock()
					if over {
						return
					}
					req.Wait = 200 * time.Millisecond
					loans, err := e.Lend(t.Context(), req)
					if err != nil {
						t.Errorf("lend: %v", err)
						return
					}
					for _, l := range loans {
						mu.Lock()
						got[l.Job.ID]++
						mu.Unlock()
						// Settled by the process that did not lend it.
						o := jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{}`)}}
						if _, err := engines[1-i].Finish(t.Context(), l.Lease, o); err != nil {
							t.Errorf("finish: %v", err)
						}
					}
				}
			})
		}
	}
	for i := range n {
		accept(t, engines[i%2], numbered(i))
	}
	work.Wait()
	for id, times := range got {
		if times != 1 {
			t.Errorf("%s was lent %d times", id, times)
		}
	}
	for _, e := range engines {
		s, err := e.Stats(t.Context())
		if err != nil || s.States[jobs.Succeeded] != n {
			t.Errorf("%+v, %v", s.States, err)
		}
	}
}

func TestAJobAcceptedElsewhereEndsAWait(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	one, other := open(t, r, nil), open(t, r, nil)
	answer := make(chan []jobs.Loan)
	go func() {
		loans, err := other.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1, Wait: time.Minute})
		if err != nil {
			t.Errorf("lend: %v", err)
		}
		answer <- loans
	}()
	for {
		s, err := one.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Workers == 1 {
			break
		}
	}
	accept(t, one, numbered(1))
	if loans := <-answer; len(loans) != 1 {
		t.Errorf("%d loans", len(loans))
	}
}

func TestEachListenerHearsItsOwnCommits(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	var mu sync.Mutex
	heard := map[string][]jobs.EventType{}
	listen := func(name string) func(*asynqjobs.Config) {
		return func(c *asynqjobs.Config) {
			c.Listener.Committed = func(evs []jobs.Event) {
				mu.Lock()
				defer mu.Unlock()
				for _, ev := range evs {
					heard[name] = append(heard[name], ev.Type)
				}
			}
		}
	}
	api, worker := open(t, r, listen("api")), open(t, r, listen("worker"))
	accept(t, api, numbered(1))
	l := lend(t, worker, "w", 1)[0]
	if _, err := worker.Finish(t.Context(), l.Lease, jobs.Outcome{Kind: jobs.Fail, Failure: &jobs.Failure{Class: "corrupt"}}); err != nil {
		t.Fatal(err)
	}
	want := map[string][]jobs.EventType{"api": {jobs.EventQueued}, "worker": {jobs.EventStarted, jobs.EventFailed}}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, heard); diff != "" {
		t.Error(diff)
	}
}

// restart kills the server and starts it on what it wrote.
func restart(t *testing.T, r *redistest.Redis) {
	t.Helper()
	r.Kill(t)
	r.Restart(t)
}

// eventually repeats a call that may find the server gone.
func eventually(t *testing.T, do func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := do()
		if err == nil {
			return
		}
		if !errors.Is(err, jobs.ErrUnavailable) || time.Now().After(deadline) {
			t.Fatalf("got %v", err)
		}
	}
}

func TestAfterARestartOfTheServerHoldersKeepTheirLoans(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	clock := jobstest.NewClock()
	e := open(t, r, func(c *asynqjobs.Config) { c.Clock = clock.Now })
	s := numbered(1)
	s.DeadlineAt = clock.Now().Add(time.Hour)
	accept(t, e, s)
	l := lend(t, e, "w", 1)[0]
	clock.Advance(10 * time.Minute)
	restart(t, r)
	eventually(t, func() error {
		swept, err := e.Sweep(t.Context())
		if err == nil && swept != (jobs.Swept{}) {
			t.Errorf("the first sweep after a restart did %+v", swept)
		}
		return err
	})
	clock.Advance(jobs.DefaultLease - time.Millisecond)
	if swept, err := e.Sweep(t.Context()); err != nil || swept.Reaped != 0 {
		t.Errorf("within the next period: %+v, %v", swept, err)
	}
	clock.Advance(time.Millisecond)
	if swept, err := e.Sweep(t.Context()); err != nil || swept.Reaped != 1 {
		t.Errorf("after the next period: %+v, %v", swept, err)
	}
	if _, err := e.Finish(t.Context(), l.Lease, jobs.Outcome{Kind: jobs.Release}); !errors.Is(err, jobs.ErrStaleLease) {
		t.Errorf("a loan taken back: %v", err)
	}
	if again := lend(t, e, "w", 1)[0]; again.Lease.Token == l.Lease.Token {
		t.Error("a token came twice")
	}
}

func TestAProcessThatOpensAfterARestartLeavesTheBulkheadsOfOthers(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	one := open(t, r, nil)
	if err := one.SetBulkheads(t.Context(), jobs.Bulkhead{Tenant: "acme", Paused: true}); err != nil {
		t.Fatal(err)
	}
	accept(t, one, numbered(1))
	restart(t, r)
	other := open(t, r, nil)
	eventually(t, func() error { _, err := one.Sweep(t.Context()); return err })
	if loans := lend(t, other, "w", 1); len(loans) != 0 {
		t.Error("a job of a paused tenant was lent")
	}
}

func TestWhenNobodySweptForLongLeasesGetAnotherPeriod(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	granted := make(chan int, 1)
	e := open(t, r, func(c *asynqjobs.Config) { c.Events.Granted = func(n int) { granted <- n } })
	accept(t, e, numbered(1))
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1, Lease: time.Millisecond})
	if err != nil || len(loans) != 1 {
		t.Fatalf("%d loans, %v", len(loans), err)
	}
	if _, err := e.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	accept(t, e, numbered(2))
	if loans, err = e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 2, Slots: 2, Lease: time.Millisecond}); err != nil || len(loans) == 0 {
		t.Fatalf("%d loans, %v", len(loans), err)
	}
	// As if all processes had stood still for a minute.
	past := time.Now().Add(-time.Minute).UnixMilli()
	if err := dial(t, r).Set(t.Context(), "{sluice}:swept", past, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if swept, err := e.Sweep(t.Context()); err != nil || swept.Reaped != 0 {
		t.Errorf("a late sweep: %+v, %v", swept, err)
	}
	if n := <-granted; n != len(loans) {
		t.Errorf("%d leases were granted, %d jobs run", n, len(loans))
	}
}

func TestSchemasOfSubmissionsCountAgainstTheMemoryBudget(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	const budget = 8 << 20
	e := open(t, r, func(c *asynqjobs.Config) { c.MemoryBudget = budget })
	schema := []byte(`{"title":"` + strings.Repeat("x", 60<<10) + `"}`)
	var subs []jobs.Submission
	for i := range budget / len(schema) {
		s := numbered(i)
		s.Spec = jobs.Spec{SchemaJSON: schema}
		subs = append(subs, s)
	}
	if _, err := e.Accept(t.Context(), subs); !errors.Is(err, asynqjobs.ErrMemory) {
		t.Errorf("got %v", err)
	}
	if _, err := e.Accept(t.Context(), subs[:10]); err != nil {
		t.Error(err)
	}
}

func TestWhileTheServerIsAwayCallsSayUnavailable(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	e := open(t, r, nil)
	accept(t, e, numbered(1), numbered(2))
	l := lend(t, e, "w", 1)[0]
	done := jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{"a":1}`)}}
	r.Kill(t)
	_, getErr := e.Get(t.Context(), "", l.Job.ID)
	_, acceptErr := e.Accept(t.Context(), []jobs.Submission{numbered(3)})
	_, finishErr := e.Finish(t.Context(), l.Lease, done)
	_, lendErr := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
	_, statsErr := e.Stats(t.Context())
	_, listErr := e.List(t.Context(), jobs.Filter{}, jobs.Page{})
	for i, err := range []error{getErr, acceptErr, finishErr, lendErr, statsErr, listErr} {
		if !errors.Is(err, jobs.ErrUnavailable) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	r.Restart(t)
	eventually(t, func() error { _, err := e.Finish(t.Context(), l.Lease, done); return err })
	j, err := e.Get(t.Context(), "acme", l.Job.ID)
	if err != nil || j.State != jobs.Succeeded || j.Loans != 1 {
		t.Errorf("%s after %d loans, %v", j.State, j.Loans, err)
	}
}

func TestScriptsAreCalledByName(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	e, client := open(t, r, nil), dial(t, r)
	if err := client.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	accept(t, e, numbered(1))
	l := lend(t, e, "w", 1)[0]
	if _, err := e.Finish(t.Context(), l.Lease, jobs.Outcome{Kind: jobs.Release}); err != nil {
		t.Fatal(err)
	}
	stats, err := client.Info(t.Context(), "commandstats").Result()
	if err != nil || !strings.Contains(stats, "cmdstat_evalsha:") || strings.Contains(stats, "cmdstat_eval:") {
		t.Errorf("%v\n%s", err, stats)
	}
}

func TestAServerThatForgotTheScriptsIsToldThemAgain(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	e := open(t, r, nil)
	if err := dial(t, r).ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	accept(t, e, numbered(1), numbered(2))
	if n := len(lend(t, e, "w", 2)); n != 2 {
		t.Errorf("%d loans", n)
	}
	if _, err := e.Stats(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestALendThatEndsWhileItIsUnderWayGivesItsLoansBack(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	e := open(t, r, nil)
	accept(t, e, numbered(1))
	if _, err := e.Sweep(t.Context()); err != nil { // the connection is there
		t.Fatal(err)
	}
	r.Pause(t)
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error)
	go func() {
		_, err := e.Lend(ctx, jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
		answer <- err
	}()
	timer := time.AfterFunc(100*time.Millisecond, func() { // the script is on its way
		cancel()
		r.Continue(t)
	})
	defer timer.Stop()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	j, err := e.Get(t.Context(), "", numbered(1).ID)
	if err != nil || j.State != jobs.Queued || j.Loans != 0 {
		t.Errorf("%s with %d loans, %v", j.State, j.Loans, err)
	}
	if n := len(lend(t, e, "w", 1)); n != 1 {
		t.Errorf("%d loans", n)
	}
}

func TestAListThatLooksAtTooManyJobsSaysSoAndGoesOn(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{AppendOnly: "no"})
	e := open(t, r, func(c *asynqjobs.Config) { c.AcceptLoss = true })
	var subs []jobs.Submission
	for i := range 10_050 {
		s := numbered(i)
		if i < 3 {
			s.Labels = map[string]string{"team": "a"}
		}
		subs = append(subs, s)
	}
	accept(t, e, subs...)
	f := jobs.Filter{Labels: map[string]string{"team": "a"}}
	found, err := e.List(t.Context(), f, jobs.Page{})
	partial, ok := errors.AsType[*jobs.PartialError](err)
	if !ok || len(found) != 0 || partial.Looked != 10_000 {
		t.Fatalf("found %d, %v", len(found), err)
	}
	found, err = e.List(t.Context(), f, jobs.Page{Before: partial.Next})
	if err != nil || len(found) != 3 {
		t.Errorf("the rest: found %d, %v", len(found), err)
	}
	if n, err := e.Count(t.Context(), f); n != 0 || err == nil {
		t.Errorf("counted %d, %v", n, err)
	}
	for _, whole := range []jobs.Filter{{}, {Tenant: "acme"}, {States: []jobs.State{jobs.Queued}}, {Lanes: []jobs.Lane{jobs.Standard}}} {
		if n, err := e.Count(t.Context(), whole); err != nil || n != int64(len(subs)) {
			t.Errorf("%+v: counted %d, %v", whole, n, err)
		}
	}
}

// TestRemovedJobsLeaveNothingBehind looks at the server's keys after jobs in
// every terminal state were removed.
func TestRemovedJobsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	e := open(t, r, func(c *asynqjobs.Config) { c.Directory = t.TempDir() })
	client := dial(t, r)
	for i, kind := range []string{"succeed", "fail", "cancel", "expire", "erase"} {
		s := numbered(i)
		s.Key, s.Batch = "key"+kind, "batch"
		s.Body = make([]byte, 40<<10)
		s.Document.Size = int64(len(s.Body))
		if kind == "expire" {
			s.DeadlineAt = time.Now()
			accept(t, e, s)
			if swept, err := e.Sweep(t.Context()); err != nil || swept.Expired != 1 {
				t.Fatalf("%+v, %v", swept, err)
			}
			continue
		}
		accept(t, e, s)
		l := lend(t, e, "w", 1)[0]
		if err := e.PutAttempts(t.Context(), l.Lease, jobs.Attempt{N: 1, Tier: 1, Kind: jobs.CallAttempt}); err != nil {
			t.Fatal(err)
		}
		o := jobs.Outcome{Kind: jobs.Fail, Failure: &jobs.Failure{Class: "corrupt", Provider: "p"}}
		switch kind {
		case "succeed":
			o = jobs.Outcome{Kind: jobs.Succeed, Result: &jobs.Result{Data: []byte(`{}`)}}
		case "cancel":
			if _, err := e.Apply(t.Context(), jobs.Command{Kind: jobs.Cancel, Job: s.ID}); err != nil {
				t.Fatal(err)
			}
			o = jobs.Outcome{Kind: jobs.Stopped}
		}
		if _, err := e.Finish(t.Context(), l.Lease, o); err != nil {
			t.Fatal(err)
		}
		if kind == "erase" {
			if _, err := e.Apply(t.Context(), jobs.Command{Kind: jobs.Erase, Job: s.ID}); err != nil {
				t.Fatal(err)
			}
		}
	}
	keep := jobs.Retention{MaxCount: map[jobs.State]int64{}}
	for _, s := range jobs.States() {
		if s.Terminal() {
			keep.MaxCount[s] = 0
		}
	}
	if done, err := e.Retain(t.Context(), keep); err != nil || len(done.Removed) != 5 {
		t.Fatalf("%+v, %v", done, err)
	}
	keys, err := client.Keys(t.Context(), "*sluice}:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	keys = slices.DeleteFunc(keys, func(k string) bool {
		return slices.Contains([]string{"s", "c", "n", "wk", "boot", "swept", "documents", "T", "idle:2"}, strings.TrimPrefix(k, "{sluice}:")) ||
			strings.HasPrefix(k, "asynq:") || strings.HasPrefix(k, "{sluice}:documents")
	})
	if len(keys) != 0 {
		t.Errorf("left behind: %q", keys)
	}
}
