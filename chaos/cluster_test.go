package chaos_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/chaos/link"
	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/internal/processtest"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

// clusterLease is the lease of the workers of a cluster: long enough for a busy
// machine to extend it in time, short enough to be waited for.
const clusterLease = 4 * time.Second

// clusterSlots is how many jobs each worker of a cluster runs at once.
const clusterSlots = 4

// cluster is a fleet of real processes: one redis-server that syncs each write,
// one nats-server, APIs without slots, and workers. Each API and worker has a
// link of its own to each server, and each worker one to the model.
type cluster struct {
	t        *testing.T
	redis    *redistest.Redis
	nats     *redistest.NATS
	provider *modelsim.Server
	model    *modelsim.Endpoint
	docs     string
	load     *clusterLoad
	others   []jobs.ID // handed in beside the load, which need not succeed

	apis    []*api
	workers []*worker
	links   []*link.Link // from APIs and workers to the servers
}

// newCluster starts servers, APIs and workers and waits until all are ready.
func newCluster(t *testing.T, model modelsim.Config, apis, workers int) *cluster {
	t.Helper()
	c := &cluster{
		t: t, redis: redistest.Start(t, redistest.Settings{}), nats: redistest.StartNATS(t),
		docs: filepath.Join(t.TempDir(), "documents"),
	}
	c.provider, c.model = simulate(t, model)
	for range apis {
		c.addAPI()
	}
	for range workers {
		c.addWorker()
	}
	c.load = newClusterLoad(t, c.apis)
	for _, p := range c.programs() {
		p.launch()
	}
	for _, p := range c.programs() {
		p.await()
	}
	return c
}

// worker is one life after another of cmd/worker.
type worker struct {
	*program
	key                string // that it shows to the model
	redis, nats, model *link.Link
}

// programs are all APIs and workers.
func (c *cluster) programs() []*program {
	var all []*program
	for _, a := range c.apis {
		all = append(all, a.program)
	}
	for _, w := range c.workers {
		all = append(all, w.program)
	}
	return all
}

// link opens a link that lasts as long as the test.
func (c *cluster) link(addr string) *link.Link {
	c.t.Helper()
	k, err := link.Open(addr)
	must(c.t, err)
	c.t.Cleanup(k.Close)
	return k
}

// toServers opens a link to Redis and one to NATS.
func (c *cluster) toServers() (redis, nats *link.Link) {
	c.t.Helper()
	redis, nats = c.link(c.redis.Addr()), c.link(c.nats.Addr())
	c.links = append(c.links, redis, nats)
	return redis, nats
}

// share is what every process of the cluster is told.
func (c *cluster) share(redis, nats *link.Link) []string {
	return []string{
		"SLUICE_ENGINE=redis://" + redis.Addr(), "NATS_URL=nats://" + nats.Addr(), "SLUICE_REDIS__DOCUMENTS_DIR=" + c.docs,
		fmt.Sprint("SLUICE_LEASE=", clusterLease),
	}
}

func (c *cluster) addAPI() {
	c.t.Helper()
	environ := append(c.share(c.toServers()), "SLUICE_SLOTS=0")
	c.apis = append(c.apis, newAPI(c.t, append(environ, route(c.model.URL())...)...))
}

// addWorker adds a worker that was not started yet, with more in its
// environment.
func (c *cluster) addWorker(more ...string) *worker {
	c.t.Helper()
	w := &worker{
		key:   fmt.Sprint("key-of-worker-", len(c.workers)+1),
		model: c.link(strings.TrimSuffix(strings.TrimPrefix(c.model.URL(), "http://"), "/v1")),
	}
	w.redis, w.nats = c.toServers()
	admin := processtest.FreeAddress(c.t)
	environ := append(c.share(w.redis, w.nats), route("http://"+w.model.Addr()+"/v1")...)
	environ = append(environ,
		"SLUICE_ADMIN_ADDR="+admin, "SLUICE_DATA_DIR="+c.t.TempDir(), fmt.Sprint("SLUICE_SLOTS=", clusterSlots), "SLUICE_MODEL_API_KEY="+w.key)
	w.program = newProgram(c.t, "worker", admin, append(environ, more...)...)
	c.workers = append(c.workers, w)
	return w
}

// stop ends all processes in order; each must end cleanly.
func (c *cluster) stop() {
	c.t.Helper()
	for _, p := range c.programs() {
		if p.cmd == nil {
			continue
		}
		if err := p.terminate(40 * time.Second); err != nil {
			c.t.Errorf("stop %s: %v", filepath.Base(p.binary), err)
		}
	}
}

// calls are the paid calls that a worker has made.
func (c *cluster) calls(w *worker) []modelsim.Call {
	return slices.DeleteFunc(c.provider.Calls(), func(call modelsim.Call) bool { return call.Key != modelsim.KeyName(w.key) })
}

// logged counts the lines of the log that hold a text.
func (p *program) logged(text string) int { return strings.Count(p.logs.String(), text) }

// clusterLoad is writers that post to all APIs in turn.
type clusterLoad struct {
	writer *writer
	end    context.CancelFunc
	work   sync.WaitGroup
}

func newClusterLoad(t *testing.T, apis []*api) *clusterLoad {
	client := newClient(t, apis...)
	client.document = mixedInvoice
	return &clusterLoad{writer: &writer{client: client, pause: 30 * time.Millisecond, ids: map[int]string{}}}
}

// begin posts until end.
func (l *clusterLoad) begin(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	l.end = end
	for range 4 {
		l.work.Go(func() { l.writer.run(ctx) })
	}
	t.Cleanup(l.stop)
}

// stop waits until no post is under way.
func (l *clusterLoad) stop() {
	if l.end != nil {
		l.end()
	}
	l.work.Wait()
}

// accepted is how many jobs were.
func (l *clusterLoad) accepted() int {
	l.writer.mu.Lock()
	defer l.writer.mu.Unlock()
	return len(l.writer.ids)
}

// post hands in documents one by one. They are critical, so that they may have
// every slot: one is kept from the other lanes.
func (l *clusterLoad) post(t *testing.T, count int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	w, want := l.writer, l.accepted()+count
	w.client.lane = "critical"
	for range count {
		w.deliver(ctx, w.number())
	}
	if got := l.accepted(); got != want {
		t.Fatalf("%d documents were accepted, want %d", got, want)
	}
}

// mixedInvoice is an invoice that is now and then too large for Redis.
func mixedInvoice(n int) string {
	text := invoice(n)
	if n%10 == 9 {
		text += strings.Repeat("\nPlease pay within thirty days of this date.", 900)
	}
	return text
}

// until waits until something holds.
func until(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	over := time.After(within)
	for !holds() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-over:
			t.Fatalf("not so after %s: %s", within, what)
		}
	}
}

// pass lets time pass.
func pass(d time.Duration) { <-time.After(d) }
