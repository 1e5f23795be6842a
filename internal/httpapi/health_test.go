package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestReadinessFollowsTheEngineTheProbesAndTheDrain(t *testing.T) {
	t.Parallel()
	engine := &faulty{}
	var broken atomic.Bool
	var clock atomic.Int64
	a := newAPI(t, func(s *setup) {
		s.deps.Engine = engine
		s.deps.Now = func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }
		s.deps.Probes = []httpapi.Probe{{Name: "disk", Check: func(context.Context) error {
			if broken.Load() {
				return errors.New(canary)
			}
			return nil
		}}}
	})
	want := func(what string, status int, code, checks string) {
		t.Helper()
		clock.Add(int64(time.Second)) // past what is remembered
		r := a.get("/readyz?verbose=1", "none")
		if r.status != status || r.text(t, "code") != code || !strings.Contains(string(r.body), checks) || leaks(r) {
			t.Errorf("%s: %d %s, want %d %s and %s", what, r.status, r.body, status, code, checks)
		}
		if r := a.get("/livez", "none"); r.status != http.StatusOK {
			t.Errorf("%s: livez is %d", what, r.status)
		}
	}
	want("at first", 200, "", `"checks":[{"name":"engine","ok":true},{"name":"disk","ok":true},{"name":"accepting","ok":true}]`)
	engine.fail(jobs.ErrUnavailable)
	want("without an engine", 503, "engine_unavailable", `{"name":"engine","ok":false}`)
	engine.fail(nil)
	broken.Store(true)
	want("without a disk", 503, "engine_unavailable", `{"name":"disk","ok":false}`)
	broken.Store(false)
	want("again", 200, "", `"status":"ok"`)
	close(a.drain)
	want("draining", 503, "draining", `{"name":"accepting","ok":false}`)
	if r := a.get("/readyz", "none"); strings.Contains(string(r.body), "checks") || r.header.Get("Retry-After") == "" {
		t.Errorf("not verbose: %s", r.body)
	}
}

func TestReadinessCostsNothingToAskOften(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	a := newAPI(t, func(s *setup) {
		now := time.Now()
		s.deps.Now = func() time.Time { return now }
		s.deps.Probes = []httpapi.Probe{{Name: "disk", Check: func(context.Context) error { asked.Add(1); return nil }}}
	})
	for range 20 {
		a.get("/readyz")
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("the probe was asked %d times", got)
	}
}

// Probes wait for each other. If each asked a part that hangs anew, the last of
// ten would wait ten seconds.
func TestReadinessOfASlowPartIsAskedForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		deps := completeDeps(t)
		deps.Probes = []httpapi.Probe{{Name: "disk", Check: func(ctx context.Context) error {
			asked.Add(1)
			<-ctx.Done()
			return ctx.Err()
		}}}
		s, err := httpapi.New(httpapi.Config{Tenants: keyHolders()}, deps)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for range 10 {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
			if w.Code != http.StatusServiceUnavailable {
				t.Errorf("%d", w.Code)
			}
		}
		if took := time.Since(began); asked.Load() != 1 || took > time.Second {
			t.Errorf("the part was asked %d times, the answers took %s", asked.Load(), took)
		}
	})
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if r := newAPI(t).get("/version", "none"); r.text(t, "version") != "v1.2.3" {
		t.Errorf("%s", r.body)
	}
}

func TestEventsTellOfEveryRequest(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.submit(plainJob)
	a.get("/v1/jobs/" + canary)
	a.do(request{method: "BREW", path: "/" + canary})
	eventually(t, "all requests are told of", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return len(a.requests) == 3 })
	done := a.requests[0]
	if done.Method != http.MethodPost || done.Route != "POST /v1/jobs" || done.Tenant != "acme" || done.Status != 202 || done.Code != "" ||
		done.BytesIn != int64(len(plainJob)) || done.BytesOut == 0 || done.Duration <= 0 || !strings.HasPrefix(done.ID, "req_") {
		t.Errorf("submission: %+v", done)
	}
	if done = a.requests[1]; done.Route != "GET /v1/jobs/{id}" || done.Status != 404 || done.Code != "not_found" {
		t.Errorf("read: %+v", done)
	}
	if done = a.requests[2]; done.Method != "other" || done.Route != "" || done.Tenant != "" || done.Code != "route_not_found" {
		t.Errorf("nonsense: %+v", done)
	}
}

func TestABadConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*httpapi.Config, *httpapi.Deps){
		"no tenants are configured": func(c *httpapi.Config, _ *httpapi.Deps) { c.Tenants = nil },
		"tenant name":               func(c *httpapi.Config, _ *httpapi.Deps) { c.Tenants = []httpapi.Tenant{{Name: "a b"}} },
		"not 64 hexadecimal":        func(c *httpapi.Config, _ *httpapi.Deps) { c.Tenants[0].KeySHA256 = []string{"ab"} },
		"is there twice":            func(c *httpapi.Config, _ *httpapi.Deps) { c.Tenants[0].KeySHA256 = c.Tenants[1].KeySHA256 },
		"max document bytes":        func(c *httpapi.Config, _ *httpapi.Deps) { c.MaxDocumentBytes = -1 },
		"max bytes in flight":       func(c *httpapi.Config, _ *httpapi.Deps) { c.MaxBytesInFlight = 1 },
		"body grace":                func(c *httpapi.Config, _ *httpapi.Deps) { c.BodyGrace = -1 },
		"max waiters":               func(c *httpapi.Config, _ *httpapi.Deps) { c.MaxWaiters = -1 },
		"job cost":                  func(c *httpapi.Config, _ *httpapi.Deps) { c.JobCost = -1 },
		"dependency":                func(_ *httpapi.Config, d *httpapi.Deps) { d.Explain = nil },
	} {
		cfg, deps := httpapi.Config{Tenants: keyHolders()}, completeDeps(t)
		change(&cfg, &deps)
		if _, err := httpapi.New(cfg, deps); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to name %q", err, want)
		}
	}
}
