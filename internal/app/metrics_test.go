package app_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// names lists the sluice metrics that a text mentions.
func names(text string) []string {
	all := regexp.MustCompile(`sluice_[a-z_]+`).FindAllString(text, -1)
	slices.Sort(all)
	return slices.Compact(all)
}

func TestThePageNamesEveryMetricAndNoOther(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	m := app.NewMetrics()
	m.RegisterStats(func() (jobs.Stats, bool) { return jobs.Stats{At: time.Now()}, true })
	m.RegisterRoutes(func() []ladder.RouteState { return []ladder.RouteState{{Name: "r"}} })
	documented := names(string(page))
	for _, name := range m.Names() {
		if !slices.Contains(documented, name) {
			t.Errorf("the page does not name %s", name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(m.Names(), name) {
			t.Errorf("the page names %s, which is not exported", name)
		}
	}
}

func TestMetricsAreServed(t *testing.T) {
	m := app.NewMetrics()
	m.RegisterStats(func() (jobs.Stats, bool) {
		return jobs.Stats{At: time.Now(), States: map[jobs.State]int64{jobs.Failed: 2, jobs.Expired: 1}}, true
	})
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{"sluice_dead_letters 3", `sluice_jobs{state="failed"} 2`, `sluice_queue_depth{lane="batch",state="queued"} 0`} {
		if !strings.Contains(rec.Body.String(), line) {
			t.Errorf("no line %s", line)
		}
	}
}
