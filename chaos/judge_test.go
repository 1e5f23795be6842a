package chaos_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// succeeded waits until every accepted job has succeeded with the answer of its
// own document, and returns the jobs. Nobody may post meanwhile.
func (w *writer) succeeded(within time.Duration) []jobs.ID {
	t := w.client.t
	t.Helper()
	deadline := time.Now().Add(within)
	var ids []jobs.ID
	for n, id := range w.ids {
		ids = append(ids, jobs.ID(id))
		job := await(t, w.client, id, deadline)
		if job.State != "succeeded" {
			t.Errorf("document %d: job %s is %s (%+v)", n, id, job.State, job.Failure)
			continue
		}
		if got, want := fmt.Sprint(job.Result.Data["total"]), strconv.Itoa(100+n); got != want {
			t.Errorf("document %d: total %s, want %s", n, got, want)
		}
	}
	return ids
}

// await waits until nothing more happens to a job by itself.
func await(t *testing.T, c *client, id string, deadline time.Time) jobView {
	t.Helper()
	for {
		var job jobView
		err := c.get("/v1/jobs/"+id+"?wait=5", &job)
		if err == nil && job.settled() {
			return job
		}
		if time.Now().After(deadline) {
			t.Fatalf("job %s: %+v, %v", id, job, err)
		}
	}
}

// readLedger returns what the ledger of a job has, and how many of the rows are
// paid calls. It wants no row behind the call that gave the answer.
func readLedger(t *testing.T, e jobs.Engine, id jobs.ID) (rows []jobs.Attempt, paid int) {
	t.Helper()
	rows, err := e.Attempts(t.Context(), "", id)
	must(t, err)
	for i, row := range rows {
		if row.Kind != jobs.CallAttempt {
			continue
		}
		paid++
		if row.Outcome == jobs.AttemptOK && i != len(rows)-1 {
			t.Errorf("job %s was worked on after it had its answer: %+v", id, rows[i:])
		}
	}
	return rows, paid
}
