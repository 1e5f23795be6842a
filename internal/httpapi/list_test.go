package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// listed is the ids of a list's answer, in order.
func (a *api) listed(path string, key ...string) []string {
	a.t.Helper()
	r := a.get(path, key...)
	if r.status != http.StatusOK {
		a.t.Fatalf("%s: %d %s", path, r.status, r.body)
	}
	var v struct {
		Data []struct{ ID string } `json:"data"`
	}
	if err := json.Unmarshal(r.body, &v); err != nil || v.Data == nil {
		a.t.Fatalf("%s: error %v: %s", path, err, r.body)
	}
	ids := []string{}
	for _, j := range v.Data {
		ids = append(ids, strings.TrimPrefix(j.ID, "job_00000"))
	}
	return ids
}

func TestListsFilter(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.submit(plainJob) // 1 succeeds
	a.settle(a.lend(), success())
	a.failed()                                                                                                              // 2
	a.reviewed()                                                                                                            // 3
	a.submit(`{"document":{"text":"x"},"schema_json":{"type":"object"},"lane":"batch","labels":{"source":"mail","n":"1"}}`) // 4
	r := a.do(request{method: http.MethodPost, path: "/v1/jobs", key: otherKey, body: strings.NewReader(plainJob), media: "application/json"})
	if r.status != http.StatusAccepted { // 5, of another tenant
		t.Fatalf("%d %s", r.status, r.body)
	}
	future := url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339))
	for path, want := range map[string]string{
		"/v1/jobs":                                     "4 3 2 1",
		"/v1/jobs?state=queued":                        "4",
		"/v1/jobs?state=failed,succeeded":              "2 1",
		"/v1/jobs?lane=batch":                          "4",
		"/v1/jobs?lane=standard,batch&state=queued":    "4",
		"/v1/jobs?schema=invoice@1":                    "3 2 1",
		"/v1/jobs?tier=2":                              "1",
		"/v1/jobs?tier=3":                              "3",
		"/v1/jobs?class=corrupt":                       "2",
		"/v1/jobs?class=rate,corrupt":                  "2",
		"/v1/jobs?class=rate":                          "",
		"/v1/jobs?provider=near":                       "2",
		"/v1/jobs?label.source=mail":                   "4",
		"/v1/jobs?label.source=mail&label.n=2":         "",
		"/v1/jobs?accepted_after=" + future:            "",
		"/v1/jobs?accepted_before=" + future:           "4 3 2 1",
		"/v1/jobs?tenant=acme":                         "4 3 2 1",
		"/v1/dlq":                                      "2",
		"/v1/dlq?state=in_review":                      "3",
		"/v1/dlq?state=in_review,failed,expired":       "3 2",
		"/v1/dlq?class=corrupt&lane=standard&limit=10": "2",
	} {
		if diff := cmp.Diff(strings.Fields(want), a.listed(path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	for path, want := range map[string]string{
		"/v1/jobs": "5 4 3 2 1", "/v1/jobs?tenant=other": "5", "/v1/jobs?tenant=acme&state=queued": "4", "/v1/dlq": "2",
	} {
		if diff := cmp.Diff(strings.Fields(want), a.listed(path, operatorKey)); diff != "" {
			t.Errorf("operator: %s (-want +got):\n%s", path, diff)
		}
	}
}

func TestListsPage(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for range 7 {
		a.submit(plainJob)
	}
	var seen []string
	path := "/v1/jobs?limit=3"
	for pages := 1; ; pages++ {
		seen = append(seen, a.listed(path)...)
		r := a.get(path)
		if more := r.text(t, "has_more") == "true"; !more {
			if pages != 3 || r.text(t, "next_cursor") != "" {
				t.Errorf("page %d is the last, with cursor %q", pages, r.text(t, "next_cursor"))
			}
			break
		}
		path = "/v1/jobs?limit=3&cursor=" + r.text(t, "next_cursor")
		a.submit(plainJob) // newer jobs do not disturb a cursor
	}
	if diff := cmp.Diff(strings.Fields("7 6 5 4 3 2 1"), seen); diff != "" {
		t.Errorf("all pages (-want +got):\n%s", diff)
	}
}

func TestListedJobsCarryNoResults(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.submit(plainJob)
	a.settle(a.lend(), success())
	if r := a.get("/v1/jobs"); strings.Contains(string(r.body), "8812") || !strings.Contains(string(r.body), `"tier":2`) {
		t.Errorf("list: %s", r.body)
	}
}

func TestAFullPageHasNoNextWithoutMoreJobs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for range 3 {
		a.submit(plainJob)
	}
	if r := a.get("/v1/jobs?limit=3"); r.text(t, "has_more") != "false" {
		t.Errorf("%s", r.body)
	}
	if got := len(a.listed("/v1/jobs?state=" + string(jobs.Running))); got != 0 {
		t.Errorf("%d running jobs", got)
	}
}
