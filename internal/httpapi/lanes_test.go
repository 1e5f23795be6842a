package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// lanes reads GET /v1/lanes without its times.
func (r answer) lanes(t *testing.T) httpapi.LaneList {
	t.Helper()
	var list httpapi.LaneList
	if err := json.Unmarshal(r.body, &list); err != nil || r.status != http.StatusOK || list.AsOf.IsZero() {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, rows := range [][]httpapi.QueueView{list.Lanes, list.Queues} {
		for i := range rows {
			if rows[i].OldestSeconds < 0 || rows[i].OldestSeconds > 60 {
				t.Errorf("%+v", rows[i])
			}
			rows[i].OldestSeconds, rows[i].ServiceMS = 0, 0
		}
	}
	return list
}

func TestLanesShowTheirDepthToWhoeverMaySeeIt(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.submit(plainJob)
	l := a.lend()
	for range 3 {
		a.submit(plainJob)
	}
	a.settle(l, jobs.Outcome{Kind: jobs.Fail, Tier: 1, Failure: &jobs.Failure{Class: "corrupt", Reason: "x"}, Service: 1200e6})
	a.submit(job(`"lane":"batch"`))
	a.do(request{method: "POST", path: "/v1/jobs", key: otherKey, body: strings.NewReader(plainJob), media: "application/json"}).want(t, http.StatusAccepted)
	a.asOperator("POST", "/v1/admin/tenants/acme/pause", "").want(t, http.StatusOK)

	r := a.get("/v1/lanes", operatorKey)
	if !strings.Contains(string(r.body), `"service_ms":1200`) {
		t.Errorf("the service time is missing: %s", r.body)
	}
	standard := httpapi.QueueView{Lane: "standard", Tenant: "acme", Queued: 3, Paused: true}
	batch := httpapi.QueueView{Lane: "batch", Tenant: "acme", Queued: 1, Paused: true}
	want := httpapi.LaneList{
		Lanes: []httpapi.QueueView{
			{Lane: "critical"}, {Lane: "interactive"}, {Lane: "standard", Queued: 4}, {Lane: "batch", Queued: 1},
		},
		Queues: []httpapi.QueueView{standard, {Lane: "standard", Tenant: "other", Queued: 1}, batch},
	}
	ignore := cmpopts.IgnoreFields(httpapi.LaneList{}, "AsOf")
	got := r.lanes(t)
	if got.Slots == nil || got.Workers == nil {
		t.Fatal("an operator sees no slots")
	}
	want.Slots, want.Workers = got.Slots, got.Workers
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	want = httpapi.LaneList{
		Lanes: []httpapi.QueueView{
			{Lane: "critical"}, {Lane: "interactive"}, {Lane: "standard", Queued: 3}, {Lane: "batch", Queued: 1},
		},
		Queues: []httpapi.QueueView{standard, batch},
	}
	if diff := cmp.Diff(want, a.get("/v1/lanes").lanes(t), ignore); diff != "" {
		t.Errorf("one's own (-want +got):\n%s", diff)
	}
	want.Queues, want.Truncated = []httpapi.QueueView{standard}, true
	if diff := cmp.Diff(want, a.get("/v1/lanes?limit=1&tenant=acme").lanes(t), ignore); diff != "" {
		t.Errorf("one row (-want +got):\n%s", diff)
	}
	a.get("/v1/lanes?tenant=other").want(t, http.StatusForbidden, "code", "operator_only")
	a.get("/v1/lanes?cursor=x").want(t, http.StatusUnprocessableEntity, "code", "invalid_parameter")
	a.get("/v1/lanes?limit=0").want(t, http.StatusUnprocessableEntity, "code", "invalid_parameter")
}
