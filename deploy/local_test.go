// Package deploy_test runs what the project deploys.
package deploy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/processtest"
)

// patience bounds the waits; it is reached only by a failure.
const patience = 90 * time.Second

// ports is how many ports in a row a fleet takes.
const ports = 14

// build builds the programs of a fleet as users would.
func build(t *testing.T) (bin string) {
	t.Helper()
	bin = t.TempDir()
	for _, args := range [][]string{
		{"build", "-ldflags", "-s -w", "-o", bin + "/", "../cmd/api", "../cmd/worker"},
		{"build", "-ldflags", "-s -w", "-o", bin + "/", "github.com/nats-io/nats-server/v2"},
	} {
		if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
	return bin
}

func allFree(first int) bool {
	for port := first; port < first+ports; port++ {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

// fleet is a run of deploy/local.sh.
type fleet struct {
	t     *testing.T
	dir   string
	first int
	cmd   *exec.Cmd
	out   *os.File
	ended chan struct{}
}

// start runs the script and waits until it says that all processes are ready.
func start(t *testing.T, bin, dir string, first int) *fleet {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, dir: dir, first: first, out: out, ended: make(chan struct{})}
	f.cmd = exec.Command("./local.sh", dir)
	f.cmd.Env = append(os.Environ(), "SLUICE_LOCAL_BIN="+bin, "SLUICE_LOCAL_PORT="+strconv.Itoa(first), "SLUICE_SLOTS=2",
		"SLUICE_DOCUMENT__CACHE_DIR="+filepath.Join(cache, "sluice-test", "pdfium"))
	f.cmd.Stdout, f.cmd.Stderr = out, out
	// Its processes are in a group of their own, so that a test that fails
	// leaves none behind.
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = f.cmd.Wait()
		close(f.ended)
	}()
	t.Cleanup(f.kill)
	f.until("the fleet is ready", func() bool {
		select {
		case <-f.ended:
			t.Fatalf("it ended at once: %s", f.output())
		default:
		}
		return strings.Contains(f.output(), "Sluice listens on")
	})
	return f
}

func (f *fleet) kill() {
	_ = syscall.Kill(-f.cmd.Process.Pid, syscall.SIGKILL) // it may have ended
	<-f.ended
	if f.t.Failed() {
		logs, _ := filepath.Glob(filepath.Join(f.dir, "*.log"))
		for _, name := range logs {
			text, _ := os.ReadFile(name)
			f.t.Logf("%s: …%s", filepath.Base(name), text[max(0, len(text)-2000):])
		}
	}
	_ = f.out.Close()
}

// stop ends the fleet as Ctrl-C does.
func (f *fleet) stop() {
	f.t.Helper()
	if err := f.cmd.Process.Signal(os.Interrupt); err != nil {
		f.t.Fatal(err)
	}
	select {
	case <-f.ended:
	case <-time.After(patience):
		f.t.Fatalf("it does not stop: %s", f.output())
	}
	if code := f.cmd.ProcessState.ExitCode(); code != 0 {
		f.t.Errorf("exit code %d: %s", code, f.output())
	}
	if left, _ := filepath.Glob(filepath.Join(f.dir, "*.pid")); len(left) > 0 {
		f.t.Errorf("still there: %v", left)
	}
	if !allFree(f.first) {
		f.t.Error("somebody still listens")
	}
}

func (f *fleet) output() string {
	text, err := os.ReadFile(f.out.Name())
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

func (f *fleet) until(what string, holds func() bool) {
	f.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			f.t.Fatalf("never so: %s\n%s", what, f.output())
		case <-ticker.C:
		}
	}
}

func (f *fleet) pid(name string) int {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, name+".pid"))
	if err != nil {
		f.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		f.t.Fatal(err)
	}
	return pid
}

// call asks the process at an offset of the first port.
func (f *fleet) call(method string, offset int, path, body string) (status int, text string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, fmt.Sprintf("http://127.0.0.1:%d%s", f.first+offset, path), strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

// view is what the test reads of a job.
type view struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

// submit hands a text in at one API and reads how it ended from another.
func (f *fleet) submit(in, out, size int) view {
	f.t.Helper()
	text := "Invoice No: K-7\nInvoice date: 2026-11-22\nTotal: EUR 12.00\n" + strings.Repeat("Notes follow.\n", size/14)
	return f.submitDocument(in, out, map[string]any{"text": text})
}

func (f *fleet) submitDocument(in, out int, document map[string]any) view {
	f.t.Helper()
	body, err := json.Marshal(map[string]any{"schema": "invoice", "lane": "interactive", "document": document})
	if err != nil {
		f.t.Fatal(err)
	}
	status, answer := f.call(http.MethodPost, in, "/v1/jobs", string(body))
	if status != http.StatusAccepted {
		f.t.Fatalf("status %d: %s", status, answer)
	}
	var job view
	if err := json.Unmarshal([]byte(answer), &job); err != nil {
		f.t.Fatal(err)
	}
	began := time.Now()
	if _, answer = f.call(http.MethodGet, out, "/v1/jobs/"+job.ID+"?wait=30", ""); time.Since(began) > 25*time.Second {
		f.t.Error("the other API did not hear that the job had ended")
	}
	if err := json.Unmarshal([]byte(answer), &job); err != nil || job.State != "succeeded" {
		f.t.Fatalf("%s, %v", answer, err)
	}
	return job
}

func TestTheLocalFleetSharesItsJobs(t *testing.T) {
	bin, dir, first := build(t), t.TempDir(), processtest.FreePorts(t, ports)
	f := start(t, bin, dir, first)
	var all []view
	for i, size := range []int{0, 100_000, 0} {
		all = append(all, f.submit(i%2, (i+1)%2, size))
	}
	pdf, err := os.ReadFile("../examples/invoice-en-stationer.pdf") // is parsed in a child process of the worker
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, f.submitDocument(0, 1, map[string]any{"base64": pdf, "mime": "application/pdf"}))
	for _, offset := range []int{2, 3, 4, 5, 6} {
		if _, text := f.call(http.MethodGet, offset, "/metrics", ""); !strings.Contains(text, "\nsluice_bus_connected 1\n") {
			t.Errorf("the process with admin port +%d does not hear the others", offset)
		}
	}
	for _, worker := range []string{"worker-1", "worker-2"} {
		if err := syscall.Kill(f.pid(worker), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(f.pid("nats-1"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	all = append(all, f.submit(0, 1, 0), f.submit(1, 0, 50_000))
	refused(t, bin, dir, first)
	f.stop()

	f = start(t, bin, dir, first)
	for _, job := range all {
		if status, text := f.call(http.MethodGet, 1, "/v1/jobs/"+job.ID, ""); status != http.StatusOK || !strings.Contains(text, `"succeeded"`) {
			t.Errorf("after the restart %s: status %d, %.200s", job.ID, status, text)
		}
	}
	f.stop()
}

// refused starts a fleet beside one that runs, which must not be disturbed.
func refused(t *testing.T, bin, dir string, first int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "./local.sh", dir)
	cmd.Env = append(os.Environ(), "SLUICE_LOCAL_BIN="+bin, "SLUICE_LOCAL_PORT="+strconv.Itoa(first))
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "is taken") {
		t.Errorf("a second fleet on the same ports: %v: %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "api-1.pid")); err != nil {
		t.Errorf("the second fleet took the first's files: %v", err)
	}
}

func TestTheFleetSaysWhatIsMissing(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "./local.sh", t.TempDir())
	cmd.Env = append(os.Environ(), "SLUICE_LOCAL_BIN="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "make fleet") {
		t.Errorf("%v: %s", err, out)
	}
}
