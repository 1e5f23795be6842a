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
	conn.AddHook(replicated{replicas: 1, within: 4 * time.Second})
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
	conn.AddHook(replicated{replicas: 1, within: 50 * time.Millisecond})
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
