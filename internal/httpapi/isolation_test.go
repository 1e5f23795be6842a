package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// operations are the operations of /openapi.json as "METHOD path".
func (a *api) operations() []string {
	a.t.Helper()
	var spec struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(a.get("/openapi.json").body, &spec); err != nil {
		a.t.Fatal(err)
	}
	var all []string
	for path, item := range spec.Paths {
		for method := range item {
			all = append(all, strings.ToUpper(method)+" "+path)
		}
	}
	return all
}

func TestATenantSeesNothingOfAnother(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	made := map[string]jobs.ID{}
	for name, state := range map[string]func() jobs.ID{
		"queued": func() jobs.ID { return a.submit(secretJob, "Idempotency-Key", canary) }, "failed": a.secretly(failure()),
		"reviewed": a.secretly(review()), "succeeded": a.secretly(success()),
	} {
		made[name] = state()
	}
	before := map[jobs.ID]int64{}
	for _, id := range made {
		before[id] = a.job(id).Version
	}
	bodies := map[string]string{"complete": `{"data":{"number":"1"}}`, "draft": `{"draft":{}}`, "move": `{"lane":"batch"}`}
	tried := 0
	for _, op := range a.operations() {
		method, path, _ := strings.Cut(op, " ")
		if !strings.Contains(path, "{id}") {
			continue
		}
		for name, id := range made {
			tried++
			r := request{method: method, path: strings.Replace(path, "{id}", string(id), 1), key: otherKey}
			if method == http.MethodPost {
				r.media, r.body = "application/json", strings.NewReader(bodies[path[strings.LastIndex(path, "/")+1:]])
			}
			got := a.do(r)
			nothing := a.do(request{method: method, path: strings.Replace(path, "{id}", "job_none", 1), key: otherKey, media: r.media, body: strings.NewReader(bodies[path[strings.LastIndex(path, "/")+1:]])})
			if got.status != http.StatusNotFound || nothing.status != http.StatusNotFound || problemText(t, got) != problemText(t, nothing) {
				t.Errorf("%s of a %s job of another tenant: %d %s, and of none: %d %s", op, name, got.status, got.body, nothing.status, nothing.body)
			}
		}
	}
	if tried < 20*len(made) {
		t.Errorf("only %d combinations were tried", tried)
	}
	for id, version := range before {
		if got := a.job(id).Version; got != version {
			t.Errorf("another tenant changed job %s", id)
		}
	}
	for _, path := range []string{"/v1/jobs", "/v1/dlq", "/v1/dlq?state=in_review", "/v1/jobs?tenant=other", "/v1/jobs?label.secret=" + canary} {
		r := a.get(path, otherKey)
		if r.status != http.StatusOK || r.text(t, "has_more") != "false" || len(r.json(t)["data"].([]any)) != 0 || leaks(r) {
			t.Errorf("%s shows another tenant's jobs: %s", path, r.body)
		}
	}
	// A cursor of one tenant shows the other nothing.
	cursor := a.get("/v1/jobs?limit=1").text(t, "next_cursor")
	if r := a.get("/v1/jobs?cursor="+cursor, otherKey); len(r.json(t)["data"].([]any)) != 0 {
		t.Errorf("a cursor shows another tenant's jobs: %s", r.body)
	}
}

const secretJob = `{"document":{"text":"` + canary + `"},"schema":"invoice","labels":{"secret":"` + canary + `"}}`

// secretly makes a job that ended in one way.
func (a *api) secretly(o jobs.Outcome) func() jobs.ID {
	return func() jobs.ID {
		a.submit(secretJob)
		l := a.lend()
		a.settle(l, o)
		return l.Job.ID
	}
}

// problemText is a problem without its request id.
func problemText(t *testing.T, r answer) string {
	t.Helper()
	v := r.json(t)
	delete(v, "request_id")
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAnOperatorSeesAndCommandsAllTenants(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.failed()
	if r := a.get("/v1/dlq/"+string(id), operatorKey); r.status != http.StatusOK || r.text(t, "job.tenant") != "acme" {
		t.Errorf("read: %d %s", r.status, r.body)
	}
	r := a.do(request{method: http.MethodPost, path: "/v1/jobs/" + string(id) + "/requeue", key: operatorKey})
	if r.status != http.StatusAccepted || r.text(t, "tenant") != "acme" {
		t.Errorf("requeue: %d %s", r.status, r.body)
	}
	events, err := a.engine.History(t.Context(), "", id, 3)
	if err != nil || len(events) != 1 || events[0].Actor != "ops/ops1" {
		t.Errorf("history %+v, error %v", events, err)
	}
}

func TestNoRouteOfJobsIsOpen(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	open := map[string]bool{"GET /livez": true, "GET /readyz": true, "GET /version": true, "GET /openapi.json": true}
	for _, op := range a.operations() {
		method, path, _ := strings.Cut(op, " ")
		r := a.do(request{method: method, path: strings.Replace(path, "{id}", "x", 1), key: "none"})
		if want := http.StatusUnauthorized; open[op] {
			if r.status != http.StatusOK {
				t.Errorf("%s without a key: %d", op, r.status)
			}
		} else if r.status != want || r.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s without a key: %d %v", op, r.status, r.header)
		}
	}
}

func TestTenantHeadersMeanNothing(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := a.post("/v1/jobs", plainJob, "X-Tenant", "other", "X-Forwarded-For", "10.0.0.1", "X-Request-Id", canary)
	if r.status != http.StatusAccepted || r.text(t, "tenant") != "acme" || leaks(r) {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
}
