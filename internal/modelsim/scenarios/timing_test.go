package scenarios_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// many are n jobs of one lane, each with its own document.
func many(n int, lane jobs.Lane, text func(int) string) []job {
	all := make([]job, n)
	for i := range all {
		all[i] = job{text: text(i), lane: lane}
	}
	return all
}

func TestRetriesBackOffWithGrowingGaps(t *testing.T) {
	rules := []modelsim.Rule{modelsim.Always(first(3, onLarge), modelsim.Overloaded())}
	run(t, setup{rules: rules}, func(t *testing.T, s *stack) {
		s.settled(s.submit(job{text: hard(1), lane: jobs.Standard})[0])
		got := gaps(s.sent(large))
		want := []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second} // half of 500 ms, 1 s and 2 s
		if len(got) != 3 {
			t.Fatalf("%d gaps, want 3", len(got))
		}
		for i, g := range got {
			if g < want[i] || g > want[i]+100*time.Millisecond {
				t.Errorf("gap %d is %v, want about %v", i+1, g, want[i])
			}
		}
	})
}

func TestNobodyCallsARouteBeforeItsRetryAfter(t *testing.T) {
	rules := []modelsim.Rule{modelsim.Always(modelsim.Match{Model: large, ModelTo: 1}, modelsim.RateLimit(2*time.Second))}
	run(t, setup{processes: 3, rules: rules}, func(t *testing.T, s *stack) {
		ids := s.submit(many(1, jobs.Standard, hard)...)
		for len(s.sent(large)) == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(500 * time.Millisecond) // the answer is back, and the others know of it
		for n := range 20 {
			ids = append(ids, s.submitAs(jobs.ID(fmt.Sprintf("late_%02d", n)), job{text: hard(n), lane: jobs.Standard}))
		}
		for _, id := range ids {
			if j, _ := s.settled(id); j.State != jobs.Succeeded || j.Tier != 1 {
				t.Errorf("%s is %s on tier %d", id, j.State, j.Tier)
			}
		}
		calls := s.sent(large)
		opens := calls[0].At.Add(calls[0].Took + 2*time.Second)
		for _, c := range calls[1:] {
			if early := opens.Sub(c.At); early > 0 {
				t.Errorf("call %d came %v early", c.Seq, early)
			}
		}
		if len(calls) != 22 {
			t.Errorf("%d calls, want 22", len(calls))
		}
	})
}

func TestALaterShorterWaitDoesNotOpenTheGate(t *testing.T) {
	rules := []modelsim.Rule{
		modelsim.Always(modelsim.Match{Model: large, ModelFrom: 1, ModelTo: 1}, modelsim.RateLimit(time.Minute)),
		modelsim.Always(modelsim.Match{Model: large, ModelFrom: 2, ModelTo: 2}, modelsim.RateLimit(time.Second).After(time.Second)),
	}
	run(t, setup{rules: rules}, func(t *testing.T, s *stack) {
		for _, id := range s.submit(many(2, jobs.Standard, hard)...) {
			if j, _ := s.settled(id); j.Tier != 1 {
				t.Errorf("%s ended on tier %d", id, j.Tier)
			}
		}
		calls := s.sent(large)
		if len(calls) != 4 {
			t.Fatalf("%d calls, want 4", len(calls))
		}
		if gap := calls[2].At.Sub(calls[0].At.Add(calls[0].Took)); gap < time.Minute {
			t.Errorf("the third call came after %v, want a minute", gap)
		}
	})
}

func TestALongWaitParksTheJobAndFreesItsSlot(t *testing.T) {
	rules := []modelsim.Rule{modelsim.Always(modelsim.Match{Model: large, ModelTo: 1}, modelsim.RateLimit(5*time.Minute))}
	run(t, setup{slots: 1, rules: rules}, func(t *testing.T, s *stack) {
		patient := s.submitAs("patient", job{text: hard(1), lane: jobs.Standard})
		time.Sleep(5 * time.Second)
		if j, err := s.engine.Get(t.Context(), "acme", patient); err != nil || j.State != jobs.Parked {
			t.Fatalf("the job is %s (%v), want parked", j.State, err)
		}
		urgent := s.submitAs("urgent", job{text: hard(2), lane: jobs.Interactive})
		if j, _ := s.settled(urgent); j.Tier != 2 || j.EndedAt.Sub(j.AcceptedAt) > 5*time.Second {
			t.Errorf("the urgent job took %v to tier %d", j.EndedAt.Sub(j.AcceptedAt), j.Tier)
		}
		if j, _ := s.settled(patient); j.Tier != 1 || j.EndedAt.Sub(j.AcceptedAt) < 5*time.Minute {
			t.Errorf("the patient job took %v to tier %d", j.EndedAt.Sub(j.AcceptedAt), j.Tier)
		}
	})
}

func TestAnUnpaidAccountIsAskedOnce(t *testing.T) {
	for _, code := range []string{
		"insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
		"project_spend_limit_exceeded", "organization_usage_limit_exceeded",
	} {
		t.Run(code, func(t *testing.T) {
			rules := []modelsim.Rule{modelsim.Always(onLarge, modelsim.Quota(code))}
			run(t, setup{slots: 1, rules: rules}, func(t *testing.T, s *stack) {
				for _, id := range s.submit(many(10, jobs.Interactive, hard)...) {
					if j, _ := s.settled(id); j.Tier != 2 {
						t.Errorf("%s ended on tier %d", id, j.Tier)
					}
				}
				if n := len(s.sent(large)); n != 1 {
					t.Errorf("%d calls with an unpaid account, want 1", n)
				}
			})
		})
	}
}

// TestThePageThatKeepsComingHaltsTheRoute sends a login page where an API
// should be: three in a row are a wrong address, and nobody waits for it.
func TestThePageThatKeepsComingHaltsTheRoute(t *testing.T) {
	const wrong = 4 * time.Minute
	rules := []modelsim.Rule{modelsim.Always(modelsim.Match{Model: large, During: modelsim.During{Until: wrong}}, modelsim.HTMLPage())}
	run(t, setup{slots: 1, rules: rules}, func(t *testing.T, s *stack) {
		for _, id := range s.submit(many(20, jobs.Standard, hard)...) {
			if j, _ := s.settled(id); j.Tier != 2 || j.EndedAt.Sub(j.AcceptedAt) > time.Minute {
				t.Errorf("%s ended on tier %d after %v", id, j.Tier, j.EndedAt.Sub(j.AcceptedAt))
			}
		}
		if n := len(s.sent(large)); n != 3 {
			t.Errorf("%d calls to the wrong address, want 3", n)
		}
		gate := s.gates[0].Of("near", large, time.Now())
		if gate.Reason != tiers.ClassNotAPI || !gate.Closed(time.Now()) {
			t.Errorf("the gate is %+v", gate)
		}
		time.Sleep(time.Until(gate.Until))
		if j, _ := s.settled(s.submitAs("later", job{text: hard(21), lane: jobs.Standard})); j.Tier != 1 {
			t.Errorf("after the address was mended a job ended on tier %d", j.Tier)
		}
	})
}

func TestADeadKeyIsTriedOnceOnEachRouteAndTheRulesTakeOver(t *testing.T) {
	run(t, setup{slots: 1, keys: []string{"rotated"}}, func(t *testing.T, s *stack) {
		for _, id := range s.submit(many(5, jobs.Interactive, simple)...) {
			if j, _ := s.settled(id); j.State != jobs.Succeeded || j.Tier != 3 {
				t.Errorf("%s is %s on tier %d", id, j.State, j.Tier)
			}
		}
		for _, model := range []string{large, small} {
			if calls := s.sent(model); len(calls) != 1 || calls[0].Key != modelsim.KeyName("key") || calls[0].Answer != "bad_key" {
				t.Errorf("%d calls of %s, want 1 that is refused", len(calls), model)
			}
		}
	})
}

func TestAnAnswerJustInTimeStandsAndOneJustTooLateIsPaidFor(t *testing.T) {
	const timeout = 2 * time.Minute // of the primary in the standard lane
	const latency = 400 * time.Millisecond
	for name, tc := range map[string]struct {
		delay time.Duration
		tier  int
	}{
		"just in time": {timeout - latency - time.Millisecond, 1},
		"too late":     {timeout - latency + time.Millisecond, 2},
	} {
		t.Run(name, func(t *testing.T) {
			rules := []modelsim.Rule{modelsim.Always(onLarge, modelsim.Slow(tc.delay))}
			run(t, setup{rules: rules}, func(t *testing.T, s *stack) {
				id := s.submit(job{text: hard(1), lane: jobs.Standard})[0]
				j, _ := s.settled(id)
				if j.Tier != tc.tier || j.EndedAt.After(j.DeadlineAt) {
					t.Errorf("tier %d, ended %v before the deadline", j.Tier, j.DeadlineAt.Sub(j.EndedAt))
				}
				if got, charged := j.Result.Usage.CostMicroUSD, s.sim.Bill("").CostMicroUSD; got < charged/2 {
					t.Errorf("the job says %d millionths of a dollar, the provider charged %d", got, charged)
				}
			})
		})
	}
}

func TestAStaleConnectionCostsNoBudget(t *testing.T) {
	rules := []modelsim.Rule{modelsim.Always(modelsim.Match{Model: large, ModelFrom: 2, ModelTo: 2}, modelsim.End())}
	run(t, setup{cold: true, slots: 1, rules: rules}, func(t *testing.T, s *stack) {
		ids := s.submit(many(2, jobs.Standard, hard)...)
		s.settled(ids[0])
		j, rows := s.settled(ids[1])
		if j.Tier != 1 || len(rows) != 2 || rows[0].Class != tiers.ClassNetStale || rows[0].BackoffMS != 0 {
			t.Errorf("tier %d, ledger %+v", j.Tier, rows)
		}
	})
}

func TestADocumentThatOnlyThePrimaryHoldsSkipsTheSmallerModel(t *testing.T) {
	rules := []modelsim.Rule{modelsim.Always(onLarge, modelsim.BadKey())}
	run(t, setup{window: 500, rules: rules}, func(t *testing.T, s *stack) {
		id := s.submit(job{text: simple(1), lane: jobs.Standard})[0]
		j, rows := s.settled(id)
		if j.Tier != 3 || len(s.sent(small)) != 0 {
			t.Errorf("tier %d after %d calls of the smaller model", j.Tier, len(s.sent(small)))
		}
		if !slices.ContainsFunc(rows, func(a jobs.Attempt) bool { return a.Tier == 2 && a.Kind == jobs.SkipAttempt && a.Why != "" }) {
			t.Errorf("no row says why tier 2 was skipped: %+v", rows)
		}
	})
}

func TestAJobWithoutMoneyLeftMakesNoFurtherCall(t *testing.T) {
	rules := []modelsim.Rule{modelsim.Always(onBoth, modelsim.WrongSchema())}
	run(t, setup{rules: rules}, func(t *testing.T, s *stack) {
		id := s.submit(job{text: simple(1), lane: jobs.Standard, spec: jobs.Spec{MaxCostMicroUSD: 5500}})[0]
		j, _ := s.settled(id)
		if j.Tier != 3 || !slices.Contains(j.Result.Quality.Reasons, tiers.WhyCost) {
			t.Errorf("tier %d because of %v", j.Tier, j.Result.Quality.Reasons)
		}
		if charged := s.sim.Bill("").CostMicroUSD; charged > 5500 || charged == 0 {
			t.Errorf("%d millionths of a dollar were charged, the cap is 5500", charged)
		}
	})
}

func TestAPoisonDocumentHurtsNoOther(t *testing.T) {
	rules := []modelsim.Rule{modelsim.Always(modelsim.Match{Contains: "HL-0007"}, modelsim.ServerError())}
	run(t, setup{slots: 2, rules: rules}, func(t *testing.T, s *stack) {
		states := map[jobs.State]int{}
		for i, id := range s.submit(many(40, jobs.Standard, hard)...) {
			j, _ := s.settled(id)
			states[j.State]++
			if i != 7 && j.Tier != 1 {
				t.Errorf("%s ended on tier %d", id, j.Tier)
			}
		}
		if diff := cmp.Diff(map[jobs.State]int{jobs.Succeeded: 39, jobs.InReview: 1}, states); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if n := len(s.sent(large)) - 39; n > 4 {
			t.Errorf("%d calls for the poison document, want at most 4", n)
		}
	})
}
