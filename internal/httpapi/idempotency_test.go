package httpapi_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestFiftyConcurrentRepetitionsMakeOneJob(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	var wg sync.WaitGroup
	answers := make([]answer, 50)
	for i := range answers {
		wg.Go(func() { answers[i] = a.post("/v1/jobs", plainJob, "Idempotency-Key", "inv-8812") })
	}
	wg.Wait()
	ids, fresh := map[string]bool{}, 0
	for _, r := range answers {
		if r.status != http.StatusAccepted {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		ids[r.text(t, "id")] = true
		if r.header.Get("Idempotent-Replayed") == "" {
			fresh++
		}
	}
	if len(ids) != 1 || fresh != 1 {
		t.Errorf("%d jobs, %d answers that say they are new; want 1 and 1", len(ids), fresh)
	}
	if got := len(a.listed("/v1/jobs")); got != 1 {
		t.Errorf("%d jobs are listed", got)
	}
	// Repetitions are no load: only one admission is counted.
	if got := a.control.Report(time.Now()).Lanes[jobs.Standard].Queued; got != 1 {
		t.Errorf("%d admissions are counted", got)
	}
}

func TestAReplayAnswersTheSameIDAndAdmissionWithTheRestCurrent(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	first := a.post("/v1/jobs", plainJob, "Idempotency-Key", "k")
	a.control.Heartbeat(backpressure.Load{Worker: "w", At: time.Now(), Slots: 4})
	a.settle(a.lend(), success())
	again := a.post("/v1/jobs", plainJob, "Idempotency-Key", "k")
	if again.status != http.StatusOK || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("status %d, replayed %q", again.status, again.header.Get("Idempotent-Replayed"))
	}
	for _, member := range []string{"id", "admission.mode", "admission.reason"} {
		if a, b := first.text(t, member), again.text(t, member); a != b {
			t.Errorf("%s was %q and is %q", member, a, b)
		}
	}
	if again.text(t, "state") != "succeeded" || again.header.Get("Job-Quality") == "" {
		t.Errorf("the replay is not current: %s", again.body)
	}
}

func TestAKeyWithAnotherRequestIsRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.submit(plainJob, "Idempotency-Key", "k")
	for _, other := range []string{
		strings.Replace(plainJob, "8812", "8813", 1),
		strings.Replace(plainJob, "{", `{"lane":"batch",`, 1),
		strings.Replace(plainJob, "{", `{"deadline":"5m",`, 1),
		strings.Replace(plainJob, "{", `{"labels":{"a":"b"},`, 1),
		strings.Replace(plainJob, "{", `{"policy":{"accept_degraded":false},`, 1),
		`{"document":{"text":"Invoice 8812"},"schema_json":{"type":"object"}}`,
	} {
		r := a.post("/v1/jobs", other, "Idempotency-Key", "k")
		if r.status != http.StatusUnprocessableEntity || r.text(t, "code") != "idempotency_key_reused" {
			t.Errorf("%s: %d %s", other, r.status, r.body)
		}
	}
}

func TestTenantsHaveKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ours := a.submit(plainJob, "Idempotency-Key", "k")
	r := a.do(request{
		method: http.MethodPost, path: "/v1/jobs", key: otherKey, header: http.Header{"Idempotency-Key": {"k"}},
		body: strings.NewReader(plainJob), media: "application/json",
	})
	if r.status != http.StatusAccepted || r.text(t, "id") == string(ours) || r.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("another tenant's key: %d %s", r.status, r.body)
	}
}

// shut makes intake refuse everything, one way or another.
func shut() map[string]func(*api) {
	return map[string]func(*api){
		"draining":          func(a *api) { close(a.drain) },
		"lane_shed":         func(a *api) { a.control.SetPressure(backpressure.Pressure{Disk: 1}) },
		"tenant_queue_full": func(a *api) { a.control.Snapshot(stats(jobs.Standard, "acme", 20_000)) },
		"tenant_queue_full by wait": func(a *api) {
			a.control.Heartbeat(slowWorker())
			a.control.Snapshot(stats(jobs.Standard, "acme", 9000))
		},
	}
}

func slowWorker() backpressure.Load {
	return backpressure.Load{Worker: "w", At: time.Now(), Slots: 1, ServiceMS: 8000, Completions: 1}
}

func stats(lane jobs.Lane, tenant string, queued int) jobs.Stats {
	return jobs.Stats{At: time.Now(), Queues: []jobs.QueueStats{{Lane: lane, Tenant: tenant, Queued: queued}}}
}

func TestAReplayIsAnsweredWhenIntakeIsShut(t *testing.T) {
	t.Parallel()
	for name, shutBy := range shut() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, _ := strings.Cut(name, " ")
			a := newAPI(t, func(s *setup) { s.cfg.Tenants[0].MaxQueued = 10_000 })
			id := a.submit(plainJob, "Idempotency-Key", "k")
			shutBy(a)
			r := a.post("/v1/jobs", plainJob, "Idempotency-Key", "k")
			if r.status != http.StatusAccepted || r.text(t, "id") != string(id) || r.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("the replay: %d %s", r.status, r.body)
			}
			r = a.post("/v1/jobs", strings.Replace(plainJob, "8812", "8813", 1), "Idempotency-Key", "k")
			if r.text(t, "code") != "idempotency_key_reused" {
				t.Errorf("another request with the key: %d %s", r.status, r.body)
			}
			for _, key := range []string{"", "new"} {
				header := []string{"Idempotency-Key", key}
				if key == "" {
					header = nil
				}
				r = a.post("/v1/jobs", plainJob, header...)
				if r.text(t, "code") != code || r.header.Get("Retry-After") == "" || r.text(t, "retryable") != "true" {
					t.Errorf("a new request with key %q: %d %s", key, r.status, r.body)
				}
			}
			if r := a.get("/v1/jobs/" + string(id)); r.status != http.StatusOK {
				t.Errorf("reading is refused too: %d %s", r.status, r.body)
			}
			if a.replays != 1 {
				t.Errorf("%d replays were told of", a.replays)
			}
		})
	}
}

func TestAReplayIsAnsweredWhenItsLaneIsClosedToTheTenant(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body := strings.Replace(plainJob, "{", `{"lane":"batch",`, 1)
	id := a.submit(body, "Idempotency-Key", "k")
	if _, err := a.tenants.Edit(t.Context(), "acme", 0, "ops", func(l *tenants.Limits) { l.Lanes = []jobs.Lane{jobs.Standard} }); err != nil {
		t.Fatal(err)
	}
	if r := a.post("/v1/jobs", body, "Idempotency-Key", "k"); r.status != http.StatusAccepted || r.text(t, "id") != string(id) || r.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("repeated: %d %s", r.status, r.body)
	}
	for key, code := range map[string]string{"k": "idempotency_key_reused", "new": "lane_not_allowed"} {
		other := strings.Replace(body, `"schema"`, `"risk":"high","schema"`, 1)
		if r := a.post("/v1/jobs", other, "Idempotency-Key", key); r.text(t, "code") != code {
			t.Errorf("another request with the key %s: %d %s", key, r.status, r.body)
		}
	}
	a.post("/v1/jobs", body).want(t, http.StatusForbidden, "code", "lane_not_allowed")
}

func TestRefusalsSayWhyAndWhenToRetry(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		shut   func(*api)
		body   string
		status int
		want   map[string]string
	}{
		"pressure": {
			shut: func(a *api) { a.control.SetPressure(backpressure.Pressure{Memory: 0.93}) },
			body: plainJob, status: 503,
			want: map[string]string{
				"code": "lane_shed", "type": "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
				"retry_after_ms": "1000", "detail": "Memory, disk or the store is nearly full; lane standard is not let in.",
			},
		},
		"backlog": {
			shut: func(a *api) { a.control.Heartbeat(slowWorker()); a.control.Snapshot(stats(jobs.Standard, "acme", 11)) },
			body: plainJob, status: 429,
			want: map[string]string{
				"code": "tenant_queue_full", "type": "https://iana.org/assignments/http-problem-types#quota-exceeded", "retry_after_ms": "240000", "eta_s": "88",
			},
		},
		"deadline": {
			shut: func(a *api) { a.control.Heartbeat(slowWorker()); a.control.Snapshot(stats(jobs.Standard, "acme", 9)) },
			body: strings.Replace(plainJob, "{", `{"deadline":"80s",`, 1), status: 422,
			want: map[string]string{"code": "deadline_unachievable", "eta_s": "72", "retryable": "false", "retry_after_ms": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			tc.shut(a)
			r := a.post("/v1/jobs", tc.body)
			if r.status != tc.status {
				t.Errorf("status %d, want %d: %s", r.status, tc.status, r.body)
			}
			for member, want := range tc.want {
				if got := r.text(t, member); got != want {
					t.Errorf("%s is %q, want %q", member, got, want)
				}
			}
		})
	}
}

func TestTheEngineHasTheLastWordOnLimits(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(s *setup) { s.cfg.Tenants[0].MaxQueued = 3; s.policy.MaxWaiting = 5 })
	for range 3 {
		a.submit(plainJob)
	}
	// The controller believes that all of them have started.
	a.control.Snapshot(jobs.Stats{At: time.Now().Add(time.Minute)})
	r := a.post("/v1/jobs", plainJob)
	if r.status != http.StatusTooManyRequests || r.text(t, "code") != "tenant_queue_full" || r.header.Get("Retry-After") == "" {
		t.Errorf("tenant: %d %s", r.status, r.body)
	}
	var last answer
	for range 3 {
		last = a.do(request{method: http.MethodPost, path: "/v1/jobs", key: otherKey, body: strings.NewReader(plainJob), media: "application/json"})
	}
	if last.status != http.StatusServiceUnavailable || last.text(t, "code") != "engine_full" {
		t.Errorf("engine: %d %s", last.status, last.body)
	}
}

func TestAnEngineThatFailsIsAProblemOfOurs(t *testing.T) {
	t.Parallel()
	engine := &faulty{}
	a := newAPI(t, func(s *setup) { s.deps.Engine = engine })
	id := a.submit(plainJob)
	for _, tc := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("commit: %w: %s", jobs.ErrUnavailable, canary), 503, "engine_unavailable"},
		{fmt.Errorf("%w: %s", jobs.ErrClosed, canary), 503, "draining"},
		{errors.New(canary), 500, "internal"},
	} {
		engine.fail(tc.err)
		for _, r := range []answer{a.post("/v1/jobs", plainJob), a.get("/v1/jobs/" + string(id))} {
			if r.status != tc.status || r.text(t, "code") != tc.code || leaks(r) {
				t.Errorf("%v: %d %s", tc.err, r.status, r.body)
			}
		}
	}
	if len(a.failures) != 6 || !errors.Is(a.failures[0], jobs.ErrUnavailable) {
		t.Errorf("failures told of: %v", a.failures)
	}
	// What was not accepted is not counted.
	if got := a.control.Report(time.Now()).Lanes[jobs.Standard].Queued; got != 1 {
		t.Errorf("%d admissions are counted, want the first", got)
	}
}

func TestMemoryForBodiesIsBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(s *setup) { s.cfg.MaxDocumentBytes, s.cfg.MaxBytesInFlight = 1<<20, 4<<20 })
	const begin, end = `{"schema":"invoice","document":{"text":"`, `"}}`
	text := repeated("a", 900<<10)
	// Eight uploads stall just before their end: not all fit.
	conns := make([]*rawConn, 8)
	for i := range conns {
		conns[i] = a.dial()
		conns[i].send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s%s", post, len(begin)+len(text)+len(end), begin, text))
	}
	refused := func() int { a.mu.Lock(); defer a.mu.Unlock(); return len(a.requests) }
	eventually(t, "some are refused", func() bool { return refused() > 0 })
	var accepted int
	for _, c := range conns {
		_, _ = io.WriteString(c.conn, end) // fails where the upload was refused
		switch status, code := c.status(); {
		case status == http.StatusAccepted:
			accepted++
		case status != http.StatusServiceUnavailable || code != "intake_busy":
			t.Errorf("an upload ended with %d %s", status, code)
		}
	}
	if accepted == 0 || accepted == len(conns) {
		t.Errorf("%d of %d uploads were accepted", accepted, len(conns))
	}
	// All of it was given back.
	a.submit(begin + repeated("a", 1000<<10) + end)
}

func TestRefusedBodiesGiveTheirMemoryBack(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(s *setup) { s.cfg.MaxDocumentBytes, s.cfg.MaxBytesInFlight = 1<<20, 4<<20 })
	text := repeated("a", 900<<10)
	for range 10 {
		body, media := form(t, "document", text, "options", "{")
		for code, r := range map[string]request{
			"malformed_json":   {body: body, media: media},
			"invalid_request":  {body: strings.NewReader(`{"document":{"text":"` + text + `"}}`), media: "application/json"},
			"document_corrupt": {body: strings.NewReader(`{"schema":"invoice","document":{"text":"corrupt` + text + `"}}`), media: "application/json"},
		} {
			r.method, r.path = http.MethodPost, "/v1/jobs"
			if got := a.do(r); got.text(t, "code") != code {
				t.Fatalf("%d %s, want %s", got.status, got.body, code)
			}
		}
	}
	for range 10 {
		a.submit(`{"schema":"invoice","document":{"text":"` + text + `"}}`)
	}
}
