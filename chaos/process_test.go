package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/document/pdftest"
	"github.com/sluicehq/sluice/internal/processtest"
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

// program is one life after another of one of the programs.
type program struct {
	t       *testing.T
	binary  string
	probe   string // the address that answers /readyz
	environ []string
	logs    processtest.Output

	cmd   *exec.Cmd
	ended chan struct{} // closed when the life is over
	exit  error         // read it after ended
}

// newProgram is a program that was not started yet, with an environment of its
// own.
func newProgram(t *testing.T, name, probe string, environ ...string) *program {
	t.Helper()
	compiled, err := pdftest.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, binary: filepath.Join(binaries, name), probe: probe}
	p.environ = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "SLUICE_LOG__FORMAT=json", "SLUICE_DOCUMENT__CACHE_DIR=" + compiled,
	}, environ...)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", name, p.logs.Tail(4000))
		}
	})
	return p
}

// api is one life after another of cmd/api on the same data and address.
type api struct {
	*program
	addr string
	dir  string
}

func newAPI(t *testing.T, environ ...string) *api {
	t.Helper()
	a := &api{addr: processtest.FreeAddress(t), dir: filepath.Join(t.TempDir(), "data")}
	a.program = newProgram(t, "api", a.addr, append([]string{
		"SLUICE_ADDR=" + a.addr, "SLUICE_ADMIN_ADDR=off", "SLUICE_DATA_DIR=" + a.dir,
	}, environ...)...)
	return a
}

func (a *api) url(path string) string { return "http://" + a.addr + path }

// start begins a life and waits until it is ready. It answers how long that
// took.
func (p *program) start() time.Duration {
	p.t.Helper()
	began := time.Now()
	p.launch()
	p.await()
	return time.Since(began)
}

// launch begins a life.
func (p *program) launch() {
	p.t.Helper()
	p.cmd = exec.Command(p.binary)
	p.cmd.Env = p.environ
	p.cmd.Stdout, p.cmd.Stderr = &p.logs, &p.logs
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	cmd, ended := p.cmd, make(chan struct{})
	p.ended = ended
	go func() {
		p.exit = cmd.Wait()
		close(ended)
	}()
}

// await waits until the program is ready.
func (p *program) await() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for !p.ready(ctx) {
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended at start: %v\n%s", filepath.Base(p.binary), p.exit, p.logs.Tail(2000))
		case <-ctx.Done():
			p.t.Fatalf("%s was not ready in 30s\n%s", filepath.Base(p.binary), p.logs.Tail(2000))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (p *program) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.probe+"/readyz", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode == http.StatusOK
}

// kill ends the life without warning.
func (p *program) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
	p.cmd = nil
}

// terminate asks the program to stop and answers the exit error.
func (p *program) terminate(within time.Duration) error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case <-p.ended:
		p.cmd = nil
		return p.exit
	case <-time.After(within):
		return errors.New("still running after " + within.String())
	}
}
