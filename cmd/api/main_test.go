package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/cmd/internal/program"
	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/document/pdftest"
	"github.com/sluicehq/sluice/internal/processtest"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == document.ChildArg {
		os.Exit(document.RunChild(context.Background(), os.Stdin, os.Stdout))
	}
	if os.Getenv(asProgram) != "" {
		_ = os.Unsetenv(asProgram)
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		os.Exit(api().Run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// asProgram is a variable that makes the test binary be the program.
const asProgram = "TEST_AS_PROGRAM"

// patience bounds the waits; it is reached only by a failure.
const patience = 60 * time.Second

// instance is one run of the program inside the test.
type instance struct {
	t     *testing.T
	addr  string
	admin string
	dir   string
	log   *processtest.Output
	stop  func() int
}

// start runs the program with an environment of its own and waits until it is
// ready.
func start(t *testing.T, args []string, environ ...string) *instance {
	t.Helper()
	return newInstance(t).start(args, environ...)
}

// newInstance chooses addresses and a directory.
func newInstance(t *testing.T) *instance {
	t.Helper()
	return &instance{t: t, addr: processtest.FreeAddress(t), admin: processtest.FreeAddress(t), dir: filepath.Join(t.TempDir(), "data"), log: &processtest.Output{}}
}

// environ is the environment of an instance.
func (p *instance) environ(more ...string) []string {
	return append([]string{
		"SLUICE_ADDR=" + p.addr, "SLUICE_ADMIN_ADDR=" + p.admin, "SLUICE_DATA_DIR=" + p.dir, "SLUICE_LOG__LEVEL=trace",
		"SLUICE_DOCUMENT__CACHE_DIR=" + compiledParser(p.t),
	}, more...)
}

// start runs the program. After stop it may be called again, on what the run
// before has left.
func (p *instance) start(args []string, environ ...string) *instance {
	p.t.Helper()
	environ = p.environ(environ...)
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.t.Context()))
	code := make(chan int, 1)
	go func() { code <- api().Run(ctx, args, environ, p.log, p.log) }()
	p.stop = sync.OnceValue(func() int { cancel(); return <-code })
	stop := p.stop
	p.t.Cleanup(func() {
		if got := stop(); got != program.ExitOK {
			p.t.Errorf("exit code %d\n%s", got, p.log)
		}
		if p.t.Failed() {
			p.t.Log(p.log)
		}
	})
	p.untilReady(code)
	return p
}

// untilReady waits until the program is ready, or has ended with a code.
func (p *instance) untilReady(code chan int) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for p.get("/readyz", nil) != http.StatusOK {
		if time.Now().After(deadline) {
			p.t.Fatalf("not ready\n%s", p.log)
		}
		select {
		case c := <-code:
			code <- c
			p.t.Fatalf("ended at start with code %d\n%s", c, p.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// spawn runs the program as a process of its own, which kill ends with
// SIGKILL.
func (p *instance) spawn(environ ...string) (kill func()) {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	// The process ends by kill and not with the test's context, which ends
	// before cleanups.
	cmd := exec.CommandContext(context.WithoutCancel(p.t.Context()), self)
	cmd.Env = append(p.environ(environ...), asProgram+"=1", "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"))
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	code := make(chan int, 1)
	go func() {
		_ = cmd.Wait() // it is killed
		code <- cmd.ProcessState.ExitCode()
	}()
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		<-code
	})
	p.t.Cleanup(func() {
		kill()
		if p.t.Failed() {
			p.t.Log(p.log)
		}
	})
	p.untilReady(code)
	return kill
}

// eventually waits for a condition.
func (p *instance) eventually(what string, holds func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: not within %s", what, patience)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// compiledParser is a cache that tests share: compiling takes seconds.
func compiledParser(t *testing.T) string {
	t.Helper()
	dir, err := pdftest.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// view is what the tests read of a job.
type view struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Version int64  `json:"version"`
	Run     int    `json:"run"`
	Result  *struct {
		Data   map[string]any `json:"data"`
		Fields map[string]any `json:"fields"`
	} `json:"result"`
	Quality *struct {
		Tier     int      `json:"tier"`
		Degraded bool     `json:"degraded"`
		Reasons  []string `json:"reasons"`
		Repaired bool     `json:"repaired"`
	} `json:"quality"`
	Failure *struct {
		Class string `json:"class"`
	} `json:"failure"`
	Review *struct {
		Reason     string `json:"reason"`
		Candidates []struct {
			Tier int `json:"tier"`
		} `json:"candidates"`
	} `json:"review"`
	Notices []string `json:"notices"`
	Code    string   `json:"code"`
}

// do sends a request and reads its JSON answer into a value, if any.
func (p *instance) do(method, path string, header http.Header, body io.Reader, into any) int {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.addr+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			p.t.Fatalf("%s %s: status %d, not JSON: %v", method, path, answer.StatusCode, err)
		}
	}
	return answer.StatusCode
}

func (p *instance) get(path string, into any) int {
	return p.do(http.MethodGet, path, nil, nil, into)
}

// submit posts a file with options and waits for the job's end.
func (p *instance) submit(file, options string, header http.Header) view {
	p.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.submitBytes(data, options, header)
}

func (p *instance) submitBytes(data []byte, options string, header http.Header) view {
	p.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("document", "document")
	if err == nil {
		_, err = part.Write(data)
	}
	if err == nil {
		err = w.WriteField("options", options)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	h := http.Header{"Content-Type": {w.FormDataContentType()}, "Prefer": {"wait=30"}}
	maps.Copy(h, header)
	var job view
	p.do(http.MethodPost, "/v1/jobs", h, &body, &job)
	for deadline := time.Now().Add(patience); job.ID != "" && !ended(job) && time.Now().Before(deadline); {
		p.do(http.MethodGet, "/v1/jobs/"+job.ID+"?wait=10", header, nil, &job)
	}
	return job
}

func ended(j view) bool {
	return slices.Contains([]string{"succeeded", "failed", "cancelled", "expired", "in_review"}, j.State)
}

const invoiceOptions = `{"schema":"invoice","lane":"interactive"}`
