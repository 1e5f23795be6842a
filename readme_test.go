package sluice_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/document/pdftest"
	"github.com/sluicehq/sluice/internal/processtest"
)

// readme holds the shell blocks of the README in order.
func readme(t *testing.T) (text string, blocks []string) {
	t.Helper()
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
		blocks = append(blocks, m[1])
	}
	return string(data), blocks
}

// built is a directory with the programs of this tree in bin, the examples, and
// curl on the PATH.
type built struct {
	t    *testing.T
	dir  string
	addr string
	env  []string
}

func build(t *testing.T) *built {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := &built{t: t, dir: t.TempDir()}
	for _, err := range []error{
		os.Mkdir(filepath.Join(b.dir, "path"), 0o700),
		os.Symlink(self, filepath.Join(b.dir, "path", "curl")),
		os.Symlink(filepath.Join(here, "examples"), filepath.Join(b.dir, "examples")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	compile := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(b.dir, "bin")+"/", "./cmd/...")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	b.addr = processtest.FreeAddress(t)
	compiled, err := pdftest.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	b.env = append(os.Environ(), "PATH="+filepath.Join(b.dir, "path")+":"+os.Getenv("PATH"),
		"SLUICE_ADDR="+b.addr, "SLUICE_ADMIN_ADDR=off", "SLUICE_DOCUMENT__CACHE_DIR="+compiled, "SLUICE_URL=http://"+b.addr, "SLUICE_SERVER=http://"+b.addr)
	return b
}

// start runs bin/api until the test ends.
func (b *built) start() {
	b.t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(b.t.Context()))
	api := exec.CommandContext(ctx, "bin/api")
	api.Dir, api.Env = b.dir, b.env
	api.Cancel = func() error { return api.Process.Signal(os.Interrupt) }
	api.WaitDelay = 20 * time.Second
	var log strings.Builder
	api.Stderr = &log
	if err := api.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		stop()
		if _ = api.Wait(); api.ProcessState.ExitCode() != 0 || b.t.Failed() {
			b.t.Errorf("api ended with %d:\n%s", api.ProcessState.ExitCode(), log.String())
		}
	})
	for deadline := time.Now().Add(20 * time.Second); !answers(b.t, "http://"+b.addr+"/readyz"); {
		if time.Now().After(deadline) {
			b.t.Fatal("api is not ready")
		}
		time.Sleep(20 * time.Millisecond) // a real process: there is nothing to wait on
	}
}

func answers(t *testing.T, url string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// shell runs a command line of the README as a person would.
func (b *built) shell(line string) string {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), "sh", "-c", strings.ReplaceAll(line, "127.0.0.1:8080", b.addr))
	cmd.Dir, cmd.Env = b.dir, b.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("%s: %v\n%s%s", line, err, out, stderr.String())
	}
	return string(out)
}

func TestTheFirstScreenOfTheReadmeHoldsTheTwoCommands(t *testing.T) {
	text, blocks := readme(t)
	before, _, _ := strings.Cut(text, "make test")
	if line := strings.Count(before, "\n"); line > 24 {
		t.Errorf("make test comes on line %d", line)
	}
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("make ([a-z]+)").FindAllStringSubmatch(strings.Join(blocks, "")+text, -1) {
		if !strings.Contains(string(makefile), "\n"+m[1]+": ") {
			t.Errorf("the README says make %s, the Makefile has no such target", m[1])
		}
	}
}

func TestEveryLinkOfTheReadmeLeadsSomewhere(t *testing.T) {
	text, _ := readme(t)
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(m[1]); err != nil && !strings.Contains(m[1], "://") {
			t.Error(err)
		}
	}
}

func TestTheReadmeCommandsDoWhatTheySay(t *testing.T) {
	_, blocks := readme(t)
	b := build(t)
	b.start()

	var job struct {
		State   string         `json:"state"`
		Quality map[string]any `json:"quality"`
		Result  struct {
			Data map[string]any `json:"data"`
		} `json:"result"`
	}
	if err := json.Unmarshal([]byte(b.shell(find(t, blocks, "curl "))), &job); err != nil {
		t.Fatal(err)
	}
	if job.State != "succeeded" || job.Result.Data["total"] != 813.24 || job.Quality["tier"] != 3.0 || job.Quality["degraded"] != true {
		t.Errorf("the first curl answers %+v", job)
	}

	operator := find(t, blocks, "dlqctl")
	var id string
	for line := range strings.SplitSeq(strings.TrimSpace(operator), "\n") {
		line = strings.TrimSpace(strings.SplitN(line, "#", 2)[0])
		if strings.Contains(line, "JOB") && id == "" {
			id = strings.Fields(b.shell("bin/dlqctl ls --state failed -o name"))[0]
		}
		if strings.Contains(line, "requeue") {
			line += " -y"
		}
		if strings.Contains(line, "complete") {
			id = strings.Fields(b.shell("bin/dlqctl ls --state in_review -o name"))[0]
			fields := `{"invoice_number":"1","invoice_date":"2026-01-02","total":1}`
			if err := os.WriteFile(filepath.Join(b.dir, "fields.json"), []byte(fields), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out := b.shell(strings.ReplaceAll(line, "JOB", id))
		if strings.HasPrefix(line, "bin/dlqctl ls") && !strings.Contains(out, "corrupt") {
			t.Errorf("%s does not show the broken document:\n%s", line, out)
		}
		if strings.HasPrefix(line, "examples/submit.sh") && strings.Count(out, "succeeded") != 8 {
			t.Errorf("%s:\n%s", line, out)
		}
	}
}

func find(t *testing.T, blocks []string, part string) string {
	t.Helper()
	for _, b := range blocks {
		if strings.Contains(b, part) {
			return b
		}
	}
	t.Fatalf("the README has no block with %s", part)
	return ""
}
