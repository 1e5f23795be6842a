package scenarios_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// ends waits for all jobs and counts them by state and, where they succeeded,
// by tier.
func (s *stack) ends(ids []jobs.ID) (states map[jobs.State]int, byTier [5]int) {
	s.t.Helper()
	states = map[jobs.State]int{}
	for _, id := range ids {
		j, _ := s.settled(id)
		states[j.State]++
		if j.State == jobs.Succeeded {
			byTier[j.Tier]++
		}
	}
	return states, byTier
}

func TestTheTokensOfAMinuteAreReservedBeforeTheCall(t *testing.T) {
	run(t, setup{processes: 3, slots: 16, tpm: 30_000}, func(t *testing.T, s *stack) {
		ids := s.submit(many(150, jobs.Standard, hard)...)
		states, byTier := s.ends(ids)
		over := 0
		for _, c := range s.sent(large) {
			if c.Answer == "over_limit" {
				over++
			}
		}
		if over > 1 || states[jobs.Succeeded] != 150 {
			t.Errorf("%d calls over the provider's limit; %v, by tier %v", over, states, byTier)
		}
		t.Logf("%d calls of the large model, %d over its limit, by tier %v", len(s.sent(large)), over, byTier)
	})
}

func TestAProviderThatFailsHalfOfTheTimeCostsFewCallsAndNoJob(t *testing.T) {
	rules := []modelsim.Rule{modelsim.Sometimes(onLarge, 0.5, modelsim.ServerError())}
	run(t, setup{processes: 2, slots: 8, rules: rules}, func(t *testing.T, s *stack) {
		began := time.Now()
		var ids []jobs.ID
		for n, j := range many(300, jobs.Standard, hard) {
			ids = append(ids, s.submitAs(jobs.ID(fmt.Sprintf("job_%04d", n)), j))
			time.Sleep(200 * time.Millisecond)
		}
		states, byTier := s.ends(ids)
		if states[jobs.Succeeded] != 300 {
			t.Errorf("%v, by tier %v", states, byTier)
		}
		if n := len(s.sent(large)) + len(s.sent(small)); n > 600 {
			t.Errorf("%d calls for 300 jobs", n)
		}
		// Each of the two processes finds the route down at most once in the half
		// minute for which it then stays away.
		if n, most := s.downs.Load(), 2*int64(1+time.Since(began)/(30*time.Second)); n > most {
			t.Errorf("the processes found the route down %d times in %v, want at most %d", n, time.Since(began), most)
		}
		t.Logf("by tier %v, %d and %d calls, found down %d times", byTier, len(s.sent(large)), len(s.sent(small)), s.downs.Load())
	})
}

func TestWhenEverythingIsDownForTenMinutesNobodyHurriesAndNothingIsLost(t *testing.T) {
	const outage = 10 * time.Minute
	down := modelsim.Match{During: modelsim.During{Until: outage}}
	run(t, setup{processes: 2, slots: 8, rules: []modelsim.Rule{modelsim.Always(down, modelsim.Overloaded529())}}, func(t *testing.T, s *stack) {
		ids := s.submit(many(100, jobs.Standard, hard)...)
		began := time.Now()
		states, byTier := s.ends(ids)
		during := 0
		for _, c := range s.sim.Calls() {
			if c.At.Sub(began) < outage {
				during++
			}
		}
		if states[jobs.Failed]+states[jobs.Expired] > 0 {
			t.Errorf("%v, by tier %v", states, byTier)
		}
		if during > 150 {
			t.Errorf("%d calls while everything was down", during)
		}
		t.Logf("%d calls during the outage; %v, by tier %v", during, states, byTier)
	})
}

func TestASlowProviderIsNotABrokenOne(t *testing.T) {
	rules := []modelsim.Rule{modelsim.Always(onLarge, modelsim.Slow(19*400*time.Millisecond))} // 20 times its latency
	run(t, setup{slots: 8, rules: rules}, func(t *testing.T, s *stack) {
		states, byTier := s.ends(s.submit(many(60, jobs.Standard, hard)...))
		if byTier[1] != 60 || len(s.sent(large)) != 60 {
			t.Errorf("%v, by tier %v, %d calls", states, byTier, len(s.sent(large)))
		}
		if n := s.downs.Load(); n > 0 {
			t.Errorf("the route was found down %d times", n)
		}
		if n := mostAtOnce(s.sent(large)[30:]); n != 7 {
			t.Errorf("%d calls at once in the second half, want 7: all slots but the one kept for critical jobs", n)
		}
	})
}

// mostAtOnce is the most calls that were under way together.
func mostAtOnce(calls []modelsim.Call) int {
	most := 0
	for _, c := range calls {
		n := 0
		for _, o := range calls {
			if !o.At.After(c.At) && o.At.Add(o.Took).After(c.At) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
