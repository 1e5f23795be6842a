package chaos_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/internal/processtest"
)

// TestAFloodLeavesNothingBehind lets callers post far more than a tenant may
// have waiting, half of them impatient, and looks at the process before, in
// the middle and after.
func TestAFloodLeavesNothingBehind(t *testing.T) {
	const maxQueued, maxRSS = 100, 400 << 20
	_, model := simulate(t, modelsim.Config{Models: []modelsim.Model{{Name: "sim", Latency: 30 * time.Millisecond}}})
	admin := processtest.FreeAddress(t)
	a := newAPI(t, append(route(model.URL()), fmt.Sprintf("SLUICE_SLOTS=%d", slots), "SLUICE_ADMIN_ADDR="+admin)...)
	a.start()
	limitTenant(t, a, maxQueued)
	f := &flood{t: t, api: a}
	f.run(200 * time.Millisecond) // what a first job opens for good is not a leak
	before := f.calm(admin, gauges{})

	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	most, rss := 0.0, 0.0
	watching.Go(func() {
		for ctx.Err() == nil {
			g := readGauges(t, admin)
			most, rss = max(most, g["waiting"]), max(rss, g["process_resident_memory_bytes"])
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	f.run(time.Duration(rounds(3, 60)) * time.Second)
	stop()
	watching.Wait()
	after := f.calm(admin, before)

	if f.accepted.Load() == 0 || f.refused.Load() == 0 || f.abandoned.Load() == 0 {
		t.Errorf("%d accepted, %d refused, %d abandoned: want some of each", f.accepted.Load(), f.refused.Load(), f.abandoned.Load())
	}
	if most > maxQueued {
		t.Errorf("%.0f jobs waited, the limit is %d", most, maxQueued)
	}
	if rss > maxRSS {
		t.Errorf("%.0f MiB of memory, want at most %d", rss/(1<<20), maxRSS>>20)
	}
	t.Logf("%d accepted, %d refused, %d abandoned; at most %.0f waited, %.0f MiB; goroutines %.0f before and %.0f after, files %.0f and %.0f", f.accepted.Load(),
		f.refused.Load(), f.abandoned.Load(), most, rss/(1<<20), before["go_goroutines"], after["go_goroutines"], before["process_open_fds"], after["process_open_fds"])
}

// limitTenant bounds what the tenant of a server without tenants may have
// waiting.
func limitTenant(t *testing.T, a *api, maxQueued int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, a.url("/v1/admin/tenants/default"), strings.NewReader(fmt.Sprintf(`{"max_queued":%d}`, maxQueued)))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	must(t, err)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("limit the tenant: status %d", answer.StatusCode)
	}
}

// flood is callers that post without pause.
type flood struct {
	t                            *testing.T
	api                          *api
	next                         atomic.Int64
	accepted, refused, abandoned atomic.Int64
}

func (f *flood) run(d time.Duration) {
	ctx, stop := context.WithTimeout(f.t.Context(), d)
	defer stop()
	var callers sync.WaitGroup
	for i := range 16 {
		c := newClient(f.t, f.api)
		c.http.Transport = &http.Transport{}
		if i%2 == 0 {
			c.http.Timeout = 5 * time.Millisecond
		}
		callers.Go(func() {
			defer c.http.CloseIdleConnections()
			for ctx.Err() == nil {
				f.post(c)
			}
		})
	}
	callers.Wait()
}

func (f *flood) post(c *client) {
	n := int(f.next.Add(1))
	switch _, status := c.submit(n, fmt.Sprintf("flood-%d", n)); status {
	case http.StatusAccepted:
		f.accepted.Add(1)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		f.refused.Add(1)
	case 0:
		f.abandoned.Add(1)
	default:
		f.t.Errorf("document %d: status %d", n, status)
	}
}

// gauges are figures of a process by their names.
type gauges map[string]float64

// calm waits until no job waits or runs and the process holds no more than
// within 5 % of base, and answers what it holds. An empty base allows all.
func (f *flood) calm(admin string, base gauges) gauges {
	f.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		g := readGauges(f.t, admin)
		settled := g["waiting"] == 0 && g["running"] == 0
		for _, name := range []string{"go_goroutines", "process_open_fds"} {
			if base[name] > 0 && g[name] > 1.05*base[name] {
				settled = false
			}
		}
		if settled {
			return g
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("the process does not come to rest: %v, was %v", g, base)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// readGauges reads the figures that the test needs; waiting and running are
// sums over the lanes.
func readGauges(t *testing.T, admin string) gauges {
	t.Helper()
	answer, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Error(err)
		return nil
	}
	defer func() { _ = answer.Body.Close() }()
	g := gauges{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch {
		case !strings.HasPrefix(name, "sluice_queue_depth{"):
			g[name] = n
		case strings.Contains(name, `state="running"`):
			g["running"] += n
		default:
			g["waiting"] += n
		}
	}
	return g
}
