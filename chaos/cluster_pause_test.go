package chaos_test

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice/chaos/link"
	"github.com/sluicehq/sluice/internal/modelsim"
)

// settledLine is what a worker logs of a job whose outcome it has written,
// lostLine of one that somebody else has taken over.
const (
	settledLine = `"message":"settled"`
	lostLine    = `"message":"lease lost; nothing written"`
)

// first gives a reply to the first call for each document, some time later.
func first(r modelsim.Reply, after time.Duration) modelsim.Config {
	r.Delay = after
	return modelsim.Config{Rules: []modelsim.Rule{modelsim.Always(modelsim.Match{From: 1, To: 1}, r)}}
}

// TestAPausedWorkerCannotOverwriteItsHeir stops a worker (SIGSTOP) in the
// middle of its calls, past its leases, until another worker has finished its
// jobs, and lets it go on. Where its calls had answers its outcomes are
// refused; where they had failed it does not call again.
func TestAPausedWorkerCannotOverwriteItsHeir(t *testing.T) {
	for name, reply := range map[string]modelsim.Reply{"answered": modelsim.Good(), "failed": modelsim.ServerError()} {
		t.Run(name, func(t *testing.T) {
			for range rounds(1, 10) {
				pauseAndContinue(t, first(reply, time.Second))
			}
		})
	}
}

func pauseAndContinue(t *testing.T, model modelsim.Config) {
	t.Helper()
	c := newCluster(t, model, 1, 1)
	paused, heir := c.workers[0], c.addWorker()
	c.load.post(t, clusterSlots)
	until(t, 20*time.Second, "all slots call the model", func() bool { return c.provider.Count("") == clusterSlots })
	paused.pause()
	heir.start()
	until(t, 30*time.Second, "the heir has finished", func() bool { return heir.logged(settledLine) == clusterSlots })
	paused.resume()
	until(t, 20*time.Second, "the paused worker was refused", func() bool { return paused.logged(lostLine) == clusterSlots })
	if n := paused.logged(settledLine); n != 0 {
		t.Errorf("the paused worker settled %d jobs", n)
	}
	if n := len(c.calls(paused)); n != clusterSlots {
		t.Errorf("the paused worker made %d calls, want the %d before it was paused", n, clusterSlots)
	}
	f := c.judge(30 * time.Second)
	t.Logf("SIGSTOP past the lease: %s", f)
	if f.lost != clusterSlots || f.again != clusterSlots {
		t.Errorf("%d loans ended unextended and %d calls were made again, want %d of both", f.lost, f.again, clusterSlots)
	}
}

// TestAWriteThatArrivesAfterItsLeaseIsRefused keeps the outcomes of a worker on
// their way to Redis until another worker has finished its jobs.
func TestAWriteThatArrivesAfterItsLeaseIsRefused(t *testing.T) {
	for range rounds(1, 10) {
		c := newCluster(t, first(modelsim.Good(), 300*time.Millisecond), 1, 1)
		far, heir := c.workers[0], c.addWorker()
		c.load.post(t, clusterSlots)
		until(t, 20*time.Second, "all slots call the model", func() bool { return c.provider.Count("") == clusterSlots })
		far.redis.Set(link.Fault{HoldRequests: true, HoldAnswers: true})
		heir.start()
		until(t, 30*time.Second, "the heir has finished", func() bool { return heir.logged(settledLine) == clusterSlots })
		far.redis.Heal()
		c.load.post(t, 20)
		f := c.judge(30 * time.Second)
		t.Logf("outcomes held past the lease: %s", f)
		if n := far.logged(settledLine) + heir.logged(settledLine); n != f.accepted {
			t.Errorf("the workers settled %d jobs of %d", n, f.accepted)
		}
		f.want(t, clusterSlots, 0)
	}
}

// TestAPausedRedisTakesNoJobFromItsWorker stops redis-server (SIGSTOP), shorter
// than a lease: nobody loses a job, and no call is made again.
func TestAPausedRedisTakesNoJobFromItsWorker(t *testing.T) {
	c := newCluster(t, modelsim.Config{}, 2, 2)
	c.load.begin(t)
	for range rounds(2, 10) {
		pass(500 * time.Millisecond)
		c.redis.Pause(t)
		pass(clusterLease / 2)
		c.redis.Continue(t)
	}
	pass(time.Second)
	f := c.judge(60 * time.Second)
	t.Logf("SIGSTOP of redis-server: %s", f)
	f.want(t, 0, 0)
}
