package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Sentinel is a running sentinel process. It is redis-server in another mode,
// so where that is there is this.
type Sentinel struct{ *Process }

// StartSentinels runs n sentinels that watch the primary under the name given
// and replace it once a majority has missed it for half a second.
func StartSentinels(tb testing.TB, name string, primary *Redis, n int) []*Sentinel {
	tb.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Fatal(missing)
	}
	all := make([]*Sentinel, n)
	for i := range all {
		dir := tb.TempDir()
		p := launch(tb, func(addr string) *Process {
			file := sentinelFile(tb, dir, addr, name, primary, n/2+1)
			return &Process{
				name: "redis-sentinel", addr: addr, ready: redisReady,
				cmd: func() *exec.Cmd { return exec.Command(binary, file, "--sentinel") },
			}
		})
		all[i] = &Sentinel{p}
	}
	return all
}

// sentinelFile writes the settings, which a sentinel insists on changing
// itself.
func sentinelFile(tb testing.TB, dir, addr, name string, primary *Redis, quorum int) string {
	tb.Helper()
	host, port := split(tb, addr)
	primaryHost, primaryPort := split(tb, primary.Addr())
	text := fmt.Sprintf("bind %s\nport %s\ndir %s\nsentinel monitor %s %s %s %d\n"+
		"sentinel down-after-milliseconds %s 500\nsentinel failover-timeout %s 2000\n",
		host, port, dir, name, primaryHost, primaryPort, quorum, name, name)
	if p := primary.settings.Password; p != "" {
		text += fmt.Sprintf("sentinel auth-pass %s %s\n", name, p)
	}
	file := filepath.Join(dir, "sentinel.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// AwaitSentinels waits until each sentinel knows all the others and as many
// replicas as given, so that it could replace the primary.
func AwaitSentinels(tb testing.TB, name string, all []*Sentinel, replicas int) {
	tb.Helper()
	for _, s := range all {
		s.askUntil(tb, "knows the others", func(ctx context.Context, c *redis.Client) bool {
			cmd := redis.NewMapStringStringCmd(ctx, "SENTINEL", "MASTER", name)
			_ = c.Process(ctx, cmd) // without an answer the map is empty
			got := cmd.Val()
			return got["num-other-sentinels"] == strconv.Itoa(len(all)-1) && got["num-slaves"] == strconv.Itoa(replicas)
		})
	}
}

// AwaitPrimary waits until the sentinel names the server as the primary and
// that server takes writes.
func AwaitPrimary(tb testing.TB, name string, s *Sentinel, primary *Redis) {
	tb.Helper()
	s.askUntil(tb, "names the new primary", func(ctx context.Context, c *redis.Client) bool {
		got, err := c.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name).StringSlice()
		return err == nil && len(got) == 2 && net.JoinHostPort(got[0], got[1]) == primary.Addr()
	})
	primary.askUntil(tb, "is the primary", func(ctx context.Context, c *redis.Client) bool {
		role, err := c.Do(ctx, "ROLE").Slice()
		return err == nil && len(role) > 0 && role[0] == "master"
	})
}

// askUntil asks a server until what it says is true.
func (p *Process) askUntil(tb testing.TB, what string, holds func(context.Context, *redis.Client) bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	c := redis.NewClient(&redis.Options{Addr: p.addr, Password: p.password, MaxRetries: -1})
	defer func() { _ = c.Close() }()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !holds(ctx, c) {
		select {
		case <-ctx.Done():
			tb.Fatalf("%s at %s: never so within %s: it %s", p.name, p.addr, patience, what)
		case <-ticker.C:
		}
	}
}
