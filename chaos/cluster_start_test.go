package chaos_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/chaos/link"
	"github.com/sluicehq/sluice/internal/modelsim"
)

// TestAProcessStartsAlthoughRedisFailsMeanwhile resets the connection to Redis
// at one request after the other of those that an API and a worker make while
// they start: each becomes ready all the same.
func TestAProcessStartsAlthoughRedisFailsMeanwhile(t *testing.T) {
	c := newCluster(t, modelsim.Config{}, 1, 1)
	c.stop()
	random := seeded(t)
	for i, p := range c.programs() {
		toRedis := c.links[2*i] // each process has one to Redis, then one to NATS
		every := int64(rounds(3, 1))
		for fails := 1 + random.Int64N(every); fails <= 30; fails += every {
			var requests atomic.Int64
			toRedis.Watch(func(c link.Chunk) bool { return c.Direction != link.Request || requests.Add(1) != fails })
			p.launch()
			p.await()
			if err := p.terminate(20 * time.Second); err != nil {
				t.Errorf("stop: %v", err)
			}
		}
		toRedis.Watch(nil)
	}
}
