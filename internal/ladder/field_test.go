package ladder_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// outageFor answers errors on all routes until it is over, and then well.
func outageFor(d time.Duration, fault func(context.Context) extract.Answer) provider {
	return func(_ string, at time.Duration) func(context.Context) extract.Answer {
		if at < d {
			return after(300*time.Millisecond, fault)
		}
		return after(2*time.Second, good)
	}
}

// TestAnOpenBreakerBurnsNoAttempts is a report from the field: 111 jobs lost
// their three attempts within seconds, because each try met an open breaker
// and counted.
func TestAnOpenBreakerBurnsNoAttempts(t *testing.T) {
	// Engines that are swept at different paces bring parked jobs back in
	// different crowds.
	for _, sweeps := range []time.Duration{time.Second, 5 * time.Second, 20 * time.Second} {
		t.Run(sweeps.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := startFleet(t, setup{processes: 2, slots: 16, models: primaryOnly(), sweeps: sweeps, provider: outageFor(10*time.Minute, status(503, ""))})
				f.submit(111, jobs.Standard)
				time.Sleep(70 * time.Minute)
				f.finish()
				states, byTier := f.states()
				if diff := cmp.Diff(map[int]int{1: 111}, byTier); diff != "" {
					t.Errorf("answers by tier (-want +got):\n%s%v", diff, states)
				}
				t.Logf("%.1f commits a job", f.commits())
			})
		})
	}
}

// TestAnOutageOfHoursLeavesNoDeadLetters is another report: 2 h 45 min without
// a provider dead-lettered half of the jobs within the first minute.
func TestAnOutageOfHoursLeavesNoDeadLetters(t *testing.T) {
	for name, c := range map[string]struct {
		models []ladder.Model
		most   float64 // commits a job during the outage
	}{
		"one model": {primaryOnly(), 6},
		// Nobody tries tier 2 for a patient job, so it looks open: the jobs are
		// borrowed, and each looks at the primary ever more rarely.
		"two models": {bothTiers(), 40},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := startFleet(t, setup{processes: 2, slots: 8, models: c.models, sweeps: 10 * time.Second, provider: outageFor(165*time.Minute, status(529, ""))})
				f.submit(200, jobs.Batch)
				time.Sleep(165 * time.Minute)
				states, _ := f.states()
				if waiting := states[jobs.Queued] + states[jobs.Parked] + states[jobs.Running]; waiting < 180 || states[jobs.Failed]+states[jobs.Expired] > 0 {
					t.Errorf("at the end of the outage: %v", states)
				}
				during := f.commits()
				time.Sleep(100 * time.Minute)
				f.finish()
				states, byTier := f.states()
				if byTier[1] < 195 || states[jobs.Succeeded] != 200 {
					t.Errorf("in the end: %v, by tier %v", states, byTier)
				}
				if during > c.most {
					t.Errorf("%.1f commits a job during the outage, want at most %.0f", during, c.most)
				}
				t.Logf("%v, by tier %v, %.1f commits a job during the outage, %d calls", states, byTier, during, len(f.calls))
			})
		})
	}
}

// TestARouteThatOpensIsTakenUpSlowly looks at how many calls are under way
// after an outage: the fleet begins with one.
func TestARouteThatOpensIsTakenUpSlowly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const outage = 5 * time.Minute
		f := startFleet(t, setup{processes: 3, slots: 16, models: primaryOnly(), provider: outageFor(outage, status(500, ""))})
		f.submit(900, jobs.Standard)
		time.Sleep(30 * time.Minute)
		f.finish()
		most := map[int]int{} // at once, by the call's place after the outage
		n := 0
		for _, c := range f.calls {
			if c.from >= outage {
				most[min(n/5, 3)] = max(most[min(n/5, 3)], c.inFlight)
				n++
			}
		}
		if most[0] > 6 { // one probe, then one more for each answer and process
			t.Errorf("%d calls at once among the first five after the outage", most[0])
		}
		if most[3] < 12 {
			t.Errorf("at most %d calls at once long after the outage", most[3])
		}
		states, _ := f.states()
		if diff := cmp.Diff(map[jobs.State]int{jobs.Succeeded: 900}, states); diff != "" {
			t.Errorf("jobs by state (-want +got):\n%s", diff)
		}
		t.Logf("%v; calls at once by place: %v", states, most)
	})
}

// TestABrokenPrimaryCostsBatchJobsFewLooks lets tier 2 work all along: who may
// takes it, and the patient jobs look at the primary ever more rarely.
func TestABrokenPrimaryCostsBatchJobsFewLooks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := startFleet(t, setup{processes: 2, slots: 8, models: bothTiers(), sweeps: 10 * time.Second, provider: func(route string, at time.Duration) func(context.Context) extract.Answer {
			if route == "near/large" && at < 165*time.Minute {
				return after(300*time.Millisecond, status(529, ""))
			}
			return after(time.Second, good)
		}})
		f.submit(100, jobs.Interactive)
		f.submit(100, jobs.Batch)
		time.Sleep(time.Minute)
		_, byTier := f.states()
		if byTier[2] < 90 {
			t.Errorf("after a minute tier 2 has answered %v", byTier)
		}
		time.Sleep(4 * time.Hour)
		f.finish()
		states, byTier := f.states()
		if diff := cmp.Diff(map[jobs.State]int{jobs.Succeeded: 200}, states); diff != "" {
			t.Errorf("jobs (-want +got):\n%s", diff)
		}
		if byTier[1] < 60 {
			t.Errorf("by tier %v: the batch jobs did not wait for the primary", byTier)
		}
		if n := f.commits(); n > 40 {
			t.Errorf("%.1f commits a job", n)
		}
		t.Logf("by tier %v, %.1f commits a job", byTier, f.commits())
	})
}
