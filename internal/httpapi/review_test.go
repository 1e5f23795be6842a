package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestAReviewIsClaimedDraftedAndGivenBack(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.reviewed()
	path := "/v1/jobs/" + string(id)
	r := a.post(path+"/claim", "")
	r.want(t, http.StatusOK, "state", "in_review", "review.claimed_by", "acme/acme1", "version", "4")
	if left := time.Until(a.job(id).Review.ClaimedUntil); left < 14*time.Minute || left > 15*time.Minute {
		t.Errorf("the claim ends in %s", left)
	}
	operator := func(verb, body string) answer { return a.asOperator("POST", path+"/"+verb, body) }
	for verb, body := range map[string]string{"claim": "", "complete": `{"data":{"number":"1"}}`, "reject": "", "send-back": "", "draft": `{"draft":1}`, "unclaim": ""} {
		r := operator(verb, body)
		if r.status != http.StatusConflict || !strings.Contains(r.text(t, "detail"), "claimed the job until") || r.text(t, "state") != "in_review" {
			t.Errorf("%s by another: %d %s", verb, r.status, r.body)
		}
	}
	a.post(path+"/claim", `{"for":"3h","reason":"lunch","version":4}`).want(t, http.StatusOK, "version", "5")
	if left := time.Until(a.job(id).Review.ClaimedUntil); left < 179*time.Minute || left > 3*time.Hour {
		t.Errorf("the longer claim ends in %s", left)
	}
	a.post(path+"/draft", `{"draft":{"number": "88", "more":[1.50,null]}}`).want(t, http.StatusOK, "version", "6")
	if got := string(a.job(id).Review.Draft); got != `{"number": "88", "more":[1.50,null]}` {
		t.Errorf("draft is %s", got)
	}
	a.post(path+"/unclaim", "").want(t, http.StatusOK, "review.claimed_by", "")
	operator("claim", "").want(t, http.StatusOK, "review.claimed_by", "ops/ops1", "review.draft.number", "88")
	operator("send-back", `{"lane":"batch","deadline":"2h","reason":"try again"}`).want(t, http.StatusAccepted, "state", "queued", "lane", "batch", "run", "2")
	a.post(path+"/claim", "").want(t, http.StatusConflict, "code", "state_conflict", "state", "queued")
	events, err := a.engine.History(t.Context(), "", id, 8)
	if err != nil || len(events) != 1 || events[0].Type != jobs.EventSentBack || events[0].Reason != "try again" || events[0].Actor != "ops/ops1" {
		t.Errorf("history %+v, error %v", events, err)
	}
}

func TestAWaitingJobMovesLanes(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.submit(plainJob)
	path := "/v1/jobs/" + string(id) + "/move"
	a.post(path, `{"lane":"batch","reason":"later"}`).want(t, http.StatusOK, "lane", "batch", "version", "2")
	a.post(path, `{"lane":"batch"}`).want(t, http.StatusOK, "version", "2")
	a.post(path, `{"lane":"critical"}`).want(t, http.StatusForbidden, "code", "lane_not_allowed")
	a.lend()
	a.post(path, `{"lane":"standard"}`).want(t, http.StatusConflict, "code", "state_conflict", "state", "running")
}

func TestAnEndedJobIsErased(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.submit(`{"document":{"text":"`+canary+`"},"schema":"invoice","labels":{"patient":"`+canary+`"}}`, "Idempotency-Key", "k")
	path := "/v1/jobs/" + string(id)
	erase := func() answer { return a.do(request{method: http.MethodDelete, path: path}) }
	erase().want(t, http.StatusConflict, "code", "state_conflict", "state", "queued")
	l := a.lend()
	erase().want(t, http.StatusConflict, "code", "state_conflict", "state", "running")
	a.settle(l, success())
	for range 2 {
		if r := erase(); r.status != http.StatusNoContent || len(r.body) != 0 {
			t.Errorf("erased: %d %s", r.status, r.body)
		}
	}
	a.get(path).want(t, http.StatusGone, "code", "erased", "state", "erased")
	a.get(path+"?wait=1").want(t, http.StatusGone, "code", "erased")
	a.get(path+"/result").want(t, http.StatusGone, "code", "erased")
	for _, still := range []string{"/v1/dlq/" + string(id), path + "/attempts", "/v1/jobs?state=erased"} {
		if r := a.get(still); r.status != http.StatusOK || leaks(r) || strings.Contains(string(r.body), "8812") {
			t.Errorf("%s: %d %s", still, r.status, r.body)
		}
	}
	if r := a.post("/v1/jobs", `{"document":{"text":"`+canary+`"},"schema":"invoice","labels":{"patient":"`+canary+`"}}`, "Idempotency-Key", "k"); r.status != http.StatusOK || r.text(t, "state") != "erased" || r.text(t, "id") != string(id) {
		t.Errorf("a replay: %d %s", r.status, r.body)
	}
	if _, err := a.engine.Document(t.Context(), "", id); err == nil {
		t.Error("the document is still there")
	}
}

func TestBadInputAboutReviewsIsRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.reviewed()
	version := a.job(id).Version
	cmd := func(path, body string, status int, code, at string) bad {
		return bad{name: path + " " + body[:min(len(body), 40)], path: "/v1/jobs/" + string(id) + "/" + path, body: body, status: status, code: code, at: at}
	}
	for _, row := range []bad{
		cmd("claim", canary, 400, "malformed_json", ""), cmd("claim", `{"`+canary+`":1}`, 422, "invalid_request", ""),
		cmd("claim", `{"for":"59s"}`, 422, "invalid_request", "/for"), cmd("claim", `{"for":"25h"}`, 422, "invalid_request", "/for"),
		cmd("claim", `{"for":900}`, 422, "invalid_request", "/for"), cmd("claim", `{"as":"`+canary+`"}`, 422, "invalid_request", ""),
		cmd("claim", `{"version":1}`, 409, "state_conflict", "-"),
		cmd("draft", `{}`, 422, "invalid_request", "/draft"), cmd("draft", ``, 422, "invalid_request", "/draft"),
		cmd("draft", `{"draft":{"a":1,"a":2}}`, 400, "malformed_json", "/draft"), cmd("draft", `{"draft":"`+repeated("a", 1<<20)+`"}`, 413, "body_too_large", "-"),
		cmd("draft", `{"draft":{}}`, 409, "state_conflict", "-"), // not claimed
		cmd("unclaim", `{"for":"1h"}`, 422, "invalid_request", ""),
		cmd("send-back", `{"lane":"`+canary+`"}`, 422, "invalid_request", "/lane"), cmd("send-back", `{"lane":"critical"}`, 403, "lane_not_allowed", "/lane"),
		cmd("send-back", `{"deadline":"1ms"}`, 422, "invalid_request", "/deadline"),
		cmd("move", `{}`, 422, "invalid_request", "/lane"), cmd("move", `{"lane":"batch"}`, 409, "state_conflict", "-"),
		cmd("move?lane=batch", `{}`, 422, "invalid_parameter", "-"),
		{name: "erase with a query", method: http.MethodDelete, path: "/v1/jobs/" + string(id) + "?force=1", status: 422, code: "invalid_parameter", at: "-"},
		{name: "erase of nothing", method: http.MethodDelete, path: "/v1/jobs/" + canary, status: 404, code: "not_found", at: "-"},
	} {
		checkRefused(t, a, row)
	}
	if got := a.job(id).Version; got != version {
		t.Errorf("something of it changed the job: version %d", got)
	}
}

func TestDeadLettersAreGroupedAndCounted(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.failed()
	last := a.failed()
	a.submit(plainJob)
	other := failure()
	other.Failure = &jobs.Failure{Class: "rate", Reason: "too fast", Provider: "far", Tier: 2}
	other.Tier = 2
	a.settle(a.lend(), other)
	a.reviewed()
	a.secretlyOf(otherKey, failure())
	type group struct {
		Fingerprint, State, Class, Provider, Schema, Sample string
		Tier, Count                                         int
	}
	read := func(path string, key ...string) []group {
		t.Helper()
		r := a.get(path, key...)
		var list struct {
			Data      []group
			Truncated bool
		}
		if err := json.Unmarshal(r.body, &list); err != nil || r.status != http.StatusOK || list.Truncated || list.Data == nil {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
		for i := range list.Data {
			if list.Data[i].Fingerprint == "" {
				t.Errorf("a group without a fingerprint: %s", r.body)
			}
			list.Data[i].Fingerprint = ""
		}
		return list.Data
	}
	corrupt := group{State: "failed", Class: "corrupt", Provider: "near", Schema: "invoice@1", Sample: string(last), Tier: 1, Count: 2}
	if got := read("/v1/dlq/groups"); len(got) != 2 || got[0] != corrupt || got[1].Class != "rate" || got[1].Provider != "far" {
		t.Errorf("groups: %+v", got)
	}
	if got := read("/v1/dlq/groups?state=in_review"); len(got) != 1 || got[0].Class != "all_tiers_failed" || got[0].State != "in_review" {
		t.Errorf("groups in review: %+v", got)
	}
	if got := read("/v1/dlq/groups?class=nothing"); len(got) != 0 {
		t.Errorf("groups of nothing: %+v", got)
	}
	if got := read("/v1/dlq/groups", operatorKey); len(got) != 2 || got[0].Count != 3 {
		t.Errorf("groups of all tenants: %+v", got)
	}
	for path, want := range map[string]string{
		"/v1/dlq/count": "3", "/v1/dlq/count?class=corrupt": "2", "/v1/dlq/count?state=in_review,failed": "4", "/v1/dlq/count?provider=far&tier=2": "1",
		"/v1/dlq/count?updated_after=2099-01-01T00:00:00Z": "0", "/v1/dlq/count?batch=none": "0", "/v1/dlq/count?reason=x&state=in_review": "0",
		"/v1/dlq/count?reason=all_tiers_failed&state=in_review": "1",
	} {
		a.get(path).want(t, http.StatusOK, "count", want)
	}
	a.get("/v1/dlq/count", operatorKey).want(t, http.StatusOK, "count", "4")
	a.get("/v1/dlq/count", otherKey).want(t, http.StatusOK, "count", "1")
	parameter := func(path, at string, status int, code string) {
		checkRefused(t, a, bad{name: path, method: http.MethodGet, path: path, status: status, code: code, at: at})
	}
	for _, route := range []string{"/v1/dlq/groups", "/v1/dlq/count"} {
		parameter(route+"?limit=5", "-", 422, "invalid_parameter")
		parameter(route+"?state=queued", "state", 422, "invalid_parameter")
		parameter(route+"?"+canary+"=1", "-", 422, "invalid_parameter")
		parameter(route+"?updated_before="+canary, "updated_before", 422, "invalid_parameter")
		parameter(route+"?batch=%20"+canary, "batch", 422, "invalid_parameter")
		parameter(route+"?reason=%20"+canary, "reason", 422, "invalid_parameter")
		parameter(route+"?tenant=other", "tenant", 403, "operator_only")
	}
}

// secretlyOf makes a job of the key's tenant that ended in one way.
func (a *api) secretlyOf(key string, o jobs.Outcome) jobs.ID {
	a.t.Helper()
	r := a.do(request{method: http.MethodPost, path: "/v1/jobs", key: key, body: strings.NewReader(secretJob), media: "application/json"})
	if r.status != http.StatusAccepted {
		a.t.Fatalf("%d %s", r.status, r.body)
	}
	l := a.lend()
	a.settle(l, o)
	return l.Job.ID
}
