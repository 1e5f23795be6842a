package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestASubmissionIsAcceptedAndCanBeReadBack(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := a.post("/v1/jobs", `{"document":{"text":"Invoice 8812","mime":"text/plain"},"schema":"invoice","lane":"interactive","deadline":"90s",
		"risk":"high","policy":{"accept_degraded":false,"max_tier":2,"max_cost_usd":0.05},"labels":{"source":"mail"}}`)
	if r.status != http.StatusAccepted {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	id := r.text(t, "id")
	for name, want := range map[string]string{
		"Location": "/v1/jobs/" + id, "Operation-Location": "/v1/jobs/" + id, "Retry-After": "2", "Etag": `W/"1"`,
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	for path, want := range map[string]string{
		"object": "job", "state": "queued", "lane": "interactive", "tenant": "acme", "version": "1", "run": "1",
		"admission.mode": "queued", "admission.reason": "no_worker", "progress.phase": "queued", "schema": "invoice@1",
		"labels.source": "mail", "document.size": "12", "document.media_type": "text/plain",
		"document.sha256": hashOf("Invoice 8812"),
		"links.self":      "/v1/jobs/" + id, "links.result": "/v1/jobs/" + id + "/result",
	} {
		if got := r.text(t, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	j, err := a.engine.Get(t.Context(), "acme", jobs.ID(id))
	if err != nil {
		t.Fatal(err)
	}
	want := jobs.Spec{Schema: "invoice@1", Risk: jobs.RiskHigh, RequireFull: true, MaxTier: 2, MaxCostMicroUSD: 50_000}
	if diff := cmp.Diff(want, j.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if left := time.Until(j.DeadlineAt); left < 60*time.Second || left > 90*time.Second {
		t.Errorf("deadline is in %s, want 90 s", left)
	}
	if body, err := a.engine.Document(t.Context(), "acme", jobs.ID(id)); err != nil || string(body) != "Invoice 8812" {
		t.Errorf("document is %q, error %v", body, err)
	}
}

func TestEveryWayToSendADocumentMakesTheSameJob(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body, media := form(t, "options", `{"schema":"invoice"}`, "document", "Invoice 8812")
	sent := []request{
		{body: body, media: media},
		{body: strings.NewReader(plainJob), media: "application/json"},
		{body: strings.NewReader(plainJob), media: `application/json; charset="UTF-8"`},
		{body: strings.NewReader(`{"schema":"invoice","document":{"base64":"SW52b2ljZSA4ODEy","mime":"application/pdf"}}`), media: "application/json"},
		{body: strings.NewReader(`{"schema":"invoice","document":{"text":"\u0049nvoice 8812"}}`), media: "application/json"},
	}
	ids := map[string]bool{}
	for i, r := range sent {
		r.method, r.path, r.header = http.MethodPost, "/v1/jobs", http.Header{"Idempotency-Key": {"k"}}
		got := a.do(r)
		if got.status != http.StatusAccepted {
			t.Fatalf("way %d: status %d: %s", i, got.status, got.body)
		}
		if replayed := got.header.Get("Idempotent-Replayed") == "true"; replayed != (i > 0) {
			t.Errorf("way %d: replayed is %t", i, replayed)
		}
		ids[got.text(t, "id")] = true
	}
	if len(ids) != 1 {
		t.Errorf("the same document and options made jobs %v", ids)
	}
}

func TestPartsMayComeInEitherOrder(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, parts := range [][]string{
		{"options", `{"schema":"invoice"}`, "document", "x"}, {"document", "x", "options", `{"schema":"invoice"}`},
	} {
		body, media := form(t, parts...)
		if r := a.do(request{method: http.MethodPost, path: "/v1/jobs", body: body, media: media}); r.status != http.StatusAccepted {
			t.Errorf("%v: status %d: %s", parts, r.status, r.body)
		}
	}
}

func TestDefaultsDependOnTheLane(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for lane, want := range map[string]time.Duration{"": time.Hour, "interactive": 5 * time.Minute, "standard": time.Hour, "batch": 24 * time.Hour} {
		body := plainJob
		if lane != "" {
			body = strings.Replace(plainJob, "{", `{"lane":"`+lane+`",`, 1)
		}
		j, err := a.engine.Get(t.Context(), "", a.submit(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := j.DeadlineAt.Sub(j.AcceptedAt).Round(time.Second); got != want {
			t.Errorf("lane %q: deadline after %s, want %s", lane, got, want)
		}
	}
}

func TestPreferWaitAnswersWithTheResult(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	done := make(chan answer)
	go func() { done <- a.post("/v1/jobs", plainJob, "Prefer", "respond-async, wait=20") }()
	eventually(t, "the request waits", func() bool { return a.watch.watchers("job_000001") == 1 })
	a.settle(a.lend(), success())
	r := <-done
	if r.status != http.StatusOK || r.header.Get("Preference-Applied") != "wait=20" {
		t.Errorf("status %d, preference %q, want 200 after the wait", r.status, r.header.Get("Preference-Applied"))
	}
	if got := r.header.Get("Job-Quality"); got != "tier=2;degraded" {
		t.Errorf("Job-Quality is %q", got)
	}
	if r.text(t, "result.data.number") != "8812" || r.text(t, "quality.tier") != "2" || r.text(t, "usage.cost_micro_usd") != "1100" {
		t.Errorf("result: %s", r.body)
	}
	if got := a.post("/v1/jobs", plainJob, "Prefer", "wait=0"); got.status != http.StatusAccepted || got.header.Get("Preference-Applied") != "wait=0" {
		t.Errorf("without a wait: status %d, preference %q", got.status, got.header.Get("Preference-Applied"))
	}
	if got := a.post("/v1/jobs", plainJob, "Prefer", "wait=soon"); got.status != http.StatusAccepted || got.header.Get("Preference-Applied") != "" {
		t.Errorf("an unreadable preference is not ignored: status %d, preference %q", got.status, got.header.Get("Preference-Applied"))
	}
}

func TestAWaitIsCutShortWhenTheProcessStops(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	done := make(chan answer)
	go func() { done <- a.post("/v1/jobs", plainJob, "Prefer", "wait=30") }()
	eventually(t, "the request waits", func() bool { return a.watch.watchers("job_000001") == 1 })
	started := time.Now()
	close(a.drain)
	r := <-done
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("the wait went on for %s", took)
	}
	if r.status != http.StatusAccepted || r.text(t, "state") != "queued" {
		t.Errorf("status %d: %s", r.status, r.body)
	}
}

func TestNoticesAreInEveryAnswerAboutAJob(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(s *setup) { s.cfg.Notices = []string{"no_model_configured"} })
	id := a.submit(plainJob)
	for path, at := range map[string]string{
		"/v1/jobs/" + string(id): `"notices":["no_model_configured"]`, "/v1/jobs": `"notices":["no_model_configured"]`,
		"/v1/dlq/" + string(id): `"notices":["no_model_configured"]`, "/version": `"notices":["no_model_configured"]`,
	} {
		if r := a.get(path); !strings.Contains(string(r.body), at) {
			t.Errorf("%s says nothing of the missing model: %s", path, r.body)
		}
	}
}

func TestWithoutTenantsEverybodyIsTheOpenTenant(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(s *setup) { s.cfg.Tenants, s.cfg.Loopback = nil, true })
	for _, key := range []string{"none", acmeKey} {
		r := a.do(request{method: http.MethodPost, path: "/v1/jobs", key: key, body: strings.NewReader(plainJob), media: "application/json"})
		if r.status != http.StatusAccepted || r.text(t, "tenant") != httpapi.OpenTenant {
			t.Errorf("key %.5s: status %d: %s", key, r.status, r.body)
		}
	}
}

func TestAnOpenAPIRefusesWhatABrowserWasLedTo(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(s *setup) { s.cfg.Tenants, s.cfg.Loopback = nil, true })
	for host, want := range map[string]int{
		"localhost:8080": 200, "127.0.0.1": 200, "[::1]:8080": 200, "app.localhost": 200,
		"evil.example": 421, "127.0.0.1.evil.example": 421, "10.0.0.1": 421,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+"/v1/jobs", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		if r := a.send(req); r.status != want {
			t.Errorf("host %q: status %d, want %d", host, r.status, want)
		}
	}
	r := a.post("/v1/jobs", plainJob, "Sec-Fetch-Site", "cross-site")
	if r.status != http.StatusForbidden || r.text(t, "code") != "cross_origin" {
		t.Errorf("a cross-site post: status %d: %s", r.status, r.body)
	}
}
