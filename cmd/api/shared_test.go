package main

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

// TestProcessesThatShareAnEngineAgree runs two processes on one Redis: a limit
// that one of them changes binds the other within a second, and when one dies
// the other goes on with its operation.
func TestProcessesThatShareAnEngineAgree(t *testing.T) {
	t.Parallel()
	environ := []string{
		"SLUICE_CONFIG=" + tenantsFile(t, "", ""), "SLUICE_SLOTS=0", "SLUICE_ENGINE=" + redistest.Start(t, redistest.Settings{}).URL(),
		"SLUICE_REDIS__DOCUMENTS_DIR=" + filepath.Join(t.TempDir(), "documents"),
	}
	first, second := newInstance(t), newInstance(t)
	kill := first.spawn(environ...)
	const selected = 60
	ids := first.submitFast(acmeKey, selected, "")
	cancelled := "/v1/operations/" + first.call(annaKey, http.MethodPost, "/v1/operations", `{"action":"cancel","filter":{"state":["queued"]}}`).
		want(http.StatusAccepted, "selection.selected", "60").text("id")
	first.eventually("the cancellation", func() bool { return first.call(annaKey, http.MethodGet, cancelled, "").text("state") == "succeeded" })
	// At this rate it goes on until the other process has started, and longer.
	op := "/v1/operations/" + first.call(annaKey, http.MethodPost, "/v1/operations", `{"action":"requeue","filter":{"state":["cancelled"]},"rate":5}`).
		want(http.StatusAccepted, "selection.selected", "60").text("id")

	second.spawn(environ...)
	const acme = "/v1/admin/tenants/acme"
	first.call(annaKey, http.MethodPatch, acme, `{"lanes":["batch"]}`).want(http.StatusOK)
	// A second, and one for a busy machine.
	second.within(2*time.Second, "the other process follows", func() said {
		return second.call(acmeKey, http.MethodPost, "/v1/jobs", textJob(anInvoice(1), ""))
	}, http.StatusForbidden)

	driver := second.call(annaKey, http.MethodGet, op, "").want(http.StatusOK).text("driver")
	kill()
	if at := second.done(annaKey, op); at >= selected {
		t.Fatalf("the process was killed after the end: %d jobs were done", at)
	}
	second.eventually("another driver", func() bool {
		s := second.call(annaKey, http.MethodGet, op, "").want(http.StatusOK)
		return s.text("driver") != driver && s.text("driver") != "" || s.text("state") == "succeeded"
	})
	second.eventually("the end", func() bool { return second.call(annaKey, http.MethodGet, op, "").text("state") == "succeeded" })
	second.call(annaKey, http.MethodGet, op, "").want(http.StatusOK, "counts.applied", "60", "counts.failed", "0")
	if rows := second.audit(annaKey, op); len(rows) != selected {
		t.Errorf("%d rows, want %d", len(rows), selected)
	}
	for _, id := range ids {
		second.call(annaKey, http.MethodGet, "/v1/jobs/"+id, "").want(http.StatusOK, "state", "queued", "run", "2")
	}
}
