package chaos_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// mishap is something that happens to a cluster and is over when it returns.
type mishap struct {
	name   string
	happen func(*cluster, *rand.Rand)
}

func mishaps() []mishap {
	all := []mishap{
		{"a worker is killed", func(c *cluster, random *rand.Rand) {
			w := c.workers[random.IntN(len(c.workers))]
			w.kill()
			w.launch()
		}},
		{"a worker is paused", func(c *cluster, random *rand.Rand) {
			w := c.workers[random.IntN(len(c.workers))]
			w.pause()
			pass(between(random, 0, clusterLease*3/2))
			w.resume()
		}},
		{"an API is killed", func(c *cluster, random *rand.Rand) {
			a := c.apis[random.IntN(len(c.apis))]
			a.kill()
			a.launch()
		}},
		{"NATS is killed", func(c *cluster, random *rand.Rand) {
			c.nats.Kill(c.t)
			pass(between(random, 0, 2*time.Second))
			c.nats.Restart(c.t)
		}},
		{"a path fails", func(c *cluster, random *rand.Rand) {
			k := c.links[random.IntN(len(c.links))]
			k.Set(anyFault(random))
			pass(between(random, 0, clusterLease*3/2))
			k.Heal()
		}},
		{"Redis stands still", func(c *cluster, random *rand.Rand) {
			c.redis.Pause(c.t)
			pass(between(random, 0, clusterLease))
			c.redis.Continue(c.t)
		}},
	}
	if long() {
		// After it, what a dead worker held waits for a whole default lease.
		all = append(all, mishap{"Redis is killed", func(c *cluster, random *rand.Rand) {
			c.redis.Kill(c.t)
			pass(between(random, 0, time.Second))
			c.redis.Restart(c.t)
		}})
	}
	return all
}

// TestNoMixOfMishapsLosesAJob lets all kinds of faults happen in any order
// under load.
func TestNoMixOfMishapsLosesAJob(t *testing.T) {
	c := newCluster(t, modelsim.Config{}, 2, 3)
	c.load.begin(t)
	random := seeded(t)
	happened := map[string]int{}
	all := mishaps()
	for range rounds(4, 120) {
		pass(between(random, 0, 500*time.Millisecond))
		m := all[random.IntN(len(all))]
		happened[m.name]++
		m.happen(c, random)
	}
	for _, p := range c.programs() {
		p.await()
	}
	f := c.judge(120 * time.Second)
	t.Logf("%v: %s", happened, f)
	f.want(t, f.lost+f.released, f.accepted)
}
