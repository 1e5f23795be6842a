package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestAReadJobCarriesAllThatBelongsToItsState(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.submit(plainJob)
	running := a.lend()
	path := "/v1/jobs/" + string(running.Job.ID)
	if r := a.get(path); r.text(t, "progress.phase") != "running" || r.header.Get("Retry-After") == "" {
		t.Errorf("running: %s", r.body)
	}
	a.settle(running, jobs.Outcome{Kind: jobs.Park, Until: time.Now().Add(time.Hour), Gate: "near/large", Reason: "rate"})
	if r := a.get(path); r.text(t, "progress.phase") != "waiting" || r.text(t, "progress.gate") != "near/large" || r.text(t, "progress.until") == "" {
		t.Errorf("parked: %s", r.body)
	}

	a.submit(plainJob)
	a.settle(a.lend(), success())
	r := a.get("/v1/jobs/job_000002")
	for member, want := range map[string]string{
		"state": "succeeded", "result.data.total": "120.5", "quality.tier": "2", "quality.degraded": "true", "tier": "2",
		"usage.input_tokens": "1830", "progress": "", "failure": "", "review": "",
	} {
		if got := r.text(t, member); got != want {
			t.Errorf("succeeded: %s is %q, want %q", member, got, want)
		}
	}
	if r.header.Get("Retry-After") != "" || r.header.Get("Job-Quality") != "tier=2;degraded" {
		t.Errorf("headers of a succeeded job: %v", r.header)
	}

	a.submit(plainJob)
	a.settle(a.lend(), failure())
	r = a.get("/v1/jobs/job_000003")
	if r.text(t, "failure.class") != "corrupt" || r.text(t, "failure.provider") != "near" || r.text(t, "quality") != "" {
		t.Errorf("failed: %s", r.body)
	}

	a.submit(plainJob)
	a.settle(a.lend(), review())
	r = a.get("/v1/jobs/job_000004")
	if r.text(t, "review.reason") != "all_tiers_failed" || r.text(t, "review.due_at") == "" || !strings.Contains(string(r.body), `"candidates":[{"tier":2`) ||
		r.header.Get("Retry-After") != "30" {
		t.Errorf("in review: %s", r.body)
	}
}

func TestTheResultIsTheBareData(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.submit(plainJob)
	path := "/v1/jobs/" + string(id) + "/result"
	if r := a.get(path); r.status != http.StatusConflict || r.text(t, "code") != "job_not_finished" || r.text(t, "state") != "queued" || r.header.Get("Retry-After") == "" {
		t.Errorf("before the end: %d %s", r.status, r.body)
	}
	a.settle(a.lend(), success())
	r := a.get(path)
	if got := strings.TrimSpace(string(r.body)); r.status != http.StatusOK || got != `{"number":"8812","total":120.50}` {
		t.Errorf("result: %d %s", r.status, got)
	}
	if r.header.Get("Job-Quality") != "tier=2;degraded" || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers of a result: %v", r.header)
	}
	a.submit(plainJob)
	a.settle(a.lend(), failure())
	if r := a.get("/v1/jobs/job_000002/result"); r.status != http.StatusConflict || r.text(t, "code") != "job_without_result" || r.text(t, "state") != "failed" {
		t.Errorf("of a failed job: %d %s", r.status, r.body)
	}
}

func TestAnErasedJobIsGone(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.submit(plainJob)
	a.settle(a.lend(), success())
	if _, err := a.engine.Apply(t.Context(), jobs.Command{Kind: jobs.Erase, Job: id}); err != nil {
		t.Fatal(err)
	}
	if r := a.get("/v1/jobs/" + string(id) + "/result"); r.status != http.StatusGone || r.text(t, "code") != "erased" || r.text(t, "state") != "erased" {
		t.Errorf("result: %d %s", r.status, r.body)
	}
	if r := a.get("/v1/jobs/" + string(id)); r.status != http.StatusGone || r.text(t, "code") != "erased" || r.text(t, "state") != "erased" {
		t.Errorf("job: %d %s", r.status, r.body)
	}
	if r := a.get("/v1/dlq/" + string(id)); r.status != http.StatusOK || r.text(t, "job.state") != "erased" || strings.Contains(string(r.body), "8812") {
		t.Errorf("all that is known: %d %s", r.status, r.body)
	}
	if r := a.post("/v1/jobs/"+string(id)+"/complete", `{"data":{"number":"1"}}`); r.status != http.StatusConflict {
		t.Errorf("complete: %d %s", r.status, r.body)
	}
}

func TestAttemptsAndDeadLettersTellTheWholeStory(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.submit(plainJob)
	l := a.lend()
	start := time.Now().Add(-time.Second)
	row := jobs.Attempt{
		N: 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "near", Model: "large", StartedAt: start, EndedAt: start.Add(800 * time.Millisecond),
		Outcome: jobs.AttemptError, Class: "net_ambiguous", Why: "attempt_timeout", Billed: jobs.BilledMaybe,
	}
	if err := a.engine.PutAttempts(t.Context(), l.Lease, row); err != nil {
		t.Fatal(err)
	}
	a.settle(l, failure())
	for _, path := range []string{"/v1/jobs/" + string(id) + "/attempts", "/v1/dlq/" + string(id)} {
		r := a.get(path)
		if r.status != http.StatusOK || r.text(t, "summary") != "1 attempts, failed." {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
		for _, want := range []string{`"n":1`, `"ms":800`, `"class":"net_ambiguous"`, `"billed":"maybe"`, `"provider":"near"`} {
			if !strings.Contains(string(r.body), want) {
				t.Errorf("%s lacks %s: %s", path, want, r.body)
			}
		}
	}
	r := a.get("/v1/dlq/" + string(id))
	for _, want := range []string{`"type":"queued"`, `"type":"started"`, `"type":"failed"`, `"job":{"id":"` + string(id)} {
		if !strings.Contains(string(r.body), want) {
			t.Errorf("dead letter lacks %s: %s", want, r.body)
		}
	}
}

func TestAnETagSavesTheBody(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	path := "/v1/jobs/" + string(a.submit(plainJob))
	tag := a.get(path).header.Get("Etag")
	for _, known := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
		r := a.do(request{method: http.MethodGet, path: path, header: http.Header{"If-None-Match": {known}}})
		if r.status != http.StatusNotModified || len(r.body) != 0 || r.header.Get("Etag") != tag {
			t.Errorf("If-None-Match %s: %d, %q", known, r.status, r.body)
		}
	}
	a.lend()
	r := a.do(request{method: http.MethodGet, path: path, header: http.Header{"If-None-Match": {tag}}})
	if r.status != http.StatusOK || r.header.Get("Etag") == tag {
		t.Errorf("after a change: %d, %s", r.status, r.header.Get("Etag"))
	}
}

func TestALongPollAnswersWhenTheJobHasSettled(t *testing.T) {
	t.Parallel()
	for name, deaf := range map[string]bool{"told": false, "not told": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			id := a.submit(plainJob)
			done := make(chan answer)
			go func() { done <- a.get("/v1/jobs/" + string(id) + "?wait=30") }()
			eventually(t, "the request waits", func() bool { return a.watch.watchers(id) == 1 })
			if deaf {
				a.watch.mu.Lock()
				a.watch.waiting[id] = nil
				a.watch.mu.Unlock()
			}
			a.settle(a.lend(), review())
			if r := <-done; r.text(t, "state") != "in_review" {
				t.Errorf("%s", r.body)
			}
		})
	}
}

func TestALongPollWithAnETagAnswersAtTheNextChange(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.submit(plainJob)
	path := "/v1/jobs/" + string(id)
	header := http.Header{"If-None-Match": {a.get(path).header.Get("Etag")}}
	done := make(chan answer)
	go func() { done <- a.do(request{method: http.MethodGet, path: path + "?wait=30", header: header}) }()
	eventually(t, "the request waits", func() bool { return a.watch.watchers(id) == 1 })
	a.lend()
	if r := <-done; r.status != http.StatusOK || r.text(t, "state") != "running" {
		t.Errorf("%d %s", r.status, r.body)
	}
	r := a.do(request{method: http.MethodGet, path: path + "?wait=1", header: http.Header{"If-None-Match": {a.get(path).header.Get("Etag")}}})
	if r.status != http.StatusNotModified {
		t.Errorf("without a change: %d %s", r.status, r.body)
	}
}

func TestOneWaiterTooManyIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(s *setup) { s.cfg.MaxWaiters = 1 })
	id := a.submit(plainJob)
	done := make(chan answer)
	go func() { done <- a.get("/v1/jobs/" + string(id) + "?wait=30") }()
	eventually(t, "the request waits", func() bool { return a.watch.watchers(id) == 1 })
	if r := a.get("/v1/jobs/" + string(id) + "?wait=30"); r.status != http.StatusOK || r.text(t, "state") != "queued" {
		t.Errorf("%d %s", r.status, r.body)
	}
	a.settle(a.lend(), success())
	<-done
	other := a.submit(plainJob)
	go func() { done <- a.get("/v1/jobs/" + string(other) + "?wait=30") }()
	eventually(t, "the next request waits", func() bool { return a.watch.watchers(other) == 1 })
	a.settle(a.lend(), success())
	<-done
}

func TestAClientThatGoesAwayEndsItsWait(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.submit(plainJob)
	conn := a.dial()
	conn.send("GET /v1/jobs/" + string(id) + "?wait=30 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + acmeKey + "\r\n\r\n")
	eventually(t, "the request waits", func() bool { return a.watch.watchers(id) == 1 })
	conn.close()
	eventually(t, "the wait ends", func() bool { return a.watch.watchers(id) == 0 })
}
