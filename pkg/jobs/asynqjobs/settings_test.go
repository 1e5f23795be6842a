package asynqjobs

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/internal/processtest"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

// dial connects as the engine does.
func dial(t *testing.T, raw string) *redis.Client {
	t.Helper()
	a, err := parseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	c := a.client()
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAServerThatCanLoseJobsIsRefusedUnlessTheLossIsAccepted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings redistest.Settings
		want     []string // the settings refused
	}{
		"as wanted":                 {redistest.Settings{}, nil},
		"no file":                   {redistest.Settings{AppendOnly: "no"}, []string{"appendonly=no"}},
		"synced every second":       {redistest.Settings{AppendFsync: "everysec"}, []string{"appendfsync=everysec"}},
		"synced when the system is": {redistest.Settings{AppendFsync: "no"}, []string{"appendfsync=no"}},
		"evicts":                    {redistest.Settings{MaxMemoryPolicy: "allkeys-lru"}, []string{"maxmemory-policy=allkeys-lru"}},
		"unsynced while it rewrites": {
			redistest.Settings{Args: []string{"--no-appendfsync-on-rewrite", "yes"}}, []string{"no-appendfsync-on-rewrite=yes"},
		},
		"all at once": {
			redistest.Settings{AppendOnly: "no", AppendFsync: "everysec", MaxMemoryPolicy: "volatile-ttl"},
			[]string{"appendonly=no", "appendfsync=everysec", "maxmemory-policy=volatile-ttl"},
		},
		"keeps its settings to itself": {
			redistest.Settings{Args: []string{"--rename-command", "CONFIG", ""}}, []string{"appendfsync=", "no-appendfsync-on-rewrite="},
		},
		"keeps them and has no file": {
			redistest.Settings{AppendOnly: "no", MaxMemoryPolicy: "allkeys-lfu", Args: []string{"--rename-command", "CONFIG", ""}},
			[]string{"appendonly=no", "appendfsync=", "no-appendfsync-on-rewrite=", "maxmemory-policy=allkeys-lfu"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, redistest.Start(t, c.settings).URL())
			_, err := newGuard(t.Context(), conn, guardConfig{})
			if len(c.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			refusal, ok := errors.AsType[*SettingsError](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(c.want, names(refusal.Risks)); diff != "" {
				t.Error(diff)
			}
			for _, r := range refusal.Risks {
				if !strings.Contains(err.Error(), r.Loses) || !strings.Contains(err.Error(), r.Mend) {
					t.Errorf("the error leaves out part of %s", r)
				}
			}
			var told []Risk
			g, err := newGuard(t.Context(), conn, guardConfig{acceptLoss: true, risky: func(r []Risk) { told = r }})
			if err != nil {
				t.Fatalf("with the loss accepted: %v", err)
			}
			if diff := cmp.Diff(c.want, names(told)); diff != "" {
				t.Errorf("told: %s", diff)
			}
			if err := g.admit(1, 0); err != nil {
				t.Error(err)
			}
		})
	}
}

func names(risks []Risk) []string {
	var all []string
	for _, r := range risks {
		all = append(all, r.Setting+"="+r.Value)
	}
	return all
}

func TestAReplicaIsRefused(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t, redistest.Settings{})
	replica := redistest.Start(t, redistest.Settings{ReplicaOf: primary.Addr()})
	for _, accept := range []bool{false, true} {
		_, err := newGuard(t.Context(), dial(t, replica.URL()), guardConfig{acceptLoss: accept})
		if err == nil || !strings.Contains(err.Error(), "is a replica") {
			t.Errorf("got %v", err)
		}
	}
}

func TestAClusterIsRefused(t *testing.T) {
	t.Parallel()
	node := redistest.Start(t, redistest.Settings{Args: append(busPort(t), "--cluster-enabled", "yes")})
	_, err := newGuard(t.Context(), dial(t, node.URL()), guardConfig{acceptLoss: true})
	if err == nil || !strings.Contains(err.Error(), "cluster") {
		t.Errorf("got %v", err)
	}
}

// busPort gives the bus of a cluster's node a port of the test's own. By itself
// it takes the one 10,000 above the node's, where outgoing connections may be.
// Before Redis 7.0 it knows no other.
func busPort(t *testing.T) (args []string) {
	t.Helper()
	const setting = "cluster-port"
	known, err := dial(t, redistest.Start(t, redistest.Settings{}).URL()).ConfigGet(t.Context(), setting).Result()
	if err != nil {
		t.Fatal(err)
	}
	if len(known) == 0 {
		return nil
	}
	return []string{"--" + setting, strconv.Itoa(processtest.FreePorts(t, 1))}
}

func TestAServerThatIsAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Settings{})
	s.Kill(t)
	if _, err := newGuard(t.Context(), dial(t, s.URL()), guardConfig{}); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestVersionsAreCompared(t *testing.T) {
	t.Parallel()
	for version, older := range map[string]bool{
		"6.0.16": true, "5.0.7": true, "6.2.0": false, "7.0.15": false, "10.0": false, "6.10.1": false, "": false, "x.y": false,
	} {
		if got := olderThan(version, oldest); got != older {
			t.Errorf("%q: got %v", version, got)
		}
	}
}

func TestSettingsThatChangeWhileTheEngineRunsShutTheIntake(t *testing.T) {
	t.Parallel()
	conn := dial(t, redistest.Start(t, redistest.Settings{}).URL())
	g, err := newGuard(t.Context(), conn, guardConfig{})
	if err != nil {
		t.Fatal(err)
	}
	look := func() {
		t.Helper()
		g.checked = g.checked.Add(-settingsEvery)
		if _, err := g.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	set := func(value string) {
		t.Helper()
		if err := conn.ConfigSet(t.Context(), "appendfsync", value).Err(); err != nil {
			t.Fatal(err)
		}
		look()
	}
	set("everysec")
	err = g.admit(1, 10)
	if refusal, ok := errors.AsType[*SettingsError](err); !ok || !errors.Is(err, jobs.ErrUnavailable) || refusal.Risks[0].Setting != "appendfsync" {
		t.Errorf("got %v", err)
	}
	set("always")
	if err := g.admit(1, 10); err != nil {
		t.Errorf("set right again: %v", err)
	}
}

func TestARestartedServerIsLookedAtAnew(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Settings{})
	conn := dial(t, s.URL())
	if err := conn.ConfigSet(t.Context(), "appendfsync", "always").Err(); err != nil {
		t.Fatal(err)
	}
	g, err := newGuard(t.Context(), conn, guardConfig{})
	if err != nil {
		t.Fatal(err)
	}
	first := g.run
	s.Restart(t)
	if _, err := g.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g.run == first || time.Since(g.checked) > settingsEvery {
		t.Errorf("still run %s", g.run)
	}
}

func TestIntakeStopsAtTheMemoryBudget(t *testing.T) {
	t.Parallel()
	conn := dial(t, redistest.Start(t, redistest.Settings{}).URL())
	used := func() int64 {
		s, err := inspect(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		return s.used
	}
	const room = 1 << 20
	g, err := newGuard(t.Context(), conn, guardConfig{budget: used() + room})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.admit(1, room/2); err != nil {
		t.Errorf("half of the room: %v", err)
	}
	if err := g.admit(1, room/2); !errors.Is(err, ErrMemory) || !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("more than the room: %v", err)
	}
	if _, err := g.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.admit(1, room/2); err != nil {
		t.Errorf("nothing was written, so there is room again: %v", err)
	}
	if err := conn.Set(t.Context(), "fill", strings.Repeat("x", room), 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.admit(1, 1); !errors.Is(err, ErrMemory) {
		t.Errorf("the server is full: %v", err)
	}
}

func TestTheBudgetFollowsTheServer(t *testing.T) {
	t.Parallel()
	g := &guard{}
	for want, s := range map[int64]server{800: {limit: 1000, system: 5000}, 3000: {system: 5000}, 0: {}} {
		if got := g.budgetOf(s); got != want {
			t.Errorf("%+v: got %d, want %d", s, got, want)
		}
	}
	g.config.budget = 7
	if got := g.budgetOf(server{limit: 1000}); got != 7 {
		t.Errorf("configured: got %d", got)
	}
}

func FuzzInfoFields(f *testing.F) {
	f.Add("# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n")
	f.Add("a:b:c\n:x\n:\n\r")
	f.Fuzz(func(t *testing.T, text string) {
		for key, value := range infoFields(text) {
			if !strings.Contains(text, key+":"+value) {
				t.Fatalf("%q: %q was not there", key, value)
			}
		}
		_ = olderThan(text, oldest)
	})
}
