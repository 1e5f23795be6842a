package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// heard is within what time of an answer all processes know what it said of the
// provider, on a busy machine.
const heard = 300 * time.Millisecond

// TestNoWorkerCallsAModelBeforeItsRetryAfter lets the provider ask one of three
// workers for a pause: none of them calls it before the pause is over.
func TestNoWorkerCallsAModelBeforeItsRetryAfter(t *testing.T) {
	const wait = 3 * time.Second
	c := newCluster(t, modelsim.Config{}, 1, 3)
	c.load.begin(t)
	for round := range rounds(1, 20) {
		for _, w := range c.workers {
			before := len(c.calls(w))
			until(t, 20*time.Second, "all work", func() bool { return len(c.calls(w)) > before+2 })
		}
		from := len(c.provider.Calls())
		c.provider.SetRules(modelsim.Always(modelsim.Match{}, modelsim.RateLimit(wait)))
		until(t, 10*time.Second, "a worker was asked to wait", func() bool { return len(answered(c.provider.Calls()[from:], "rate_limit")) > 0 })
		pass(heard)
		c.provider.SetRules()
		pass(wait + time.Second)
		refused := answered(c.provider.Calls()[from:], "rate_limit")
		told := refused[0].At.Add(refused[0].Took)
		for _, call := range c.provider.Calls()[from:] {
			if late := call.At.Sub(told); late > heard && late < wait {
				t.Errorf("round %d: a call %s after the provider had asked for %s", round, late, wait)
			}
		}
		if len(refused) > len(c.workers)*clusterSlots {
			t.Errorf("round %d: %d calls were refused, there are %d slots", round, len(refused), len(c.workers)*clusterSlots)
		}
	}
	c.judgeTiers(150 * time.Second) // who has no budget for a retry looks again after 30 s
}

// answered are the calls that got an answer of the kind.
func answered(calls []modelsim.Call, kind string) []modelsim.Call {
	var all []modelsim.Call
	for _, call := range calls {
		if call.Answer == kind && !call.Open {
			all = append(all, call)
		}
	}
	return all
}

// TestAFleetProbesAProviderThatWasDownOnceAndGoesOn takes the provider away
// from three workers under load, with nats-server and without it. In short the
// provider names a time; at full length it says nothing for two minutes, and
// each worker finds the outage by itself.
func TestAFleetProbesAProviderThatWasDownOnceAndGoesOn(t *testing.T) {
	for _, bus := range []bool{true, false} {
		t.Run(fmt.Sprintf("nats %t", bus), func(t *testing.T) {
			reply, outage, settles := modelsim.Overloaded().WithHeader("Retry-After", "4"), 2*time.Second, time.Second
			if long() {
				reply, outage, settles = modelsim.Overloaded(), 2*time.Minute, 10*time.Second
			}
			c := newCluster(t, modelsim.Config{}, 1, 3)
			if !bus {
				c.nats.Kill(t)
				for _, p := range c.programs() {
					until(t, 10*time.Second, "coordination is local", func() bool { return p.logged(`"coordination":"local"`) == 1 })
				}
			}
			c.provider.SetRules(modelsim.Always(modelsim.Match{}, reply))
			began := time.Now()
			c.load.begin(t)
			pass(2 * time.Second)
			c.load.stop()
			pass(outage - time.Since(began))
			c.provider.SetRules()
			c.judgeTiers(150 * time.Second)
			c.judgeOutage(began.Add(settles))
		})
	}
}

// judgeOutage looks at the calls of an outage, of which all processes knew by
// the given time: few before it, then one probe at a time, and after the one
// that worked a slow beginning.
func (c *cluster) judgeOutage(known time.Time) {
	c.t.Helper()
	calls := c.provider.Calls()
	before := 0
	for before < len(calls) && calls[before].At.Before(known) {
		before++
	}
	if most := 10*len(c.workers) + len(c.workers)*clusterSlots; before > most || before == 0 {
		c.t.Errorf("%d calls before the outage was found, want at most %d", before, most)
	}
	probes := 0
	for i, call := range calls[before:] {
		next := calls[before:][min(i+1, len(calls)-before-1)]
		if ended := call.At.Add(call.Took); next.Seq != call.Seq && next.At.Before(ended) {
			c.t.Errorf("a call %s before probe %d had ended", ended.Sub(next.At), i+1)
		}
		if probes++; call.Answer == "good" {
			break
		}
		if gap := next.At.Sub(call.At); gap < 25*time.Second {
			c.t.Errorf("probe %d came %s after the last one", i+2, gap)
		}
	}
	c.t.Logf("%d calls before the outage was found, %d probes, %d calls in all for %d jobs", before, probes, len(calls), c.load.accepted())
}

// judgeTiers waits until every accepted job has succeeded, stops all processes,
// and compares what the store and the provider know: sound histories, no more
// calls than the first tier has, and each of them in a ledger.
func (c *cluster) judgeTiers(within time.Duration) {
	c.t.Helper()
	c.load.stop()
	ids := c.load.writer.succeeded(within)
	c.stop()
	engine := c.engine()
	jobstest.CheckHistories(c.t, engine, ids)
	known := 0
	for _, id := range ids {
		rows, calls := readLedger(c.t, engine, id)
		if calls > 4 || len(rows) > 0 && rows[len(rows)-1].Tier != 1 {
			c.t.Errorf("job %s: %+v", id, rows)
		}
		known += calls
	}
	if seen := len(c.provider.Calls()); seen > known {
		c.t.Errorf("the provider saw %d calls, the ledgers know %d", seen, known)
	}
}
