package chaos_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// slots is how many jobs the API runs at once in these tests.
const slots = 8

// writer posts documents with keys, and posts each again until it knows what
// became of it, across the API's deaths.
type writer struct {
	client *client
	pause  time.Duration // after each document

	mu   sync.Mutex
	ids  map[int]string // accepted, by document number
	next int
}

func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.deliver(ctx, w.number())
		select {
		case <-ctx.Done():
		case <-time.After(w.pause):
		}
	}
}

// number is that of the next document.
func (w *writer) number() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.next
	w.next++
	return n
}

// deliver posts document n until it is accepted; after an unclear answer the
// same key must give the same job.
func (w *writer) deliver(ctx context.Context, n int) {
	key := fmt.Sprintf("chaos-%d", n)
	for {
		id, status := w.client.submit(n, key)
		switch {
		case status == http.StatusAccepted || status == http.StatusOK:
			w.accepted(n, id)
			return
		case status == 0 || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		default:
			w.client.t.Errorf("document %d: status %d", n, status)
			return
		}
		select {
		case <-ctx.Done():
			return // unknown: neither lost nor accepted
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (w *writer) accepted(n int, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old, ok := w.ids[n]; ok && old != id {
		w.client.t.Errorf("document %d became two jobs: %s and %s", n, old, id)
	}
	w.ids[n] = id
}

// TestKillsLoseNoAcceptedJobAndRepeatNoFinishedOne kills the API with SIGKILL
// again and again while documents come in and models are called.
func TestKillsLoseNoAcceptedJobAndRepeatNoFinishedOne(t *testing.T) {
	kills := rounds(3, 50)
	provider, model := simulate(t, modelsim.Config{})
	a := newAPI(t, append(route(model.URL()), fmt.Sprintf("SLUICE_SLOTS=%d", slots))...)
	a.start()

	w := &writer{client: newClient(t, a), ids: map[int]string{}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() { w.run(ctx) })
	}
	random := seeded(t)
	var recovery []time.Duration
	for range kills {
		pass(between(random, 100*time.Millisecond, 800*time.Millisecond))
		a.kill()
		recovery = append(recovery, a.start())
	}
	stop()
	load.Wait()
	judge(t, a, w, provider, kills)
	slices.Sort(recovery)
	t.Logf("%d kills, %d jobs accepted, 0 lost; ready again after %s (median), %s (worst)",
		kills, len(w.ids), recovery[len(recovery)/2].Round(time.Millisecond), recovery[len(recovery)-1].Round(time.Millisecond))
}

// judge waits until every accepted job has succeeded, stops the API for good,
// and looks at what its store and its provider saw.
func judge(t *testing.T, a *api, w *writer, provider *modelsim.Server, kills int) {
	t.Helper()
	ids := w.succeeded(90 * time.Second)
	if err := a.terminate(30 * time.Second); err != nil {
		t.Fatalf("stop: %v", err)
	}
	engine, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: a.dir})
	must(t, err)
	defer func() { _ = engine.Close() }()
	jobstest.CheckHistories(t, engine, ids)
	judgeCalls(t, engine, ids, provider, kills)
}

// judgeCalls compares what the provider saw with what the ledgers say: no call
// is missing from a ledger, none is made for a job that had its answer, and
// only what a kill cut off is made again.
func judgeCalls(t *testing.T, engine jobs.Engine, ids []jobs.ID, provider *modelsim.Server, kills int) {
	t.Helper()
	known, again := 0, 0
	for _, id := range ids {
		_, calls := readLedger(t, engine, id)
		known += calls
		again += calls - 1
	}
	if seen := len(provider.Calls()); seen > known {
		t.Errorf("the provider saw %d calls, the ledgers know %d", seen, known)
	}
	if limit := kills * slots; again > limit {
		t.Errorf("%d calls were made again; at most %d were under way at a kill", again, limit)
	}
	t.Logf("%d paid calls for %d jobs, %d of them cut off by a kill and made again", known, len(ids), again)
}
