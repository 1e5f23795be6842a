package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// send sends JSON with a key.
func (a *api) asOperator(method, path, body string) answer {
	a.t.Helper()
	r := request{method: method, path: path, key: operatorKey}
	if body != "" {
		r.body, r.media = strings.NewReader(body), "application/json"
	}
	return a.do(r)
}

// want wants a status and members of an answer, by path and text.
func (r answer) want(t *testing.T, status int, members ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("status %d, want %d: %s", r.status, status, r.body)
		return
	}
	for i := 0; i < len(members); i += 2 {
		if got := r.text(t, members[i]); got != members[i+1] {
			t.Errorf("%s is %q, want %q: %s", members[i], got, members[i+1], r.body)
		}
	}
}

func TestTenantsAreManagedByOperators(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const path = "/v1/admin/tenants/new"
	r := a.asOperator("POST", "/v1/admin/tenants", `{"name":"new","weight":5,"max_queued":7,"lanes":["batch","standard"],"requests_per_second":0.5,
		"requests_burst":3,"bytes_per_second":1000000,"bytes_burst":2000000,"cost_usd_per_day":12.345678,"max_running":4}`)
	r.want(t, http.StatusCreated, "name", "new", "object", "tenant", "version", "1", "weight", "5", "edited", "true", "updated_by", "ops/ops1", "cost_usd_per_day", "12.345678", "spent_usd_today", "0")
	if r.header.Get("Location") != path {
		t.Errorf("Location is %q", r.header.Get("Location"))
	}
	a.asOperator("POST", "/v1/admin/tenants", `{"name":"new"}`).want(t, http.StatusConflict, "code", "tenant_conflict")
	// What is not given stays.
	r = a.asOperator("PATCH", path, `{"max_queued":0,"lanes":[],"cost_usd_per_day":3,"version":1}`)
	r.want(t, http.StatusOK, "version", "2", "weight", "5", "max_queued", "0", "lanes", "[]", "cost_usd_per_day", "3", "requests_per_second", "0.5", "bytes_burst", "2e+06", "max_running", "4")
	a.asOperator("PATCH", path, `{"weight":6,"version":1}`).want(t, http.StatusConflict, "code", "tenant_conflict")
	a.asOperator("PATCH", path, "").want(t, http.StatusOK, "version", "2")
	got := a.asOperator("GET", path, "")
	if diff := cmp.Diff(r.json(t), got.json(t)); diff != "" {
		t.Errorf("read again (-edited +read):\n%s", diff)
	}
	a.asOperator("POST", path+"/reset", "").want(t, http.StatusConflict, "code", "tenant_conflict")
	a.asOperator("POST", path+"/pause", `{"reason":"INC-42","for":"2h","refuse_intake":true}`).
		want(t, http.StatusOK, "pause.reason", "INC-42", "pause.refuse_intake", "true", "pause.by", "ops/ops1", "version", "3")
	if left := time.Until(a.pauseEnd(path)); left < 119*time.Minute || left > 2*time.Hour {
		t.Errorf("the pause ends in %s", left)
	}
	a.asOperator("POST", path+"/resume", `{"version":2}`).want(t, http.StatusConflict)
	a.asOperator("POST", path+"/resume", `{"version":3}`).want(t, http.StatusOK, "pause", "", "version", "4")
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	a.asOperator("POST", path+"/pause", `{"until":"`+until+`"}`).want(t, http.StatusOK, "pause.until", until, "pause.refuse_intake", "false")
	a.asOperator("DELETE", path, "").want(t, http.StatusNoContent)
	a.asOperator("GET", path, "").want(t, http.StatusNotFound, "code", "tenant_not_found")
	a.asOperator("DELETE", path, "").want(t, http.StatusNotFound, "code", "tenant_not_found")
	a.asOperator("DELETE", "/v1/admin/tenants/acme", "").want(t, http.StatusConflict, "code", "tenant_conflict")
	// One that the configuration names goes back to it.
	a.asOperator("PATCH", "/v1/admin/tenants/acme", `{"weight":9,"lanes":["critical"]}`).want(t, http.StatusOK, "edited", "true")
	a.asOperator("POST", "/v1/admin/tenants/acme/reset", "{}").want(t, http.StatusOK, "edited", "false", "weight", "1", "lanes", "[interactive standard batch]")
}

func (a *api) pauseEnd(path string) time.Time {
	a.t.Helper()
	end, err := time.Parse(time.RFC3339, a.asOperator("GET", path, "").text(a.t, "pause.until"))
	if err != nil {
		a.t.Fatal(err)
	}
	return end
}

func TestTenantsPage(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	var names []string
	for path := "/v1/admin/tenants?limit=2"; ; {
		r := a.get(path, operatorKey)
		var page struct {
			Data []struct {
				Name       string           `json:"name"`
				SpentToday *json.RawMessage `json:"spent_usd_today"`
			} `json:"data"`
			NextCursor string `json:"next_cursor"`
			HasMore    bool   `json:"has_more"`
		}
		if err := json.Unmarshal(r.body, &page); err != nil || len(names) > 3 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		for _, v := range page.Data {
			names = append(names, v.Name)
			if v.SpentToday != nil {
				t.Error("a listed tenant costs a question about money")
			}
		}
		if path = "/v1/admin/tenants?limit=2&cursor=" + page.NextCursor; !page.HasMore {
			break
		}
	}
	if diff := cmp.Diff([]string{"acme", "ops", "other"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyOperatorsManageTenants(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	before := string(a.asOperator("GET", "/v1/admin/tenants", "").body)
	tried := 0
	for _, op := range a.operations() {
		method, path, _ := strings.Cut(op, " ")
		if !strings.HasPrefix(path, "/v1/admin/") {
			continue
		}
		tried++
		for _, name := range []string{"acme", "other", "nobody"} {
			r := a.do(request{
				method: method, path: strings.Replace(path, "{tenant}", name, 1), key: acmeKey, body: strings.NewReader(`{"weight":1000}`), media: "application/json",
			})
			if r.status != http.StatusForbidden || r.text(t, "code") != "operator_only" {
				t.Errorf("%s of %s: %d %s", op, name, r.status, r.body)
			}
		}
	}
	if tried != 8 {
		t.Errorf("%d routes were tried", tried)
	}
	if after := string(a.asOperator("GET", "/v1/admin/tenants", "").body); after != before {
		t.Errorf("something was changed: %s", after)
	}
}

func TestBadInputAboutTenantsIsRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const acme = "/v1/admin/tenants/acme"
	row := func(method, path, body string, status int, code, at string) bad {
		return bad{name: method + " " + path + " " + body[:min(len(body), 60)], method: method, path: path, body: body, key: operatorKey, status: status, code: code, at: at}
	}
	invalid := func(body, at string) bad { return row("PATCH", acme, body, 422, "invalid_request", at) }
	for _, r := range []bad{
		row("PATCH", acme, canary, 400, "malformed_json", ""),
		row("PATCH", acme, `{"weight":1,"weight":2}`, 400, "malformed_json", ""),
		row("PATCH", acme, `{"lanes":["batch","batch",]}`, 400, "malformed_json", "/lanes"),
		invalid(`["`+canary+`"]`, ""), invalid(`{"`+canary+`":1}`, ""), invalid(`{"name":"other"}`, ""), invalid(`{"operator":true}`, ""),
		invalid(`{"key_sha256":"a"}`, ""),
		invalid(`{"weight":0}`, "/weight"), invalid(`{"weight":1001}`, "/weight"), invalid(`{"weight":1.5}`, "/weight"), invalid(`{"weight":"1"}`, "/weight"),
		invalid(`{"weight":null}`, "/weight"),
		invalid(`{"max_running":-1}`, "/max_running"), invalid(`{"max_queued":99999999999999999999}`, "/max_queued"),
		invalid(`{"lanes":"batch"}`, "/lanes"), invalid(`{"lanes":["`+canary+`"]}`, "/lanes"), invalid(`{"lanes":["batch","batch"]}`, "/lanes"),
		invalid(`{"lanes":[`+repeated(`"batch",`, 20)+`"batch"]}`, "/lanes"), invalid(`{"lanes":[1]}`, "/lanes"),
		invalid(`{"requests_per_second":-1}`, "/requests_per_second"), invalid(`{"requests_per_second":1e300}`, "/requests_per_second"),
		invalid(`{"requests_per_second":0.0001}`, "/requests_per_second"), invalid(`{"requests_per_second":"10/s"}`, "/requests_per_second"),
		invalid(`{"requests_burst":-1}`, "/requests_burst"), invalid(`{"bytes_per_second":1.5}`, "/bytes_per_second"), invalid(`{"bytes_burst":-5}`, "/bytes_burst"),
		invalid(`{"cost_usd_per_day":-1}`, "/cost_usd_per_day"), invalid(`{"cost_usd_per_day":1e3}`, "/cost_usd_per_day"),
		invalid(`{"cost_usd_per_day":0.0000001}`, "/cost_usd_per_day"), invalid(`{"cost_usd_per_day":10000001}`, "/cost_usd_per_day"),
		invalid(`{"version":0}`, "/version"),
		row("POST", "/v1/admin/tenants", "", 422, "invalid_request", "/name"), row("POST", "/v1/admin/tenants", "{}", 422, "invalid_request", "/name"),
		row("POST", "/v1/admin/tenants", `{"name":"a b `+canary+`"}`, 422, "invalid_request", "/name"),
		row("POST", "/v1/admin/tenants", `{"name":"a","version":1}`, 422, "invalid_request", ""),
		row("POST", acme+"/pause", `{"for":"1h","until":"2099-01-01T00:00:00Z"}`, 422, "invalid_request", "/until"),
		row("POST", acme+"/pause", `{"until":"2099-01-01T00:00:00Z","for":"1h"}`, 422, "invalid_request", "/until"),
		row("POST", acme+"/pause", `{"until":"2020-01-01T00:00:00Z"}`, 422, "invalid_request", "/until"),
		row("POST", acme+"/pause", `{"until":"`+canary+`"}`, 422, "invalid_request", "/until"),
		row("POST", acme+"/pause", `{"for":"-1h"}`, 422, "invalid_request", "/for"), row("POST", acme+"/pause", `{"for":"99999h"}`, 422, "invalid_request", "/for"),
		row("POST", acme+"/pause", `{"reason":"`+repeated("a", 513)+`"}`, 422, "invalid_request", "/reason"),
		row("POST", acme+"/pause", `{"refuse_intake":"yes"}`, 422, "invalid_request", "/refuse_intake"),
		row("POST", acme+"/resume", `{"reason":"x"}`, 422, "invalid_request", ""), row("POST", acme+"/reset?force=1", `{}`, 422, "invalid_parameter", "-"),
		row("POST", "/v1/admin/tenants/nobody/pause", `{}`, 404, "tenant_not_found", "-"),
		row("PATCH", "/v1/admin/tenants/a%20"+canary, `{}`, 404, "tenant_not_found", "-"),
		row("GET", "/v1/admin/tenants?limit=0", "", 422, "invalid_parameter", "limit"), row("GET", "/v1/admin/tenants?cursor="+canary, "", 422, "invalid_parameter", "cursor"),
		row("GET", "/v1/admin/tenants?cursor=ajE6am9iXzE", "", 422, "invalid_parameter", "cursor"), // a cursor of jobs
		row("GET", acme+"?"+canary+"=1", "", 422, "invalid_parameter", "-"), row("DELETE", acme+"?force=1", "", 422, "invalid_parameter", "-"),
		row("PUT", acme, `{}`, 405, "method_not_allowed", "-"),
	} {
		checkRefused(t, a, r)
	}
	a.asOperator("GET", acme, "").want(t, http.StatusOK, "version", "1", "edited", "false")
}

func TestKeptLimitsBoundIntake(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	edit := func(body string) {
		t.Helper()
		a.asOperator("PATCH", "/v1/admin/tenants/acme", body).want(t, http.StatusOK)
	}
	a.post("/v1/jobs", job(`"lane":"critical"`)).want(t, http.StatusForbidden, "code", "lane_not_allowed")
	edit(`{"lanes":["critical"]}`)
	a.post("/v1/jobs", job(`"lane":"critical"`)).want(t, http.StatusAccepted)
	a.post("/v1/jobs", plainJob).want(t, http.StatusForbidden, "code", "lane_not_allowed")
	edit(`{"lanes":[],"max_queued":2}`)
	kept := a.submit(plainJob, "Idempotency-Key", "k")
	a.post("/v1/jobs", plainJob).want(t, http.StatusTooManyRequests, "code", "tenant_queue_full")
	edit(`{"max_queued":0,"requests_per_second":0.01,"requests_burst":2}`)
	a.submit(plainJob)
	a.submit(plainJob)
	r := a.post("/v1/jobs", plainJob)
	r.want(t, http.StatusTooManyRequests, "code", "rate_limited", "retryable", "true")
	if after := r.header.Get("Retry-After"); after != "100" && after != "99" {
		t.Errorf("Retry-After is %s, want the time to the next token", after)
	}
	// A replay makes no work, so it is answered.
	if r := a.post("/v1/jobs", plainJob, "Idempotency-Key", "k"); r.status != http.StatusAccepted || r.text(t, "id") != string(kept) {
		t.Errorf("a replay beyond the rate: %d %s", r.status, r.body)
	}
	edit(`{"requests_per_second":0,"bytes_per_second":10,"bytes_burst":30}`)
	a.post("/v1/jobs", `{"document":{"text":"`+repeated("a", 25)+`"},"schema":"invoice"}`).want(t, http.StatusAccepted)
	a.post("/v1/jobs", plainJob).want(t, http.StatusTooManyRequests, "code", "rate_limited")
	edit(`{"bytes_per_second":0}`)
	a.asOperator("POST", "/v1/admin/tenants/acme/pause", `{}`).want(t, http.StatusOK)
	// A pause does not refuse by itself, and does not hide.
	r = a.post("/v1/jobs", plainJob)
	if after := r.header.Get("Retry-After"); after != "30" {
		t.Errorf("a client of a paused tenant looks again after %q s", after)
	}
	r.want(t, http.StatusAccepted, "admission.mode", "queued", "admission.reason", "tenant_paused",
		"progress.phase", "queued", "progress.reason", "tenant_paused", "progress.eta_s", "")
	a.asOperator("POST", "/v1/admin/tenants/acme/pause", `{"refuse_intake":true,"for":"1h","reason":"INC-42"}`).want(t, http.StatusOK)
	r = a.post("/v1/jobs", plainJob)
	r.want(t, http.StatusTooManyRequests, "code", "tenant_paused", "pause.reason", "INC-42", "pause.by", "")
	if until, err := time.Parse(time.RFC3339, r.text(t, "pause.until")); err != nil || time.Until(until) > time.Hour || r.header.Get("Retry-After") != "3600" {
		t.Errorf("a paused tenant: %v %s", r.header, r.body)
	}
	if loans, err := a.engine.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 9, Slots: 9}); err != nil || len(loans) != 0 {
		t.Errorf("%d jobs of a paused tenant start, error %v", len(loans), err)
	}
	r = a.do(request{method: "POST", path: "/v1/jobs", key: otherKey, body: strings.NewReader(plainJob), media: "application/json"})
	r.want(t, http.StatusAccepted)
}

func TestSpentMoneyRefusesIntake(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.submit(plainJob)
	l := a.lend()
	row := jobs.Attempt{
		N: 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "near", StartedAt: time.Now(), EndedAt: time.Now(), Outcome: jobs.AttemptOK,
		Usage: jobs.Usage{CostMicroUSD: 1_500_000},
	}
	if err := a.engine.PutAttempts(t.Context(), l.Lease, row); err != nil {
		t.Fatal(err)
	}
	a.asOperator("PATCH", "/v1/admin/tenants/acme", `{"cost_usd_per_day":1.5}`).want(t, http.StatusOK, "spent_usd_today", "1.5")
	r := a.post("/v1/jobs", plainJob)
	r.want(t, http.StatusTooManyRequests, "code", "budget_exhausted")
	if r.header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %v", r.header)
	}
	a.asOperator("PATCH", "/v1/admin/tenants/acme", `{"cost_usd_per_day":1.500001}`).want(t, http.StatusOK)
	a.post("/v1/jobs", plainJob).want(t, http.StatusAccepted)
}

// TestTheBodyOfATenantIsBoundedAsItsLimitsAre keeps the bounds of the API
// within those of package tenants.
func TestTheBodyOfATenantIsBoundedAsItsLimitsAre(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.asOperator("PATCH", "/v1/admin/tenants/acme", `{"weight":1000,"max_running":1073741824,"max_queued":1073741824,"lanes":["critical","interactive","standard","batch"],
		"requests_per_second":1000000,"requests_burst":1000000,"bytes_per_second":1099511627776,"bytes_burst":1099511627776,"cost_usd_per_day":10000000}`).want(t, http.StatusOK)
	got, err := a.tenants.Get(t.Context(), "acme")
	want := tenants.Limits{
		Weight: 1000, MaxRunning: 1 << 30, MaxQueued: 1 << 30, Lanes: []jobs.Lane{jobs.Critical, jobs.Interactive, jobs.Standard, jobs.Batch},
		RequestsPerSecond: 1_000_000, RequestsBurst: 1_000_000, BytesPerSecond: 1 << 40, BytesBurst: 1 << 40, MicroUSDPerDay: 10_000_000_000_000,
	}
	if diff := cmp.Diff(want, got.Limits); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}
