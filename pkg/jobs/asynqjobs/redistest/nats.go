package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/processtest"
)

// natsProgram is in the module graph already: cmd/api runs it inside its own
// process.
const natsProgram = "github.com/nats-io/nats-server/v2"

// NATS is a running nats-server.
type NATS struct{ *Process }

// URL names the server as the setting NATS_URL does.
func (n *NATS) URL() string { return "nats://" + n.addr }

// StartNATS runs a nats-server until the test ends.
func StartNATS(tb testing.TB) *NATS {
	tb.Helper()
	return StartNATSCluster(tb, 1)[0]
}

// StartNATSCluster runs n servers that know each other.
func StartNATSCluster(tb testing.TB, n int) []*NATS {
	tb.Helper()
	binary := buildNATS(tb)
	routes := make([]string, n)
	for i := range routes {
		routes[i] = "nats://" + processtest.FreeAddress(tb)
	}
	all := make([]*NATS, n)
	for i := range all {
		all[i] = &NATS{launch(tb, func(addr string) *Process {
			host, port := split(tb, addr)
			args := []string{"-a", host, "-p", port}
			if n > 1 {
				args = append(args, "-cluster_name", "test", "-cluster", routes[i], "-routes", strings.Join(routes, ","))
			}
			return &Process{
				name: "nats-server", addr: addr, ready: natsReady,
				cmd: func() *exec.Cmd { return exec.Command(binary, args...) },
			}
		})}
	}
	return all
}

// natsReady reads the greeting.
func natsReady(conn net.Conn) error {
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "INFO ") {
		return fmt.Errorf("greeted with %.40q", line)
	}
	return nil
}

// buildNATS answers a program built from the module that go.mod names. Linking
// takes seconds, so the file is kept between runs, one for each version.
func buildNATS(tb testing.TB) string {
	tb.Helper()
	version := goCommand(tb, "list", "-m", "-f", "{{.Version}}", natsProgram)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "sluice-test")
	path := filepath.Join(dir, "nats-server-"+version)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	// Tests of several packages may get here at once: each builds a file of
	// its own, and whoever is last replaces an equal one.
	mine := fmt.Sprintf("%s.%d", path, os.Getpid())
	goCommand(tb, "build", "-o", mine, natsProgram)
	if err := os.Rename(mine, path); err != nil {
		tb.Fatal(err)
	}
	return path
}

func goCommand(tb testing.TB, args ...string) string {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "go", args...)
	out, err := cmd.Output()
	if err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			tb.Fatalf("go %v: %v\n%s", args, err, e.Stderr)
		}
		tb.Fatalf("go %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}
