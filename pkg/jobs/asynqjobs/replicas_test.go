package asynqjobs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

func TestAWriteIsAnsweredOnceEnoughReplicasHaveIt(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t, redistest.Settings{Args: []string{"--repl-diskless-sync-delay", "0"}})
	replica := redistest.Start(t, redistest.Settings{ReplicaOf: primary.Addr()})
	conn := dial(t, primary.URL())
	conn.AddHook(&replicated{replicas: 1, within: 4 * time.Second})
	store := redis.NewScript(`redis.call("SET", KEYS[1], ARGV[1]) return 1`)
	copied := dial(t, replica.URL())
	for _, key := range []string{"one", "two", "three"} {
		_, err := conn.Pipelined(t.Context(), func(p redis.Pipeliner) error {
			p.Get(t.Context(), "other")
			store.Eval(t.Context(), p, []string{key}, "v")
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
		if got := copied.Get(t.Context(), key).Val(); got != "v" {
			t.Errorf("answered before the replica has %s: it has %q", key, got)
		}
	}
}

func TestAWriteThatReplicasMissIsUnavailable(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t, redistest.Settings{})
	replica := redistest.Start(t, redistest.Settings{ReplicaOf: primary.Addr()})
	if _, err := newGuard(t.Context(), dial(t, primary.URL()), guardConfig{replicas: 2}); err == nil || !strings.Contains(err.Error(), "2 replicas") {
		t.Errorf("at the start: %v", err)
	}
	conn := dial(t, primary.URL())
	conn.AddHook(&replicated{replicas: 1, within: 50 * time.Millisecond})
	replica.Pause(t)
	defer replica.Continue(t)
	store := redis.NewScript(`return redis.call("SET", KEYS[1], ARGV[1])`)
	cmds, err := conn.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		store.Eval(t.Context(), p, []string{"k"}, "v")
		p.Get(t.Context(), "k")
		return nil
	})
	if !errors.Is(err, jobs.ErrUnavailable) || !errors.Is(cmds[0].Err(), jobs.ErrUnavailable) || cmds[1].Err() != nil {
		t.Errorf("got %v; %v", err, cmds)
	}
	_, err = conn.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Get(t.Context(), "k")
		p.Exists(t.Context(), "k")
		return nil
	})
	if err != nil {
		t.Errorf("reads wait for nobody: %v", err)
	}
}

// replicatedEngine is an engine whose writes are to reach a replica. What needs
// the replica to be there waits for it first.
func replicatedEngine(t *testing.T) (*Engine, *redistest.Redis) {
	t.Helper()
	primary := redistest.Start(t, redistest.Settings{Args: []string{"--repl-diskless-sync-delay", "0"}})
	replica := redistest.Start(t, redistest.Settings{ReplicaOf: primary.Addr()})
	await(t, dial(t, primary.URL()), "connected_slaves:1")
	e, err := Open(t.Context(), Config{URL: primary.URL(), Replicas: 1, ReplicaWait: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	persist(t, func() error { _, err := e.Sweep(t.Context()); return err })
	return e, replica
}

// await asks a server about itself until it says something.
func await(t *testing.T, c *redis.Client, line string) {
	t.Helper()
	for {
		text, err := c.Info(t.Context()).Result()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, line) {
			return
		}
	}
}

// persist repeats a call until replicas take part.
func persist(t *testing.T, call func() error) {
	t.Helper()
	for began := time.Now(); ; {
		err := call()
		if err == nil {
			return
		}
		if !errors.Is(err, jobs.ErrUnavailable) || time.Since(began) > 30*time.Second {
			t.Fatal(err)
		}
	}
}

func invoice(id jobs.ID) jobs.Submission {
	return jobs.Submission{
		ID: id, Tenant: "acme", Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: "p", Key: "key_" + string(id),
		DeadlineAt: time.Now().Add(time.Hour), Cost: time.Second,
	}
}

// What replicas missed is on the primary all the same, and a call that is
// repeated finds it there. It must not be answered before they have it.
func TestARepeatedCallIsNotAnsweredBeforeTheReplicas(t *testing.T) {
	t.Parallel()
	e, replica := replicatedEngine(t)
	request := jobs.LendRequest{Worker: "w", Max: 1, Slots: 1}
	var loans []jobs.Loan
	persist(t, func() (err error) { _, err = e.Accept(t.Context(), []jobs.Submission{invoice("job_1")}); return err })
	persist(t, func() (err error) { loans, err = e.Lend(t.Context(), request); return err })
	replica.Pause(t)
	calls := map[string]func() error{
		"finish": func() error {
			_, err := e.Finish(t.Context(), loans[0].Lease, jobs.Outcome{Kind: jobs.Fail, Failure: &jobs.Failure{Class: "corrupt"}})
			return err
		},
		"accept": func() error { _, err := e.Accept(t.Context(), []jobs.Submission{invoice("job_2")}); return err },
		"command": func() error {
			_, err := e.Apply(t.Context(), jobs.Command{Kind: jobs.Cancel, Job: "job_2"})
			return err
		},
		"key": func() error { _, err := e.ByKey(t.Context(), "acme", "key_job_2"); return err },
	}
	for range 2 {
		for _, name := range []string{"finish", "accept", "command", "key"} {
			if err := calls[name](); !errors.Is(err, jobs.ErrUnavailable) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
	replica.Continue(t)
	for _, call := range calls {
		persist(t, call)
	}
}

func TestALendThatReplicasMissGivesItsLoansBack(t *testing.T) {
	t.Parallel()
	e, replica := replicatedEngine(t)
	request := jobs.LendRequest{Worker: "w", Max: 2, Slots: 2}
	persist(t, func() error {
		_, err := e.Accept(t.Context(), []jobs.Submission{invoice("job_1"), invoice("job_2")})
		return err
	})
	replica.Pause(t)
	for range 3 { // the replicas are known to be behind after the first
		if loans, err := e.Lend(t.Context(), request); !errors.Is(err, jobs.ErrUnavailable) {
			t.Errorf("%d loans, %v", len(loans), err)
		}
	}
	for _, id := range []jobs.ID{"job_1", "job_2"} {
		if j, err := e.Get(t.Context(), "", id); err != nil || j.State != jobs.Queued || j.Loans != 0 || j.Version != 3 {
			t.Errorf("%s has version %d and %d loans, %v", j.State, j.Version, j.Loans, err)
		}
	}
	replica.Continue(t)
	persist(t, func() error {
		loans, err := e.Lend(t.Context(), request)
		if err == nil && len(loans) != 2 {
			t.Errorf("%d loans", len(loans))
		}
		return err
	})
}
