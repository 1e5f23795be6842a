package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// auditRow is what the tests read of an operation's audit.
type auditRow struct {
	Job    string `json:"job"`
	Result string `json:"result"`
}

// audit reads all rows of an operation.
func (p *instance) audit(key, operation string) []auditRow {
	p.t.Helper()
	var rows []auditRow
	for cursor := ""; ; {
		s := p.call(key, http.MethodGet, operation+"/audit?limit=100"+cursor, "").want(http.StatusOK)
		var page struct {
			Data       []auditRow `json:"data"`
			HasMore    bool       `json:"has_more"`
			NextCursor string     `json:"next_cursor"`
		}
		if err := json.Unmarshal(s.body, &page); err != nil {
			p.t.Fatal(err)
		}
		rows = append(rows, page.Data...)
		if cursor = "&cursor=" + page.NextCursor; !page.HasMore {
			return rows
		}
	}
}

// done is how many jobs an operation has worked on.
func (p *instance) done(key, operation string) (n int) {
	p.t.Helper()
	s := p.call(key, http.MethodGet, operation, "").want(http.StatusOK)
	if _, err := fmt.Sscan(s.text("counts.done"), &n); err != nil {
		p.t.Fatal(err)
	}
	return n
}

// changesBy counts the changes of a job that an operation made, by its
// history.
func (p *instance) changesBy(key, job, operation string) int {
	p.t.Helper()
	s := p.call(key, http.MethodGet, "/v1/dlq/"+job, "").want(http.StatusOK)
	var told struct {
		History []struct {
			Actor string `json:"actor"`
		} `json:"history"`
	}
	if err := json.Unmarshal(s.body, &told); err != nil || len(told.History) == 0 {
		p.t.Fatalf("history: %v: %s", err, s.body)
	}
	n := 0
	for _, e := range told.History {
		if strings.HasSuffix(e.Actor, strings.TrimPrefix(operation, "/v1/operations/")) {
			n++
		}
	}
	return n
}

// submitFast makes jobs, several at a time.
func (p *instance) submitFast(key string, n int, more string) []string {
	p.t.Helper()
	ids := make([]string, n)
	var wg sync.WaitGroup
	next := make(chan int)
	for range 8 {
		wg.Go(func() {
			for i := range next {
				ids[i] = p.call(key, http.MethodPost, "/v1/jobs", textJob(anInvoice(i), more)).text("id")
			}
		})
	}
	for i := range ids {
		next <- i
	}
	close(next)
	wg.Wait()
	return ids
}

// TestAnOperationOutlivesItsProcess kills the process with SIGKILL while a
// requeue runs: what was requeued twice would be in its third run.
func TestAnOperationOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	p := newInstance(t)
	environ := []string{"SLUICE_CONFIG=" + tenantsFile(t, "", ""), "SLUICE_SLOTS=0"}
	kill := p.spawn(environ...)
	const selected = 120
	ids := p.submitFast(acmeKey, selected, `,"labels":{"set":"a"}`)
	others := p.submitFast(acmeKey, 10, `,"labels":{"set":"b"}`)

	// All of them are cancelled, at once.
	r := p.call(annaKey, http.MethodPost, "/v1/operations", `{"action":"cancel","filter":{"state":["queued"],"tenant":"acme"},"reason":"INC-42"}`).
		want(http.StatusAccepted, "selection.selected", "130", "by", "ops/anna")
	all := "/v1/operations/" + r.text("id")
	p.eventually("the cancellation", func() bool { return p.call(annaKey, http.MethodGet, all, "").text("state") == "succeeded" })

	// A dry run says what would be done and does nothing.
	r = p.call(annaKey, http.MethodPost, "/v1/operations",
		`{"action":"requeue","filter":{"state":["cancelled","queued"],"labels":{"set":"a"}},"rate":20,"reason":"INC-43","dry_run":true}`).
		want(http.StatusCreated, "state", "draft", "selection.matched", "120", "selection.selected", "120", "selection.by.state.cancelled", "120",
			"selection.est_duration_s", "6", "counts.done", "0")
	op := "/v1/operations/" + r.text("id")
	p.call(acmeKey, http.MethodGet, op, "").want(http.StatusNotFound, "code", "operation_not_found")
	p.call(annaKey, http.MethodGet, "/v1/jobs/"+ids[0], "").want(http.StatusOK, "state", "cancelled", "run", "1")

	p.call(benKey, http.MethodPost, op+"/start", "").want(http.StatusOK, "state_by", "ops/ben")
	p.eventually("the first jobs", func() bool { return p.done(annaKey, op) > 10 })
	p.call(annaKey, http.MethodPost, op+"/pause", "").want(http.StatusOK, "state", "paused")
	p.eventually("the driver to let go", func() bool { return p.call(annaKey, http.MethodGet, op, "").text("driver") == "" })
	paused := p.done(annaKey, op)
	p.call(annaKey, http.MethodPost, op+"/resume", "").want(http.StatusOK, "state", "running")
	p.eventually("more jobs", func() bool { return p.done(annaKey, op) > paused+10 })
	kill()
	kill = p.spawn(environ...)
	if at := p.done(annaKey, op); at >= selected {
		t.Fatalf("the process was killed after the end: %d jobs were done", at)
	}
	p.eventually("the end", func() bool { return p.call(annaKey, http.MethodGet, op, "").text("state") == "succeeded" })
	p.call(annaKey, http.MethodGet, op, "").want(http.StatusOK, "counts.done", "120", "counts.failed", "0")

	seen := map[string]string{}
	for _, row := range p.audit(annaKey, op) {
		if seen[row.Job] != "" || row.Result != "applied" && row.Result != "already" {
			t.Errorf("row %+v, before %q", row, seen[row.Job])
		}
		seen[row.Job] = row.Result
	}
	if len(seen) != selected {
		t.Errorf("%d jobs have a row, want %d", len(seen), selected)
	}
	for _, id := range ids {
		p.call(annaKey, http.MethodGet, "/v1/jobs/"+id, "").want(http.StatusOK, "state", "queued", "run", "2")
		if n := p.changesBy(annaKey, id, op); n != 1 || seen[id] == "" {
			t.Errorf("job %s was changed %d times by the operation, row %q", id, n, seen[id])
		}
	}
	for _, id := range others {
		p.call(annaKey, http.MethodGet, "/v1/jobs/"+id, "").want(http.StatusOK, "state", "cancelled", "run", "1")
	}
	kill()
}

// nothing is a document that no tier reads.
const nothing = "Minutes of the meeting. Nobody came."

func TestAReviewGoesFromHandToHand(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "SLUICE_CONFIG="+tenantsFile(t, "", ""))
	id := p.submitText(acmeKey, nothing, "")
	p.settled(acmeKey, id).want(http.StatusOK, "state", "in_review")
	job := "/v1/jobs/" + id
	p.call(annaKey, http.MethodPost, job+"/claim", `{"for":"5m"}`).want(http.StatusOK, "review.claimed_by", "ops/anna")
	p.call(annaKey, http.MethodPost, job+"/draft", `{"draft":{"total":1}}`).want(http.StatusOK, "review.draft.total", "1")
	p.call(benKey, http.MethodPost, job+"/claim", "").want(http.StatusConflict, "code", "state_conflict")
	p.call(benKey, http.MethodPost, job+"/send-back", "").want(http.StatusConflict)
	p.call(annaKey, http.MethodPost, job+"/unclaim", "").want(http.StatusOK, "review.claimed_by", "", "review.draft.total", "1")
	p.call(benKey, http.MethodPost, job+"/send-back", `{"lane":"interactive"}`).want(http.StatusAccepted, "run", "2", "lane", "interactive")
	p.settled(acmeKey, id).want(http.StatusOK, "state", "in_review", "run", "2")
	p.call(benKey, http.MethodPost, job+"/claim", "").want(http.StatusOK, "review.claimed_by", "ops/ben")
	data := `{"data":{"invoice_number":"1","invoice_date":"2026-11-22","total":12}}`
	p.call(annaKey, http.MethodPost, job+"/complete", data).want(http.StatusConflict)
	p.call(benKey, http.MethodPost, job+"/complete", `{"data":{"total":"much"}}`).want(http.StatusUnprocessableEntity, "code", "invalid_data")
	p.call(benKey, http.MethodPost, job+"/complete", data).want(http.StatusOK, "state", "succeeded", "quality.tier", "4", "quality.review", "done")

	// Erased, it is gone for readers, and its history stays.
	p.call(acmeKey, http.MethodDelete, job, "").want(http.StatusNoContent)
	for _, path := range []string{job, job + "/result"} {
		p.call(acmeKey, http.MethodGet, path, "").want(http.StatusGone, "code", "erased")
	}
	if s := p.call(acmeKey, http.MethodGet, "/v1/dlq/"+id, "").want(http.StatusOK, "job.state", "erased"); strings.Contains(string(s.body), `"total"`) {
		t.Errorf("an erased job shows its data: %s", s.body)
	}
}

func TestDeadLettersAreGroupedCountedAndRejectedTogether(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "SLUICE_CONFIG="+tenantsFile(t, "", ""))
	var last string
	for range 3 {
		last = p.submitText(acmeKey, nothing, "")
		p.settled(acmeKey, last).want(http.StatusOK, "state", "in_review")
	}
	p.settled(otherKey, p.submitText(otherKey, nothing, "")).want(http.StatusOK, "state", "in_review")
	groups := func(key, query string) []map[string]any {
		t.Helper()
		s := p.call(key, http.MethodGet, "/v1/dlq/groups"+query, "").want(http.StatusOK, "truncated", "false")
		var list struct{ Data []map[string]any }
		if err := json.Unmarshal(s.body, &list); err != nil {
			t.Fatal(err)
		}
		return list.Data
	}
	if got := groups(acmeKey, ""); len(got) != 0 {
		t.Errorf("reviews are dead letters: %v", got)
	}
	got := groups(acmeKey, "?state=in_review")
	if len(got) != 1 || got[0]["count"] != 3.0 || got[0]["sample"] != last || got[0]["class"] != "all_tiers_failed" || got[0]["schema"] != "invoice@1" {
		t.Fatalf("groups %v", got)
	}
	p.call(annaKey, http.MethodGet, "/v1/dlq/count?state=in_review", "").want(http.StatusOK, "count", "4")
	p.call(acmeKey, http.MethodGet, "/v1/dlq/count?state=in_review", "").want(http.StatusOK, "count", "3")

	// A claimed one is left alone.
	p.call(annaKey, http.MethodPost, "/v1/jobs/"+last+"/claim", "").want(http.StatusOK)
	r := p.call(annaKey, http.MethodPost, "/v1/operations", `{"action":"reject","filter":{"tenant":"acme"},"reason":"no invoices"}`).
		want(http.StatusAccepted, "selection.selected", "2", "selection.skipped.claimed", "1")
	op := "/v1/operations/" + r.text("id")
	p.eventually("the rejection", func() bool { return p.call(annaKey, http.MethodGet, op, "").text("state") == "succeeded" })
	if got := groups(acmeKey, "?state=failed,in_review"); len(got) != 2 || got[0]["count"] != 2.0 || got[0]["class"] != "rejected" || got[1]["count"] != 1.0 {
		t.Errorf("groups %v", got)
	}
	if s := p.metrics(); !strings.Contains(s, `sluice_operation_jobs_total{action="reject",result="applied"} 2`) {
		t.Error("the metrics do not count the jobs of the operation")
	}
}

// metrics reads what the process exports.
func (p *instance) metrics() string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.admin+"/metrics", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return fetch(p.t, req)
}

func TestRetentionRemovesTheOldestAndSaysSo(t *testing.T) {
	t.Parallel()
	p := newInstance(t).start(nil, "SLUICE_SLOTS=0")
	var ids []string
	for i := range 5 {
		ids = append(ids, p.submitText("", anInvoice(i), ""))
		if i > 0 {
			p.call("", http.MethodPost, "/v1/jobs/"+ids[i]+"/cancel", "").want(http.StatusOK)
		}
	}
	p.stop()
	p.start(nil, "SLUICE_SLOTS=0", "SLUICE_RETENTION__CANCELLED__MAX_COUNT=1")
	p.eventually("the removal", func() bool { return p.call("", http.MethodGet, "/v1/jobs/"+ids[3], "").status == http.StatusNotFound })
	for _, id := range ids[1:4] {
		p.call("", http.MethodGet, "/v1/jobs/"+id, "").want(http.StatusNotFound)
	}
	p.call("", http.MethodGet, "/v1/jobs/"+ids[0], "").want(http.StatusOK, "state", "queued")
	p.call("", http.MethodGet, "/v1/jobs/"+ids[4], "").want(http.StatusOK, "state", "cancelled")
	p.eventually("the count", func() bool { return strings.Contains(p.metrics(), `sluice_jobs_removed_total{state="cancelled"} 3`) })
	p.eventually("the log", func() bool { return strings.Contains(p.log.String(), `"cancelled":3,"jobs":3`) })
}
