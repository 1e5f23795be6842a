package chaos_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// seeded is a source of random numbers whose seed is in the test's log.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

// TestKillingRedisLosesNoAcceptedJob kills redis-server with SIGKILL again and
// again while documents come in at two APIs and two workers call the model.
func TestKillingRedisLosesNoAcceptedJob(t *testing.T) {
	kills := rounds(4, 50)
	c := newCluster(t, modelsim.Config{}, 2, 2)
	c.load.begin(t)
	random := seeded(t)
	var down []time.Duration
	for range kills {
		pass(between(random, 200*time.Millisecond, 1200*time.Millisecond))
		c.redis.Kill(t)
		began := time.Now()
		pass(between(random, 0, 300*time.Millisecond))
		c.redis.Restart(t)
		before := c.load.accepted()
		until(t, 30*time.Second, "jobs are accepted again", func() bool { return c.load.accepted() > before })
		down = append(down, time.Since(began))
	}
	f := c.judge(90 * time.Second)
	slices.Sort(down)
	t.Logf("redis-server killed %d times: %s; accepting again %s (median), %s (worst) after the kill", kills, f, down[len(down)/2].Round(time.Millisecond), down[len(down)-1].Round(time.Millisecond))
	// What ran at a kill goes on running: only an outcome that could not be
	// written within the lease is worked out again.
	f.want(t, 0, f.accepted)
}

// TestKillingWorkersRepeatsAtMostTheCallsUnderWay kills one of three workers
// with SIGKILL again and again, at any moment of its life.
func TestKillingWorkersRepeatsAtMostTheCallsUnderWay(t *testing.T) {
	kills := rounds(6, 200)
	c := newCluster(t, modelsim.Config{}, 1, 3)
	c.load.begin(t)
	random := seeded(t)
	for range kills {
		pass(between(random, 50*time.Millisecond, 800*time.Millisecond))
		w := c.workers[random.IntN(len(c.workers))]
		w.kill()
		w.launch()
	}
	for _, w := range c.workers {
		w.await()
	}
	f := c.judge(90 * time.Second)
	t.Logf("a worker killed %d times: %s", kills, f)
	// A worker runs clusterSlots jobs, each with at most one call under way.
	f.want(t, kills*clusterSlots, f.accepted)
}

// TestKillingAPIsMakesNoJobTwice kills one of two APIs with SIGKILL again and
// again: whoever got no answer asks the other, and gets the same job.
func TestKillingAPIsMakesNoJobTwice(t *testing.T) {
	kills := rounds(4, 100)
	c := newCluster(t, modelsim.Config{}, 2, 2)
	c.load.begin(t)
	random := seeded(t)
	for i := range kills {
		pass(between(random, 50*time.Millisecond, 700*time.Millisecond))
		a := c.apis[i%len(c.apis)]
		a.kill()
		a.start() // so that the other may be killed next
	}
	f := c.judge(60 * time.Second)
	t.Logf("an API killed %d times: %s", kills, f)
	f.want(t, 0, 0)
}
