package asynqjobs_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

// The tests of this file are about what raw asynq does to the jobs of its
// users. Here asynq carries tokens and the jobs are elsewhere.

// opened is an engine on a server of its own.
type opened struct {
	*asynqjobs.Engine
	server *redistest.Redis
	client *redis.Client
}

func openOn(t *testing.T, server *redistest.Redis, c asynqjobs.Config) *opened {
	t.Helper()
	c.URL = server.URL()
	e, err := asynqjobs.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	o := &opened{e, server, redis.NewClient(&redis.Options{Addr: server.Addr()})}
	t.Cleanup(func() {
		if err := errors.Join(e.Close(), o.client.Close()); err != nil {
			t.Error(err)
		}
	})
	return o
}

// unsynced is for tests of many jobs that no power cut threatens.
func unsynced(t *testing.T) *opened {
	t.Helper()
	return openOn(t, redistest.Start(t, redistest.Settings{AppendFsync: "no"}), asynqjobs.Config{AcceptLoss: true})
}

func submission(id string, tenant string) jobs.Submission {
	return jobs.Submission{
		ID: jobs.ID(id), Tenant: tenant, Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: id,
		Document:   jobs.Document{SHA256: strings.Repeat("0", 64), Size: 4, MediaType: "text/plain"},
		Body:       []byte("text"),
		DeadlineAt: time.Now().Add(time.Hour), Cost: time.Second,
	}
}

// accept takes jobs in, in groups.
func (o *opened) accept(t *testing.T, n int, of func(i int) jobs.Submission) {
	t.Helper()
	for from := 0; from < n; from += 500 {
		var subs []jobs.Submission
		for i := from; i < min(from+500, n); i++ {
			subs = append(subs, of(i))
		}
		got, err := o.Accept(t.Context(), subs)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range got {
			if a.Status != jobs.Created {
				t.Fatalf("got %s", a.Status)
			}
		}
	}
}

func (o *opened) lend(t *testing.T, most int, wait time.Duration) []jobs.Loan {
	t.Helper()
	loans, err := o.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: most, Slots: 64, Lease: 5 * time.Second, Wait: wait})
	if err != nil {
		t.Fatal(err)
	}
	return loans
}

func (o *opened) finish(t *testing.T, l jobs.Lease, out jobs.Outcome) jobs.Job {
	t.Helper()
	j, err := o.Finish(t.Context(), l, out)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func failure() jobs.Outcome {
	return jobs.Outcome{Kind: jobs.Fail, Tier: 1, Failure: &jobs.Failure{Class: "srv", Reason: "no"}}
}

// asynqHolds answers how many tasks asynq would retry or has archived.
func (o *opened) asynqHolds(t *testing.T) (retry, archived int) {
	t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(o.client)
	queues, err := inspector.Queues()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queues {
		info, err := inspector.GetQueueInfo(q)
		if err != nil {
			t.Fatal(err)
		}
		retry, archived = retry+info.Retry, archived+info.Archived
	}
	return retry, archived
}

// Raw asynq 0.26 runs a finished task again when Redis was away at its end.
func TestRedisAwayAndBackRunsNoFinishedJobAgain(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(s *redistest.Redis) (back func()){
		"killed": func(s *redistest.Redis) func() { s.Kill(t); return func() { s.Restart(t) } },
		"paused": func(s *redistest.Redis) func() { s.Pause(t); return func() { s.Continue(t) } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openOn(t, redistest.Start(t, redistest.Settings{}), asynqjobs.Config{})
			o.accept(t, 5, func(i int) jobs.Submission { return submission("job"+strconv.Itoa(i), "acme") })
			loans := o.lend(t, 5, 0)
			if len(loans) != 5 {
				t.Fatalf("%d loans", len(loans))
			}
			back := away(o.server)
			gone := time.NewTimer(6 * time.Second)
			defer gone.Stop()
			var wg sync.WaitGroup
			for _, l := range loans {
				wg.Go(func() { settleAtLast(t, o, l) })
			}
			<-gone.C
			back()
			wg.Wait()
			for range 3 {
				if _, err := o.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				if again := o.lend(t, 5, 500*time.Millisecond); len(again) > 0 {
					t.Fatalf("%d jobs run again", len(again))
				}
			}
			s, err := o.Stats(t.Context())
			if err != nil || s.States[jobs.Succeeded] != 5 {
				t.Errorf("got %v, %v", s.States, err)
			}
		})
	}
}

// settleAtLast does as a worker does: it asks until it is answered.
func settleAtLast(t *testing.T, o *opened, l jobs.Loan) {
	for t.Context().Err() == nil {
		_, err := o.Finish(t.Context(), l.Lease, jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{}`)}})
		if err == nil {
			return
		}
		if !errors.Is(err, jobs.ErrUnavailable) {
			t.Errorf("%s: %v", l.Job.ID, err)
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		<-ctx.Done()
		cancel()
	}
}

// Raw asynq's archive silently keeps 9,999 of any number.
func TestTwelveThousandFailuresAreAllKept(t *testing.T) {
	t.Parallel()
	o := unsynced(t)
	const n = 12_000
	o.accept(t, n, func(i int) jobs.Submission { return submission(fmt.Sprintf("job%05d", i), "acme") })
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for {
				loans := o.lend(t, 32, 0)
				for _, l := range loans {
					o.finish(t, l.Lease, failure())
				}
				if len(loans) == 0 {
					return
				}
			}
		})
	}
	wg.Wait()
	if got, err := o.Count(t.Context(), jobs.Filter{States: []jobs.State{jobs.Failed}}); err != nil || got != n {
		t.Errorf("%d of %d are left, %v", got, n, err)
	}
	for _, id := range []jobs.ID{"job00000", "job11999"} { // the first would be the first to go
		if j, err := o.Get(t.Context(), "acme", id); err != nil || j.State != jobs.Failed {
			t.Errorf("%s: %s, %v", id, j.State, err)
		}
	}
	if retry, archived := o.asynqHolds(t); retry+archived != 0 {
		t.Errorf("asynq retries %d and has archived %d", retry, archived)
	}
}

// In raw asynq a task from the archive keeps its spent attempts, so it gets one
// more run and no retry.
func TestARequeuedJobStartsItsAttemptsAnew(t *testing.T) {
	t.Parallel()
	o := unsynced(t)
	o.accept(t, 1, func(int) jobs.Submission { return submission("job", "acme") })
	for generation := 1; generation <= 3; generation++ {
		loans := o.lend(t, 1, time.Second)
		if len(loans) != 1 || loans[0].Job.Generation != generation || len(loans[0].Attempts) != 0 || loans[0].Job.Loans != 1 {
			t.Fatalf("generation %d: got %+v", generation, loans)
		}
		out := failure()
		for i := 1; i <= 3; i++ {
			out.Attempts = append(out.Attempts, jobs.Attempt{
				N: i, Tier: 1, Kind: jobs.CallAttempt, StartedAt: time.Now(), EndedAt: time.Now(), Outcome: jobs.AttemptError, Class: "srv",
			})
		}
		o.finish(t, loans[0].Lease, out)
		if _, err := o.Apply(t.Context(), jobs.Command{Kind: jobs.Requeue, Job: "job", Actor: "op"}); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := o.Attempts(t.Context(), "", "job")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range rows {
		got = append(got, fmt.Sprint(a.Generation, ".", a.N))
	}
	if diff := cmp.Diff([]string{"1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "3.1", "3.2", "3.3"}, got); diff != "" {
		t.Error(diff)
	}
}

// In raw asynq a cancelled task becomes a retry.
func TestACancelledJobNeverRunsAgain(t *testing.T) {
	t.Parallel()
	o := unsynced(t)
	o.accept(t, 2, func(i int) jobs.Submission { return submission("job"+strconv.Itoa(i), "acme") })
	running := o.lend(t, 1, 0)[0]
	for _, id := range []jobs.ID{"job0", "job1"} { // one runs, one waits
		if _, err := o.Apply(t.Context(), jobs.Command{Kind: jobs.Cancel, Job: id, Actor: "op"}); err != nil {
			t.Fatal(err)
		}
	}
	states, err := o.Extend(t.Context(), []jobs.Lease{running.Lease}, time.Minute)
	if err != nil || !states[0].CancelAsked {
		t.Fatalf("got %+v, %v", states, err)
	}
	if j := o.finish(t, running.Lease, jobs.Outcome{Kind: jobs.Stopped}); j.State != jobs.Cancelled {
		t.Errorf("it is %s", j.State)
	}
	if again := o.lend(t, 2, time.Second); len(again) > 0 {
		t.Errorf("it runs again: %v", again[0].Job.ID)
	}
	if retry, archived := o.asynqHolds(t); retry+archived != 0 {
		t.Errorf("asynq retries %d and has archived %d", retry, archived)
	}
}

// Raw asynq with a queue for each tenant falls to 12 jobs a second at 1,000 of
// them. What a job costs is counted in commands that Redis runs for it, for
// time depends on the machine.
func TestTenThousandTenantsCostAJobNothing(t *testing.T) {
	t.Parallel()
	const n = 400
	cost := func(tenants, queued int) float64 {
		o := unsynced(t)
		o.accept(t, queued, func(i int) jobs.Submission {
			return submission("job"+strconv.Itoa(i), "t"+strconv.Itoa(i%tenants))
		})
		before := o.commands(t)
		for range n / 8 {
			for _, l := range o.lend(t, 8, 0) {
				o.finish(t, l.Lease, failure())
			}
		}
		inspector := asynq.NewInspectorFromRedisClient(o.client)
		if queues, err := inspector.Queues(); err != nil || len(queues) > 4 {
			t.Errorf("asynq has the queues %v, %v", queues, err)
		}
		return float64(o.commands(t)-before) / n
	}
	one, many := cost(1, 1000), cost(10_000, 10_000)
	if many > 1.5*one {
		t.Errorf("a job costs %.0f commands with one tenant and %.0f with 10,000", one, many)
	}
}

// commands counts what Redis has run for scripts of the engine.
func (o *opened) commands(t *testing.T) int {
	t.Helper()
	text, err := o.client.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, m := range regexp.MustCompile(`cmdstat_(\w+):calls=(\d+)`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		switch m[1] {
		case "hget", "hset", "hmget", "hdel", "hincrby", "zadd", "zrem", "zrange", "zrangebyscore", "zcard", "zscore", "get", "set", "rpush":
			sum += n
		}
	}
	return sum
}

// A worker that dies may leave tokens that asynq never finds again, and tokens
// may get lost with their queue: jobs go on.
func TestJobsGoOnWhateverHappensToTokens(t *testing.T) {
	t.Parallel()
	o := unsynced(t)
	o.lend(t, 1, 0) // the worker is known from here on
	for round := range 3 {
		for _, lane := range jobs.Lanes() {
			if err := o.client.LPush(t.Context(), "asynq:{sluice:"+lane.String()+"}:active", "orphan"+strconv.Itoa(round)).Err(); err != nil {
				t.Fatal(err)
			}
		}
		found := make(chan int)
		go func() { found <- len(o.lend(t, 1, 8*time.Second)) }()
		o.accept(t, 1, func(int) jobs.Submission { return submission("job"+strconv.Itoa(round), "acme") })
		for _, lane := range jobs.Lanes() {
			if err := o.client.Del(t.Context(), "asynq:{sluice:"+lane.String()+"}:pending").Err(); err != nil {
				t.Fatal(err)
			}
		}
		if n := <-found; n != 1 {
			t.Errorf("round %d: lent %d", round, n)
		}
	}
}
