package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// ended waits until an operation has ended, and reads it.
func (a *api) ended(path string, key ...string) answer {
	a.t.Helper()
	var r answer
	eventually(a.t, "the end of "+path, func() bool {
		r = a.get(path, key...)
		state := r.text(a.t, "state")
		return state == "succeeded" || state == "failed" || state == "cancelled"
	})
	return r
}

// audited is the job and result of each row, in pages of two.
func (a *api) audited(path string, key ...string) []string {
	a.t.Helper()
	rows := []string{}
	for cursor := ""; ; {
		r := a.get(path+"/audit?limit=2"+cursor, key...)
		var page struct {
			Operation, Action, By string
			Data                  []struct{ Job, Result, Why, State string }
			NextCursor            string `json:"next_cursor"`
			HasMore               bool   `json:"has_more"`
		}
		if err := json.Unmarshal(r.body, &page); err != nil || page.NextCursor == "" || page.By == "" || page.Action == "" || !strings.HasSuffix(path, page.Operation) {
			a.t.Fatalf("%d %s", r.status, r.body)
		}
		for _, row := range page.Data {
			rows = append(rows, strings.TrimSpace(strings.TrimPrefix(row.Job, "job_00000")+" "+row.Result+" "+row.State+row.Why))
		}
		if cursor = "&cursor=" + page.NextCursor; !page.HasMore {
			return rows
		}
	}
}

func TestAnOperationRequeuesWhatAFilterSelects(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for range 3 {
		a.failed()
	}
	a.submit(plainJob)
	a.settle(a.lend(), jobs.Outcome{Kind: jobs.Fail, Tier: 1, Failure: &jobs.Failure{Class: "rate", Reason: "x"}})
	body := `{"action":"requeue","filter":{"class":["corrupt"],"tenant":"acme"},"reason":"INC-42","lane":"batch","deadline":"2h","rate":1000,"max":10,
		"stop_if":{"failure_rate":0.5,"window":10},"dry_run":true}`
	r := a.post("/v1/operations", body)
	r.want(t, http.StatusCreated, "object", "operation", "state", "draft", "action", "requeue", "by", "acme/acme1", "tenant", "acme", "reason", "INC-42",
		"lane", "batch", "deadline", "2h0m0s", "rate", "1000", "max", "10", "stop_if.failure_rate", "0.5", "filter.state", "[failed expired]",
		"filter.class", "[corrupt]", "filter.tenant", "acme", "selection.matched", "3", "selection.selected", "3", "selection.limited", "false",
		"selection.by.class.corrupt", "3", "counts.total", "3", "counts.done", "0", "driver", "", "why", "")
	path := "/v1/operations/" + r.text(t, "id")
	if r.header.Get("Location") != path || r.text(t, "links.self") != path || r.text(t, "expires_at") == "" {
		t.Errorf("%v %s", r.header, r.body)
	}
	if got := a.audited(path); len(got) != 0 {
		t.Errorf("rows of a draft: %v", got)
	}
	for _, verb := range []string{"pause", "resume"} {
		r := a.post(path+"/"+verb, "")
		if r.status != http.StatusConflict || r.text(t, "code") != "operation_conflict" || r.text(t, "detail") != "The operation is draft." {
			t.Errorf("%s of a draft: %d %s", verb, r.status, r.body)
		}
	}
	a.post(path+"/start", "{}").want(t, http.StatusOK, "state_by", "acme/acme1")
	a.ended(path).want(t, http.StatusOK, "state", "succeeded", "counts.applied", "3", "counts.done", "3", "counts.failed", "0")
	if diff := cmp.Diff([]string{"3 applied queued", "2 applied queued", "1 applied queued"}, a.audited(path)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if j := a.job("job_000001"); j.State != jobs.Queued || j.Lane != jobs.Batch || j.Generation != 2 {
		t.Errorf("job %+v", j)
	}
	a.post(path+"/cancel", "").want(t, http.StatusConflict, "code", "operation_conflict")
	a.get(path+"/audit?limit=1000").want(t, http.StatusOK, "has_more", "false")
}

func TestAnOperationRunsAtOnceUnlessItIsADryRun(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for range 3 {
		a.submit(plainJob)
	}
	l := a.lend()
	r := a.post("/v1/operations", `{"action":"cancel","filter":{"state":["queued","running"]}}`)
	if r.status != http.StatusAccepted || r.text(t, "selection.selected") != "3" || r.text(t, "started_at") == "" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	path := "/v1/operations/" + r.text(t, "id")
	a.ended(path).want(t, http.StatusOK, "state", "succeeded", "counts.applied", "3")
	if diff := cmp.Diff([]string{"3 applied cancelled", "2 applied cancelled", "1 applied running"}, a.audited(path)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	a.cancels.mu.Lock()
	defer a.cancels.mu.Unlock()
	if diff := cmp.Diff([]jobs.ID{l.Job.ID}, a.cancels.asked); diff != "" {
		t.Errorf("workers told to stop (-want +got):\n%s", diff)
	}
}

func TestOperationsPauseAndList(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for range 5 {
		a.failed()
	}
	make1 := func(body string) string {
		t.Helper()
		return "/v1/operations/" + a.post("/v1/operations", body).text(t, "id")
	}
	slow := make1(`{"action":"requeue","filter":{},"rate":0.01}`)
	eventually(t, "the first job", func() bool { return a.get(slow).text(t, "counts.applied") == "1" })
	a.post(slow+"/pause", "").want(t, http.StatusOK, "state", "paused")
	a.post(slow+"/pause", "").want(t, http.StatusOK, "state", "paused")
	a.post(slow+"/start", "").want(t, http.StatusConflict, "code", "operation_conflict")
	a.post(slow+"/resume", "").want(t, http.StatusOK, "state", "running")
	a.post(slow+"/cancel", "").want(t, http.StatusOK, "state", "cancelled")
	if a.get(slow).text(t, "ended_at") == "" {
		t.Error("a cancelled operation has no end")
	}
	draft := make1(`{"action":"erase","filter":{"state":["failed"]},"dry_run":true}`)
	list := func(path string, key ...string) (ids []string) {
		t.Helper()
		for cursor := ""; ; {
			r := a.get(path+cursor, key...)
			var page struct {
				Data       []struct{ ID string }
				NextCursor string `json:"next_cursor"`
				HasMore    bool   `json:"has_more"`
			}
			if err := json.Unmarshal(r.body, &page); err != nil || page.Data == nil || len(ids) > 9 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			for _, op := range page.Data {
				ids = append(ids, "/v1/operations/"+op.ID)
			}
			if cursor = "&cursor=" + page.NextCursor; !page.HasMore {
				return ids
			}
		}
	}
	r := a.do(request{method: "POST", path: "/v1/operations", key: operatorKey, media: "application/json",
		body: strings.NewReader(`{"action":"requeue","filter":{"tenant":"acme"},"dry_run":true}`)})
	r.want(t, http.StatusCreated, "tenant", "", "filter.tenant", "acme", "selection.selected", "4")
	theirs := "/v1/operations/" + r.text(t, "id")
	for _, tc := range []struct {
		path, key string
		want      []string
	}{
		{"/v1/operations?limit=1", acmeKey, []string{draft, slow}}, {"/v1/operations?limit=1", operatorKey, []string{theirs, draft, slow}},
		{"/v1/operations?limit=1", otherKey, nil}, {"/v1/operations?state=draft&limit=1", acmeKey, []string{draft}},
		{"/v1/operations?state=cancelled&limit=1", operatorKey, []string{slow}}, {"/v1/operations?state=running&limit=1", acmeKey, nil},
	} {
		if diff := cmp.Diff(tc.want, list(tc.path, tc.key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.path, diff)
		}
	}
}

func TestOperationsOfAnotherTenantAreNotThere(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.secretly(failure())()
	ids := map[string]string{
		"acme's":      a.post("/v1/operations", `{"action":"requeue","filter":{"labels":{"secret":"`+canary+`"}},"reason":"`+canary+`","dry_run":true}`).text(t, "id"),
		"operators'":  a.asOperator("POST", "/v1/operations", `{"action":"requeue","filter":{},"dry_run":true}`).text(t, "id"),
		"of nobody":   "op_none",
		"that is bad": "a%20b",
	}
	tried := 0
	for _, op := range a.operations() {
		method, path, _ := strings.Cut(op, " ")
		if !strings.HasPrefix(path, "/v1/operations/") {
			continue
		}
		for name, id := range ids {
			tried++
			r := a.do(request{method: method, path: strings.Replace(path, "{id}", id, 1), key: otherKey})
			if r.status != http.StatusNotFound || r.text(t, "code") != "operation_not_found" || leaks(r) {
				t.Errorf("%s of an operation %s: %d %s", op, name, r.status, r.body)
			}
		}
	}
	if tried != 6*len(ids) {
		t.Errorf("%d combinations were tried", tried)
	}
	for name, id := range ids {
		if name == "acme's" || name == "operators'" {
			a.asOperator("GET", "/v1/operations/"+id, "").want(t, http.StatusOK, "state", "draft", "version", "2")
		}
	}
	// An operation of a tenant is about its own jobs whatever its filter says.
	r := a.do(request{method: "POST", path: "/v1/operations", key: otherKey, media: "application/json", body: strings.NewReader(`{"action":"requeue","filter":{},"dry_run":true}`)})
	r.want(t, http.StatusCreated, "selection.matched", "0", "filter.tenant", "other")
}

func TestBadInputAboutOperationsIsRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.failed()
	invalid := func(members, at string) bad {
		body := `{"action":"requeue","filter":{},` + members + `}`
		return bad{name: members[:min(len(members), 70)], path: "/v1/operations", body: body, status: 422, code: "invalid_request", at: at}
	}
	whole := func(body string, status int, code, at string) bad {
		return bad{name: body[:min(len(body), 70)], path: "/v1/operations", body: body, status: status, code: code, at: at}
	}
	get := func(path string, status int, code, at string) bad {
		return bad{name: path, method: http.MethodGet, path: path, status: status, code: code, at: at}
	}
	draft := a.post("/v1/operations", `{"action":"requeue","filter":{},"dry_run":true}`).text(t, "id")
	rows := []bad{
		whole(canary, 400, "malformed_json", ""), whole("", 422, "invalid_request", "/action"), whole("{}", 422, "invalid_request", "/action"),
		whole(`{"action":"requeue"}`, 422, "invalid_request", "/filter"), whole(`{"filter":{}}`, 422, "invalid_request", "/action"),
		whole(`{"action":"complete","filter":{}}`, 422, "invalid_request", "/action"), whole(`{"action":"`+canary+`","filter":{}}`, 422, "invalid_request", "/action"),
		whole(`{"action":null,"filter":{}}`, 422, "invalid_request", "/action"), whole(`{"action":"requeue","filter":null}`, 422, "invalid_request", "/filter"),
		whole(`{"action":"requeue","filter":{},"filter":{}}`, 400, "malformed_json", ""),
		whole(`{"action":"requeue","filter":{"class":["a"],"class":[]}}`, 400, "malformed_json", "/filter"),
		whole(`{"action":"cancel","filter":{}}`, 422, "invalid_request", "/filter/state"), whole(`{"action":"erase","filter":{"state":[]}}`, 422, "invalid_request", "/filter/state"),
		whole(`{"action":"move","filter":{}}`, 422, "invalid_request", "/lane"), whole(`{"action":"reject","filter":{},"lane":"batch"}`, 422, "invalid_request", "/lane"),
		whole(`{"action":"move","filter":{},"lane":"batch","deadline":"1h"}`, 422, "invalid_request", "/deadline"),
		whole(`{"action":"move","filter":{},"lane":"critical"}`, 403, "lane_not_allowed", "/lane"),
		whole(`{"action":"requeue","filter":{"tenant":"other"}}`, 403, "operator_only", "/filter/tenant"),
		invalid(`"`+canary+`":1`, ""), invalid(`"ids":["job_1"]`, ""), invalid(`"rate":0`, "/rate"), invalid(`"rate":"20/s"`, "/rate"), invalid(`"rate":10001`, "/rate"),
		invalid(`"rate":1e999`, "/rate"), invalid(`"max":0`, "/max"), invalid(`"max":1000001`, "/max"), invalid(`"max":1.5`, "/max"),
		invalid(`"stop_if":0.3`, "/stop_if"), invalid(`"stop_if":{}`, "/stop_if/failure_rate"), invalid(`"stop_if":{"window":5}`, "/stop_if/failure_rate"),
		invalid(`"stop_if":{"failure_rate":1.1}`, "/stop_if/failure_rate"), invalid(`"stop_if":{"failure_rate":0.5,"window":1001}`, "/stop_if/window"),
		invalid(`"stop_if":{"failure_rate":0.5,"`+canary+`":1}`, "/stop_if"),
		invalid(`"reason":"`+repeated("a", 513)+`"`, "/reason"), invalid(`"lane":"`+canary+`"`, "/lane"), invalid(`"deadline":"1ms"`, "/deadline"),
		invalid(`"dry_run":"no"`, "/dry_run"),
		get("/v1/operations?state="+canary, 422, "invalid_parameter", "state"), get("/v1/operations?limit=201", 422, "invalid_parameter", "limit"),
		get("/v1/operations?cursor=dDE6YWNtZQ", 422, "invalid_parameter", "cursor"), // of tenants
		get("/v1/operations?"+canary+"=1", 422, "invalid_parameter", "-"),
		get("/v1/operations/"+draft+"?wait=1", 422, "invalid_parameter", "-"),
		get("/v1/operations/"+draft+"/audit?limit=1001", 422, "invalid_parameter", "limit"), get("/v1/operations/"+draft+"/audit?limit="+canary, 422, "invalid_parameter", "limit"),
		get("/v1/operations/"+draft+"/audit?cursor="+canary, 422, "invalid_parameter", "cursor"),
		get("/v1/operations/"+draft+"/audit?cursor=YTE6LTE", 422, "invalid_parameter", "cursor"), // a1:-1
		{name: "start with a member", path: "/v1/operations/" + draft + "/start", body: `{"` + canary + `":1}`, status: 422, code: "invalid_request", at: ""},
		{name: "start as a form", path: "/v1/operations/" + draft + "/start", media: "application/x-www-form-urlencoded", body: canary, status: 415, code: "unsupported_media_type", at: "-"},
		{name: "an unknown verb", path: "/v1/operations/" + draft + "/undo", body: `{}`, status: 404, code: "route_not_found", at: "-"},
	}
	for name, values := range map[string]string{
		"state": `"failed"|["` + canary + `"]|[1]|[` + repeated(`"failed",`, 16) + `"failed"]`, "tenant": `1|"a b"`, "lane": `["` + canary + `"]|"batch"`, "schema": `1|"` + repeated("a", 600) + `"`,
		"tier": `0|5|"1"`, "class": `["a b"]|"rate"`, "provider": `[]`, "reason": `["a b ` + canary + `"]`, "batch": `"a b"|""`, "labels": `[]|{"a":1}`,
		"accepted_after": `"2h"|1`, "accepted_before": `"` + canary + `"`, "updated_after": `null`, "updated_before": `{}`, canary: `1`, "ids": `["a"]`,
	} {
		for i, value := range strings.Split(values, "|") {
			at := "/filter/" + name
			if name == canary || name == "ids" {
				at = "/filter"
			}
			r := whole(fmt.Sprintf(`{"action":"requeue","filter":{"%s":%s}}`, name, value), 422, "invalid_request", at)
			r.name = fmt.Sprintf("filter %s %d", name, i)
			rows = append(rows, r)
		}
	}
	for _, r := range rows {
		checkRefused(t, a, r)
	}
	if all := a.get("/v1/operations").json(t)["data"].([]any); len(all) != 1 {
		t.Errorf("%d operations were made", len(all)-1)
	}
	if got := a.job("job_000001").Version; got != 3 {
		t.Errorf("a job was changed: version %d", got)
	}
}

func TestFiltersOfOperationsSelectAsListsDo(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.submit(job(`"labels":{"source":"mail"},"lane":"batch"`))
	a.settle(a.lend(), failure())
	a.failed()
	for filter, want := range map[string]string{
		`{}`: "2", `{"labels":{"source":"mail"}}`: "1", `{"lane":["batch","standard"]}`: "2", `{"lane":["batch"]}`: "1", `{"schema":"invoice@1"}`: "2", `{"schema":"x"}`: "0",
		`{"tier":1}`: "2", `{"tier":2}`: "0", `{"class":["corrupt","rate"]}`: "2", `{"provider":"near"}`: "2", `{"provider":"far"}`: "0", `{"state":["expired"]}`: "0",
		`{"accepted_after":"2099-01-01T00:00:00Z"}`: "0", `{"accepted_before":"2099-01-01T00:00:00Z"}`: "2", `{"updated_after":"2099-01-01T00:00:00Z"}`: "0",
		`{"updated_before":"2020-01-01T00:00:00+01:00"}`: "0", `{"batch":"b"}`: "0", `{"reason":["x"]}`: "0", `{"tenant":"acme"}`: "2",
	} {
		r := a.post("/v1/operations", `{"action":"requeue","dry_run":true,"filter":`+filter+`}`)
		if r.status != http.StatusCreated || r.text(t, "selection.matched") != want {
			t.Errorf("%s: %d, selects %s, want %s: %s", filter, r.status, r.text(t, "selection.matched"), want, r.body)
		}
	}
}

func TestWhatOperatorsReadFitsTheDescription(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.failed()
	a.asOperator("POST", "/v1/admin/tenants/acme/pause", `{"for":"1h"}`)
	a.asOperator("PATCH", "/v1/admin/tenants/acme", `{"cost_usd_per_day":0.000001}`)
	op := a.asOperator("POST", "/v1/operations", `{"action":"requeue","filter":{},"lane":"batch","stop_if":{"failure_rate":1}}`).text(t, "id")
	a.ended("/v1/operations/"+op, operatorKey)
	for path, route := range map[string]string{
		"/v1/admin/tenants": "/v1/admin/tenants", "/v1/admin/tenants/acme": "/v1/admin/tenants/{tenant}", "/v1/dlq/groups": "/v1/dlq/groups",
		"/v1/dlq/count": "/v1/dlq/count", "/v1/operations": "/v1/operations", "/v1/operations/" + op: "/v1/operations/{id}", "/v1/operations/" + op + "/audit": "/v1/operations/{id}/audit",
	} {
		pointer := "/paths/" + strings.ReplaceAll(route, "/", "~1") + "/get/responses/200/content/application~1json/schema"
		if err := fits(t, shape(t, a, pointer), a.get(path, operatorKey).body); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestTheDescriptionOfOperatorsRequestsAgreesWithTheDecoder sends what the
// description takes, and what both refuse.
func TestTheDescriptionOfOperatorsRequestsAgreesWithTheDecoder(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const operation = `{"action":"requeue","filter":{"state":["failed"],"lane":["batch"],"class":["rate"],"reason":["x"],"tenant":"acme","schema":"s","provider":"p","batch":"b","tier":1,
		"labels":{"a":"b"},"accepted_after":"2026-01-01T00:00:00Z","accepted_before":"2026-01-01T00:00:00Z","updated_after":"2026-01-01T00:00:00Z","updated_before":"2026-01-01T00:00:00Z"},
		"dry_run":true,"rate":20,"max":500,"stop_if":{"failure_rate":0.3,"window":50},"reason":"r","lane":"batch","deadline":"1h"}`
	const limits = `"weight":2,"max_running":3,"max_queued":4,"lanes":["batch"],"requests_per_second":0.5,"requests_burst":1,"bytes_per_second":1,"bytes_burst":1,"cost_usd_per_day":0.5`
	for _, tc := range []struct {
		method, path, route string
		good                string
		bad                 []string
	}{
		{"POST", "/v1/operations", "/v1/operations", operation, []string{`{"action":"requeue"}`, `{"action":"x","filter":{}}`, `{"action":"requeue","filter":{"x":1}}`, `{"action":"requeue","filter":{},"rate":0}`, `{"action":"requeue","filter":{},"stop_if":{}}`}},
		{"POST", "/v1/admin/tenants", "/v1/admin/tenants", `{"name":"new",` + limits + `}`, []string{`{}`, `{"name":"a b"}`, `{"name":"b","weight":0}`, `{"name":"b","version":1}`}},
		{"PATCH", "/v1/admin/tenants/acme", "/v1/admin/tenants/{tenant}", `{"version":1,` + limits + `}`, []string{`{"name":"a"}`, `{"lanes":["batch","batch"]}`, `{"max_queued":-1}`}},
		{"POST", "/v1/admin/tenants/acme/pause", "/v1/admin/tenants/{tenant}/pause", `{"version":2,"reason":"r","for":"1h","refuse_intake":true}`, []string{`{"x":1}`, `{"refuse_intake":1}`}},
		{"POST", "/v1/admin/tenants/acme/resume", "/v1/admin/tenants/{tenant}/resume", `{"version":3}`, []string{`{"reason":"x"}`, `{"version":0}`}},
	} {
		s := shape(t, a, "/paths/"+strings.ReplaceAll(tc.route, "/", "~1")+"/"+strings.ToLower(tc.method)+"/requestBody/content/application~1json/schema")
		if r := a.asOperator(tc.method, tc.path, tc.good); r.status/100 != 2 {
			t.Errorf("%s %s: the decoder refuses %s: %s", tc.method, tc.path, tc.good, r.body)
		}
		if err := fits(t, s, []byte(tc.good)); err != nil {
			t.Errorf("%s %s: the description refuses %s: %v", tc.method, tc.path, tc.good, err)
		}
		for _, body := range tc.bad {
			if r := a.asOperator(tc.method, tc.path, body); r.status != http.StatusUnprocessableEntity {
				t.Errorf("%s %s: the decoder takes %s: %d", tc.method, tc.path, body, r.status)
			}
			if fits(t, s, []byte(body)) == nil {
				t.Errorf("%s %s: the description takes %s", tc.method, tc.path, body)
			}
		}
	}
}
