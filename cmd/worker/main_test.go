package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/cmd/internal/program"
	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/document/pdftest"
	"github.com/sluicehq/sluice/internal/processtest"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == document.ChildArg {
		os.Exit(document.RunChild(context.Background(), os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

// patience bounds the waits; it is reached only by a failure.
const patience = 60 * time.Second

// instance is one run of the program inside the test.
type instance struct {
	t     *testing.T
	admin string
	log   *processtest.Output
	stop  func() int
}

// start runs the program with an environment of its own.
func start(t *testing.T, args []string, environ ...string) *instance {
	t.Helper()
	cache, err := pdftest.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	p := &instance{t: t, admin: processtest.FreeAddress(t), log: &processtest.Output{}}
	environ = append([]string{
		"SLUICE_ADMIN_ADDR=" + p.admin, "SLUICE_DATA_DIR=" + t.TempDir(), "SLUICE_LOG__LEVEL=trace", "SLUICE_DOCUMENT__CACHE_DIR=" + cache,
	}, environ...)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	code := make(chan int, 1)
	go func() { code <- worker().Run(ctx, args, environ, p.log, p.log) }()
	p.stop = sync.OnceValue(func() int { cancel(); return <-code })
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Log(p.log)
		}
	})
	return p
}

func (p *instance) get(path string) int {
	p.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	answer, err := client.Get("http://" + p.admin + path)
	if err != nil {
		return 0
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode
}

func (p *instance) until(path string, status int) {
	p.t.Helper()
	eventually(p.t, path, func() bool { return p.get(path) == status })
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !f() {
		select {
		case <-deadline.C:
			t.Fatalf("never so: %s", what)
		case <-ticker.C:
		}
	}
}

// fleet is what the processes share.
type fleet struct {
	redis *redistest.Redis
	nats  *redistest.NATS
	docs  string
}

func newFleet(t *testing.T) fleet {
	t.Helper()
	return fleet{redistest.Start(t, redistest.Settings{}), redistest.StartNATS(t), filepath.Join(t.TempDir(), "documents")}
}

func (f fleet) environ() []string {
	return []string{"SLUICE_ENGINE=" + f.redis.URL(), "NATS_URL=" + f.nats.URL(), "SLUICE_REDIS__DOCUMENTS_DIR=" + f.docs, "SLUICE_LEASE=2s"}
}

// engine is the store as an API process sees it.
func (f fleet) engine(t *testing.T) *asynqjobs.Engine {
	t.Helper()
	e, err := asynqjobs.Open(t.Context(), asynqjobs.Config{URL: f.redis.URL(), Directory: f.docs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// invoice is a document that the rule parser alone can read. filler makes it
// larger.
func invoice(filler int) []byte {
	return []byte("Invoice No: K-7\nInvoice date: 2026-11-22\nTotal: EUR 12.00\n" + strings.Repeat("\nNotes follow.", filler))
}

func accept(t *testing.T, e jobs.Engine, id jobs.ID, body []byte) {
	t.Helper()
	got, err := e.Accept(t.Context(), []jobs.Submission{{
		ID: id, Tenant: "acme", Lane: jobs.Interactive, Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: string(id),
		Document: jobs.Document{MediaType: "text/plain", Size: int64(len(body)), SHA256: strings.Repeat("0", 64)}, Body: body,
		DeadlineAt: time.Now().Add(time.Hour), Cost: time.Second,
	}})
	if err != nil || got[0].Status != jobs.Created {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func settled(t *testing.T, e jobs.Engine, id jobs.ID) jobs.Job {
	t.Helper()
	var j jobs.Job
	eventually(t, string(id)+" settled", func() bool {
		var err error
		if j, err = e.Get(t.Context(), "", id); err != nil {
			t.Fatal(err)
		}
		return j.State != jobs.Queued && j.State != jobs.Running
	})
	return j
}

func TestWorkersRunTheJobsThatOthersAccept(t *testing.T) {
	f := newFleet(t)
	e := f.engine(t)
	one, two := start(t, nil, f.environ()...), start(t, []string{"-slots", "2"}, f.environ()...)
	for _, p := range []*instance{one, two} {
		p.until("/readyz", http.StatusOK)
		if p.get("/livez") != http.StatusOK || p.get("/metrics") != http.StatusOK {
			t.Error("a probe or the metrics do not answer")
		}
	}
	for _, c := range []struct {
		id     jobs.ID
		filler int
	}{{"small", 0}, {"large", 4000}, {"other", 1}} {
		accept(t, e, c.id, invoice(c.filler))
		if j := settled(t, e, c.id); j.State != jobs.Succeeded || j.Result.Quality.Tier != 3 {
			t.Errorf("%s is %s", c.id, j.State)
		}
	}
	if code := one.stop(); code != program.ExitOK {
		t.Errorf("the first ended with code %d", code)
	}
	accept(t, e, "after", invoice(0))
	if j := settled(t, e, "after"); j.State != jobs.Succeeded {
		t.Errorf("after one left: %s", j.State)
	}
	if code := two.stop(); code != program.ExitOK {
		t.Errorf("the second ended with code %d", code)
	}
	if log := one.log.String(); !strings.Contains(log, "draining") || !strings.Contains(log, "stopped") {
		t.Errorf("the log does not tell how it stopped: %s", log)
	}
}

func TestAWorkerWaitsForRedisAndSaysSo(t *testing.T) {
	f := newFleet(t)
	f.redis.Kill(t)
	p := start(t, nil, f.environ()...)
	eventually(t, "it waits", func() bool { return strings.Contains(p.log.String(), "waiting for redis") })
	f.redis.Restart(t)
	p.until("/readyz", http.StatusOK)
	f.redis.Kill(t)
	p.until("/readyz", http.StatusServiceUnavailable)
	f.redis.Restart(t)
	p.until("/readyz", http.StatusOK)
	if p.get("/livez") != http.StatusOK {
		t.Error("a worker without Redis is alive all the same")
	}
}

func TestAWorkerSaysWhyItCannotStart(t *testing.T) {
	f := newFleet(t)
	lossy := redistest.Start(t, redistest.Settings{AppendFsync: "everysec"})
	for name, c := range map[string]struct {
		args    []string
		environ []string
		want    string
	}{
		"no shared engine":    {nil, nil, "the engine sqlite lives inside one process"},
		"no NATS":             {nil, []string{"SLUICE_ENGINE=" + f.redis.URL()}, "set NATS_URL"},
		"a lossy Redis":       {nil, []string{"SLUICE_ENGINE=" + lossy.URL(), "NATS_URL=" + f.nats.URL()}, "set appendfsync always"},
		"no slots":            {[]string{"-slots", "0"}, f.environ(), "slots is 0"},
		"another engine":      {nil, []string{"SLUICE_ENGINE=kafka://x"}, "engine must be sqlite"},
		"an unknown argument": {[]string{"now"}, nil, "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			code := worker().Run(t.Context(), c.args, append([]string{"SLUICE_DATA_DIR=" + t.TempDir(), "SLUICE_ADMIN_ADDR=off"}, c.environ...), &out, &out)
			if code == program.ExitOK || !strings.Contains(out.String(), c.want) {
				t.Errorf("code %d: %s", code, out.String())
			}
		})
	}
}

func TestALossCanBeAccepted(t *testing.T) {
	f := newFleet(t)
	f.redis = redistest.Start(t, redistest.Settings{AppendFsync: "everysec"})
	p := start(t, []string{"-accept-loss"}, f.environ()...)
	p.until("/readyz", http.StatusOK)
	if !strings.Contains(p.log.String(), "redis can lose accepted jobs") {
		t.Errorf("the log does not tell of the loss: %s", p.log)
	}
}

func TestTheHealthCheckAsksTheWorker(t *testing.T) {
	f := newFleet(t)
	p := start(t, nil, f.environ()...)
	p.until("/readyz", http.StatusOK)
	ask := func() int {
		return worker().Run(t.Context(), []string{"healthcheck"}, []string{"SLUICE_ADMIN_ADDR=" + p.admin}, p.log, p.log)
	}
	if code := ask(); code != program.ExitOK {
		t.Errorf("of a running worker: %d", code)
	}
	p.stop()
	if code := ask(); code == program.ExitOK {
		t.Error("of a stopped worker: ok")
	}
	if code := worker().Run(t.Context(), []string{"healthcheck"}, []string{"SLUICE_ADMIN_ADDR=off"}, p.log, p.log); code == program.ExitOK {
		t.Error("of none: ok")
	}
}

func TestTheVersionIsPrinted(t *testing.T) {
	var out bytes.Buffer
	if code := worker().Run(t.Context(), []string{"-version"}, nil, &out, &out); code != program.ExitOK || out.String() != version+"\n" {
		t.Errorf("code %d: %s", code, out.String())
	}
}
