package chaos_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// TestSIGTERMFinishesOrGivesBackWhatRuns stops the API while jobs run: what
// fits into the grace finishes, the rest is given back and runs in the next
// life, and the exit is clean.
func TestSIGTERMFinishesOrGivesBackWhatRuns(t *testing.T) {
	provider, model := simulate(t, modelsim.Config{
		Models: []modelsim.Model{{Name: "sim", Latency: 500 * time.Millisecond}},
		Rules:  []modelsim.Rule{modelsim.Always(modelsim.Match{Contains: "C-000001", From: 1, To: 1}, modelsim.Hang())},
	})
	a := newAPI(t, append(route(model.URL()), "SLUICE_GRACE=2s")...)
	a.start()
	c := newClient(t, a)
	fast, _ := c.submit(0, "fast")
	stuck, _ := c.submit(1, "stuck")
	until(t, 10*time.Second, "the calls have begun", func() bool { return len(provider.Calls()) >= 2 })
	ended := make(chan error, 1)
	go func() { ended <- a.terminate(15 * time.Second) }()
	sawDraining := false
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("exit: %v", err)
			}
			if !sawDraining {
				t.Error("readyz never said that the process is draining")
			}
			a.start()
			for _, id := range []string{fast, stuck} {
				if job := await(t, c, id, time.Now().Add(30*time.Second)); job.State != "succeeded" {
					t.Errorf("job %s is %s", id, job.State)
				}
			}
			if log := a.logs.String(); !strings.Contains(log, `"message":"stopped"`) {
				t.Error("the log does not say that the process stopped")
			}
			return
		case <-time.After(20 * time.Millisecond):
			sawDraining = draining(t, a) || sawDraining
		}
	}
}

// draining reports whether readyz is 503 and intake refuses with the reason.
func draining(t *testing.T, a *api) bool {
	t.Helper()
	answer, err := http.Get(a.url("/readyz"))
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusServiceUnavailable {
		return false
	}
	if _, status := newClient(t, a).submit(7, "late"); status != http.StatusServiceUnavailable && status != 0 {
		t.Errorf("intake answered %d while draining", status)
	}
	return true
}
