package chaos_test

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/sluicehq/sluice/chaos/link"
	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// silence is a link on which nothing arrives.
func silence() link.Fault { return link.Fault{HoldRequests: true, HoldAnswers: true} }

// TestJobsFlowWithoutNATS ends the nats-server for a while under load: jobs go
// on, every process says that it is alone and later that it is not, and a
// running job can be cancelled meanwhile.
func TestJobsFlowWithoutNATS(t *testing.T) {
	hung := modelsim.Always(modelsim.Match{Contains: "C-900000"}, modelsim.Hang())
	c := newCluster(t, modelsim.Config{Rules: []modelsim.Rule{hung}}, 2, 2)
	c.load.begin(t)
	pass(time.Second)
	c.nats.Kill(t)
	for _, p := range c.programs() {
		until(t, 10*time.Second, "coordination is local", func() bool { return p.logged(`"coordination":"local"`) == 1 })
	}
	c.cancelHung(900_000)
	before := c.load.accepted()
	pass(time.Duration(rounds(4, 60)) * time.Second)
	during := c.load.accepted() - before
	c.nats.Restart(t)
	for _, p := range c.programs() {
		until(t, 20*time.Second, "coordination is shared", func() bool { return p.logged(`"coordination":"shared"`) >= 2 })
	}
	f := c.judge(60 * time.Second)
	t.Logf("nats-server away, %d jobs accepted meanwhile: %s", during, f)
	if during == 0 {
		t.Error("no job was accepted without NATS")
	}
	f.want(t, 0, 0)
}

// cancelHung posts a document whose call hangs, cancels it while it runs, and
// waits until it is cancelled.
func (c *cluster) cancelHung(n int) {
	c.t.Helper()
	client := newClient(c.t, c.apis[0])
	client.lane = "critical"
	id, status := client.submit(n, "hung")
	if status != http.StatusAccepted {
		c.t.Fatalf("document %d: status %d", n, status)
	}
	c.others = append(c.others, jobs.ID(id))
	var job jobView
	until(c.t, 20*time.Second, "the job runs", func() bool { return client.get("/v1/jobs/"+id, &job) == nil && job.State == "running" })
	answer, err := client.http.Post(client.url("/v1/jobs/"+id+"/cancel"), "application/json", bytes.NewReader([]byte("{}")))
	must(c.t, err)
	_ = answer.Body.Close()
	until(c.t, clusterLease, "the job is cancelled", func() bool { return client.get("/v1/jobs/"+id, &job) == nil && job.State == "cancelled" })
}

// TestASlowAndBrokenNetworkLosesAndRepeatsNothing makes one path between a
// process and a server after the other late, silent in either direction, or
// cut, for a moment each, under load.
func TestASlowAndBrokenNetworkLosesAndRepeatsNothing(t *testing.T) {
	c := newCluster(t, modelsim.Config{}, 2, 2)
	c.load.begin(t)
	random := seeded(t)
	for range rounds(8, 150) {
		k := c.links[random.IntN(len(c.links))]
		k.Set(anyFault(random))
		pass(between(random, 100*time.Millisecond, clusterLease/4))
		k.Heal()
	}
	f := c.judge(90 * time.Second)
	t.Logf("paths slow, silent or cut: %s", f)
	f.want(t, f.lost+f.released, f.accepted)
}

func anyFault(random *rand.Rand) link.Fault {
	switch random.IntN(5) {
	case 0:
		return link.Fault{Latency: between(random, 50*time.Millisecond, 500*time.Millisecond)}
	case 1:
		return link.Fault{Cut: true}
	case 2:
		return link.Fault{HoldRequests: true}
	case 3:
		return link.Fault{HoldAnswers: true}
	default:
		return silence()
	}
}

// TestAWorkerWithoutRedisBeginsNoPaidCall keeps two workers from Redis, one by
// silence and one by resets, for longer than their leases: they begin no call
// once half a lease has passed, a third worker takes their jobs over, and they
// work again when Redis is back.
func TestAWorkerWithoutRedisBeginsNoPaidCall(t *testing.T) {
	for range rounds(1, 10) {
		c := newCluster(t, modelsim.Config{}, 1, 3)
		alone := c.workers[:2]
		c.load.begin(t)
		for _, w := range c.workers {
			until(t, 20*time.Second, "all work", func() bool { return len(c.calls(w)) > 5 })
		}
		began := time.Now()
		alone[0].redis.Set(silence())
		alone[1].redis.Set(link.Fault{Cut: true})
		pass(clusterLease + 2*time.Second)
		healed := time.Now()
		for _, w := range alone {
			w.redis.Heal()
			before := len(c.calls(w))
			until(t, 20*time.Second, "it works again", func() bool { return len(c.calls(w)) > before })
		}
		f := c.judge(60 * time.Second)
		t.Logf("two workers without Redis for %s: %s", clusterLease+2*time.Second, f)
		for _, w := range alone {
			for _, call := range c.calls(w) {
				if call.At.After(began.Add(clusterLease/2+200*time.Millisecond)) && call.At.Before(healed) {
					t.Errorf("a call began %s after its worker was cut off", call.At.Sub(began))
				}
			}
		}
		f.want(t, len(alone)*clusterSlots, f.accepted)
	}
}
