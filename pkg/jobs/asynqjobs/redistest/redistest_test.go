package redistest_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, o *redis.Options) *redis.Client {
	t.Helper()
	o.MaxRetries = -1
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAKilledServerComesBackWithWhatItHad(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Settings{})
	c := client(t, &redis.Options{Addr: s.Addr()})
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Kill(t)
	if err := c.Ping(t.Context()).Err(); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Restart(t)
	got, err := c.Get(t.Context(), "k").Result()
	if err != nil || got != "v" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAPausedServerIsSilentUntilItGoesOn(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Settings{})
	c := client(t, &redis.Options{Addr: s.Addr(), ContextTimeoutEnabled: true})
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s.Pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Ping(ctx).Err(); err == nil {
		t.Error("a paused server answers")
	}
	s.Continue(t)
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Errorf("after it went on: %v", err)
	}
}

func TestTheServerHasTheSettingsAskedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings redistest.Settings
		want     map[string]string
	}{
		"the engine's own": {redistest.Settings{}, map[string]string{"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}},
		"others": {
			redistest.Settings{AppendOnly: "no", AppendFsync: "everysec", MaxMemoryPolicy: "allkeys-lru", Password: "p", Args: []string{"--maxmemory", "64mb"}},
			map[string]string{"appendonly": "no", "appendfsync": "everysec", "maxmemory-policy": "allkeys-lru", "maxmemory": "67108864"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, c.settings)
			opts, err := redis.ParseURL(s.URL())
			if err != nil {
				t.Fatal(err)
			}
			conn := client(t, opts)
			for key, want := range c.want {
				got, err := conn.ConfigGet(t.Context(), key).Result()
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(map[string]string{key: want}, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestSentinelsReplaceAKilledPrimary(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t, redistest.Settings{})
	replica := redistest.Start(t, redistest.Settings{ReplicaOf: primary.Addr()})
	sentinels := redistest.StartSentinels(t, "sluice", primary, 3)
	addrs := make([]string, len(sentinels))
	for i, s := range sentinels {
		addrs[i] = s.Addr()
	}
	redistest.AwaitSentinels(t, "sluice", sentinels, 1)
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "sluice", SentinelAddrs: addrs})
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Wait(t.Context(), 1, 5*time.Second).Result(); err != nil || n != 1 {
		t.Fatalf("%d replicas have the write, %v", n, err)
	}
	primary.Kill(t)
	redistest.AwaitPrimary(t, "sluice", sentinels[0], replica)
	if got, err := c.Get(t.Context(), "k").Result(); err != nil || got != "v" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestNATSServersAnswer(t *testing.T) {
	t.Parallel()
	for _, s := range redistest.StartNATSCluster(t, 3) {
		s.Kill(t)
		s.Restart(t)
		if s.PID() == 0 || s.URL() == "" {
			t.Errorf("got pid %d, %s", s.PID(), s.URL())
		}
	}
}
