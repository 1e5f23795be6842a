package redistest

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// missing tells who runs the tests what to do.
const missing = "redis-server is not on the PATH: `make servers` installs it for root on Debian, else install Redis 6.2 or later"

// Settings are those of a redis-server. The zero value is what the engine wants:
// an append-only file synced on every write, and nothing evicted.
type Settings struct {
	// Dir holds the append-only file; empty takes the test's own directory.
	Dir string
	// AppendOnly is yes or no: yes.
	AppendOnly string
	// AppendFsync is always, everysec or no: always.
	AppendFsync string
	// MaxMemoryPolicy says what is evicted: noeviction.
	MaxMemoryPolicy string
	// Password that clients must give; empty for none.
	Password string
	// ReplicaOf is the address of the server to follow; empty for none.
	ReplicaOf string
	// Args are added to the command line, such as "--maxmemory", "64mb".
	Args []string
}

// Redis is a running redis-server.
type Redis struct {
	*Process
	settings Settings
}

// Start runs a redis-server until the test ends.
func Start(tb testing.TB, s Settings) *Redis {
	tb.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Fatal(missing)
	}
	s = s.withDefaults(tb)
	p := launch(tb, func(addr string) *Process {
		return &Process{
			name: "redis-server", addr: addr, ready: redisReady, password: s.Password,
			cmd: func() *exec.Cmd { return exec.Command(binary, s.args(tb, addr)...) },
		}
	})
	return &Redis{Process: p, settings: s}
}

func (s Settings) withDefaults(tb testing.TB) Settings {
	tb.Helper()
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	if s.Dir == "" {
		s.Dir = tb.TempDir()
	}
	set(&s.AppendOnly, "yes")
	set(&s.AppendFsync, "always")
	set(&s.MaxMemoryPolicy, "noeviction")
	return s
}

func (s Settings) args(tb testing.TB, addr string) []string {
	tb.Helper()
	host, port := split(tb, addr)
	args := []string{
		"--bind", host, "--port", port, "--dir", s.Dir, "--daemonize", "no", "--save", "",
		"--appendonly", s.AppendOnly, "--appendfsync", s.AppendFsync, "--maxmemory-policy", s.MaxMemoryPolicy,
	}
	if s.Password != "" {
		args = append(args, "--requirepass", s.Password, "--masterauth", s.Password)
	}
	if s.ReplicaOf != "" {
		host, port := split(tb, s.ReplicaOf)
		args = append(args, "--replicaof", host, port)
	}
	return append(args, s.Args...)
}

func split(tb testing.TB, addr string) (host, port string) {
	tb.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		tb.Fatal(err)
	}
	return host, port
}

// Dir is the directory of the append-only file.
func (r *Redis) Dir() string { return r.settings.Dir }

// URL names the server as the setting SLUICE_ENGINE does.
func (r *Redis) URL() string {
	if r.settings.Password != "" {
		return fmt.Sprintf("redis://:%s@%s", r.settings.Password, r.addr)
	}
	return "redis://" + r.addr
}

// redisReady asks for a sign of life. A server that wants a password first is
// up; one that still reads its file is not.
func redisReady(conn net.Conn) error {
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "+PONG") && !strings.HasPrefix(line, "-NOAUTH") {
		return fmt.Errorf("answered %q", strings.TrimSpace(line))
	}
	return nil
}
