package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// failed makes a job that failed.
func (a *api) failed() jobs.ID {
	a.t.Helper()
	id := a.submit(plainJob)
	a.settle(a.lend(), failure())
	return id
}

// reviewed makes a job in review.
func (a *api) reviewed() jobs.ID {
	a.t.Helper()
	id := a.submit(plainJob)
	a.settle(a.lend(), review())
	return id
}

func (a *api) job(id jobs.ID) jobs.Job {
	a.t.Helper()
	j, err := a.engine.Get(a.t.Context(), "", id)
	if err != nil {
		a.t.Fatal(err)
	}
	return j
}

func TestCancel(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	queued := a.submit(plainJob)
	for range 2 { // a repeated cancellation changes nothing
		if r := a.post("/v1/jobs/"+string(queued)+"/cancel", `{"reason":"not needed"}`); r.status != http.StatusOK || r.text(t, "state") != "cancelled" {
			t.Errorf("queued: %d %s", r.status, r.body)
		}
	}
	events, err := a.engine.History(t.Context(), "", queued, 1)
	if err != nil || len(events) != 1 || events[0].Actor != "acme/acme1" || events[0].Reason != "not needed" {
		t.Errorf("history is %+v, error %v", events, err)
	}
	a.submit(plainJob)
	l := a.lend()
	if r := a.post("/v1/jobs/"+string(l.Job.ID)+"/cancel", ""); r.status != http.StatusAccepted || r.text(t, "cancelling") != "true" || r.text(t, "state") != "running" {
		t.Errorf("running: %d %s", r.status, r.body)
	}
	if diff := cmp.Diff([]jobs.ID{l.Job.ID}, a.cancels.asked); diff != "" {
		t.Errorf("workers were told of (-want +got):\n%s", diff)
	}
	a.settle(l, success())
	if r := a.post("/v1/jobs/"+string(l.Job.ID)+"/cancel", ""); r.status != http.StatusConflict || r.text(t, "code") != "state_conflict" || r.text(t, "state") != "succeeded" {
		t.Errorf("succeeded: %d %s", r.status, r.body)
	}
}

func TestRequeue(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.failed()
	r := a.post("/v1/jobs/"+string(id)+"/requeue", `{"reason":"fixed","lane":"batch","deadline":"2h"}`)
	if r.status != http.StatusAccepted || r.text(t, "state") != "queued" || r.text(t, "run") != "2" || r.text(t, "lane") != "batch" || r.text(t, "failure") != "" {
		t.Errorf("failed: %d %s", r.status, r.body)
	}
	if left := time.Until(a.job(id).DeadlineAt); left < 119*time.Minute || left > 2*time.Hour {
		t.Errorf("deadline in %s, want 2 h", left)
	}
	if r := a.post("/v1/jobs/"+string(id)+"/requeue", ""); r.status != http.StatusConflict || r.text(t, "state") != "queued" {
		t.Errorf("twice: %d %s", r.status, r.body)
	}
	a.settle(a.lend(), review())
	if r := a.post("/v1/jobs/"+string(id)+"/requeue", "{}"); r.status != http.StatusAccepted || r.text(t, "run") != "3" {
		t.Errorf("in review: %d %s", r.status, r.body)
	}
	other := a.failed()
	if r := a.post("/v1/jobs/"+string(other)+"/requeue", `{"lane":"critical"}`); r.status != http.StatusForbidden || r.text(t, "code") != "lane_not_allowed" {
		t.Errorf("into a lane that is not allowed: %d %s", r.status, r.body)
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for name, id := range map[string]jobs.ID{"in review": a.reviewed(), "failed": a.failed()} {
		path := "/v1/jobs/" + string(id) + "/complete"
		r := a.post(path, `{"data":{"number":8812},"reason":"read by hand"}`)
		if r.status != http.StatusUnprocessableEntity || r.text(t, "code") != "invalid_data" || !strings.Contains(string(r.body), `{"pointer":"/data/number","reason":"must be a string"}`) {
			t.Errorf("%s, with data that does not fit: %d %s", name, r.status, r.body)
		}
		r = a.post(path, `{"data":{"number": "8812","lines":[{"a/b~c":1.50,"none":null}]},"reason":"read by hand"}`)
		if r.status != http.StatusOK || r.text(t, "state") != "succeeded" || r.header.Get("Job-Quality") != "tier=4;degraded" {
			t.Fatalf("%s: %d %s", name, r.status, r.body)
		}
		result := a.job(id).Result
		if got := string(result.Data); got != `{"number":"8812","lines":[{"a/b~c":1.50,"none":null}]}` {
			t.Errorf("%s: data is %s", name, got)
		}
		human := jobs.Field{Confidence: 1, ValueFrom: jobs.FromHuman, Tier: 4}
		if diff := cmp.Diff(map[string]jobs.Field{"/number": human, "/lines/0/a~1b~0c": human}, result.Fields); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s", name, diff)
		}
		want := jobs.Quality{Tier: 4, Degraded: true, Reasons: []string{"completed_by_person"}, Review: "done"}
		if diff := cmp.Diff(want, result.Quality); diff != "" {
			t.Errorf("%s: quality (-want +got):\n%s", name, diff)
		}
		if r := a.post(path, `{"data":{"number":"1"}}`); r.status != http.StatusConflict || r.text(t, "state") != "succeeded" {
			t.Errorf("%s, twice: %d %s", name, r.status, r.body)
		}
	}
}

func TestReject(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.reviewed()
	r := a.post("/v1/jobs/"+string(id)+"/reject", `{"reason":"not an invoice"}`)
	if r.status != http.StatusOK || r.text(t, "state") != "failed" || r.text(t, "failure.class") != "rejected" {
		t.Errorf("%d %s", r.status, r.body)
	}
	other := a.post("/v1/jobs/"+string(a.reviewed())+"/reject", `{"class":"wrong_document"}`)
	if other.status != http.StatusOK || other.text(t, "failure.class") != "wrong_document" {
		t.Errorf("with a class: %d %s", other.status, other.body)
	}
	if r := a.post("/v1/jobs/"+string(a.failed())+"/reject", ""); r.status != http.StatusConflict || r.text(t, "state") != "failed" {
		t.Errorf("a failed job: %d %s", r.status, r.body)
	}
}

func TestACommandCanNameTheVersionItMeans(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.failed()
	if r := a.post("/v1/jobs/"+string(id)+"/requeue", `{"version":2}`); r.status != http.StatusConflict || !strings.Contains(r.text(t, "detail"), "version 3") {
		t.Errorf("an old version: %d %s", r.status, r.body)
	}
	if r := a.post("/v1/jobs/"+string(id)+"/requeue", `{"version":3}`); r.status != http.StatusAccepted {
		t.Errorf("the current version: %d %s", r.status, r.body)
	}
}

// Each value's field repeats the names of what the value is in.
func TestDataWithALongNameAboveManyValuesDoesNotGrowWithoutBound(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := string(a.reviewed())
	complete := func(name string, values int) answer {
		t.Helper()
		return a.post("/v1/jobs/"+id+"/complete", `{"data":{"number":"8812","`+name+`":[0`+strings.Repeat(",0", values-1)+`]}}`)
	}
	r := complete(strings.Repeat("n", 60_000), 2000) // 180 KB, and 120 MB of fields
	r.want(t, http.StatusUnprocessableEntity, "code", "invalid_data")
	if j := a.job(jobs.ID(id)); j.State != jobs.InReview {
		t.Errorf("the job is %s", j.State)
	}
	complete("lines", 15_000).want(t, http.StatusOK, "state", "succeeded")
	if got := len(a.job(jobs.ID(id)).Result.Fields); got != 15_001 {
		t.Errorf("%d fields", got)
	}
}
