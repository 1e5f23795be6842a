package chaos_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/document/pdftest"
)

// binaries are built once for all tests of the package.
var binaries string

func TestMain(m *testing.M) {
	if config, ok := os.LookupEnv(loadRole); ok {
		os.Exit(runLoad(config))
	}
	if root, ok := os.LookupEnv(guardRole); ok {
		os.Exit(runGuard(root))
	}
	os.Exit(withBinaries(m))
}

func withBinaries(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sluice-chaos")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-o", dir+"/", "../cmd/...")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		return 1
	}
	binaries = dir
	return m.Run()
}

// long reports whether the tests run at full length.
func long() bool { return os.Getenv("SLUICE_CHAOS") != "" }

// rounds picks the number of rounds of a test.
func rounds(short, full int) int {
	if long() {
		return full
	}
	return short
}

// freeAddress is a loopback address that nobody listens on right now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// api is one life after another of cmd/api on the same data and address.
type api struct {
	t       *testing.T
	addr    string
	dir     string
	environ []string
	logs    lockedBuffer

	cmd  *exec.Cmd
	done chan error
}

func newAPI(t *testing.T, environ ...string) *api {
	t.Helper()
	compiled, err := pdftest.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	a := &api{t: t, addr: freeAddress(t), dir: filepath.Join(t.TempDir(), "data")}
	a.environ = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"SLUICE_ADDR=" + a.addr, "SLUICE_ADMIN_ADDR=off", "SLUICE_DATA_DIR=" + a.dir, "SLUICE_LOG__FORMAT=json",
		"SLUICE_DOCUMENT__CACHE_DIR=" + compiled,
	}, environ...)
	t.Cleanup(func() {
		a.kill()
		if t.Failed() {
			t.Logf("the end of the log:\n%s", a.logs.tail(4000))
		}
	})
	return a
}

func (a *api) url(path string) string { return "http://" + a.addr + path }

// start begins a life and waits until it is ready. It answers how long that
// took.
func (a *api) start() time.Duration {
	a.t.Helper()
	began := time.Now()
	a.cmd = exec.Command(filepath.Join(binaries, "api"))
	a.cmd.Env = a.environ
	a.cmd.Stdout, a.cmd.Stderr = &a.logs, &a.logs
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	done := make(chan error, 1)
	a.done = done
	cmd := a.cmd
	go func() { done <- cmd.Wait() }()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for !a.ready(ctx) {
		select {
		case err := <-done:
			a.t.Fatalf("api ended at start: %v\n%s", err, a.logs.tail(2000))
		case <-ctx.Done():
			a.t.Fatalf("api was not ready in 30s\n%s", a.logs.tail(2000))
		case <-time.After(10 * time.Millisecond):
		}
	}
	return time.Since(began)
}

func (a *api) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url("/readyz"), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode == http.StatusOK
}

// kill ends the life without warning.
func (a *api) kill() {
	if a.cmd == nil {
		return
	}
	_ = a.cmd.Process.Kill()
	<-a.done
	a.cmd = nil
}

// terminate sends SIGTERM and answers the exit error.
func (a *api) terminate(within time.Duration) error {
	if err := a.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case err := <-a.done:
		a.cmd = nil
		return err
	case <-time.After(within):
		return errors.New("still running after " + within.String())
	}
}

// lockedBuffer collects the output of processes.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *lockedBuffer) tail(n int) string {
	s := b.String()
	if len(s) > n {
		s = s[len(s)-n:]
		s = s[strings.IndexByte(s, '\n')+1:]
	}
	return s
}
