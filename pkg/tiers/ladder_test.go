package tiers_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestAGateThatClosedDuringTheCallForbidsTheRepair(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.job.DeadlineAt = epoch().Add(time.Hour)
	w.fillBudget()
	w.ledger = []jobs.Attempt{{
		N: 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "acme", Model: "large", EndedAt: epoch(),
		Outcome: jobs.AttemptError, Class: tiers.ClassBadJSON,
	}}
	w.hand = tiers.Hand{N: 1}
	w.gates.Close(tiers.Gate{Name: "acme", Until: epoch().Add(time.Minute), Reason: tiers.ClassRate}, epoch())
	if got := tiers.Next(w.input()); got.Kind != tiers.StepSkip || got.Why != tiers.WhyGated {
		t.Errorf("step %q, want a skip because of the gate", got)
	}
}

func TestARepairWaitsInItsSlotForRoomAndNoLongerThanACall(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.job.DeadlineAt = epoch().Add(time.Hour)
	w.ledger = []jobs.Attempt{{
		N: 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "acme", Model: "large", EndedAt: epoch(),
		Outcome: jobs.AttemptError, Class: tiers.ClassBadJSON,
	}}
	w.hand, w.grant = tiers.Hand{N: 1}, tiers.Grant{After: 1, Given: true}
	tests := []struct {
		busy time.Duration
		want tiers.Step
	}{
		{300 * time.Millisecond, tiers.Step{Kind: tiers.StepWait, Tier: 1, Until: epoch().Add(300 * time.Millisecond), Why: tiers.WhyBusy}},
		{20 * time.Second, tiers.Step{Kind: tiers.StepWait, Tier: 1, Until: epoch().Add(time.Second), Why: tiers.WhyBusy}},
		{2*time.Minute + time.Second, tiers.Step{Kind: tiers.StepSkip, Tier: 1, Why: tiers.WhyBusy}},
	}
	for _, tt := range tests {
		in := w.input()
		for i := range in.Routes {
			in.Routes[i].BusyUntil = epoch().Add(tt.busy)
		}
		if diff := cmp.Diff(tt.want, tiers.Next(in)); diff != "" {
			t.Errorf("busy for %v (-want +got):\n%s", tt.busy, diff)
		}
	}
}

func TestALargerAnswerIsAskedForOnlyWithTheMoneyForIt(t *testing.T) {
	t.Parallel()
	cut := jobs.Attempt{
		N: 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "acme", Model: "large", EndedAt: epoch(),
		Outcome: jobs.AttemptError, Class: tiers.ClassTruncated, Usage: jobs.Usage{CostMicroUSD: 1000},
	}
	wrong := cut
	wrong.N, wrong.Class = 2, tiers.ClassBadJSON
	tests := []struct {
		name   string
		ledger []jobs.Attempt
		most   int64
		want   tiers.StepKind
	}{
		{"a call with twice the room", []jobs.Attempt{cut}, 3000, tiers.StepCall},
		{"a call without the money", []jobs.Attempt{cut}, 2999, tiers.StepSkip},
		{"a repair of the longer answer", []jobs.Attempt{cut, wrong}, 2000 + 2*1500, tiers.StepRepair},
		{"a repair without the money", []jobs.Attempt{cut, wrong}, 2000 + 2*1500 - 1, tiers.StepSkip},
	}
	for _, tt := range tests {
		w := newWorld()
		w.job.DeadlineAt = epoch().Add(time.Hour)
		w.job.Spec.MaxCostMicroUSD, w.ledger = tt.most, tt.ledger
		w.hand, w.grant = tiers.Hand{N: 2}, tiers.Grant{After: len(tt.ledger), Given: true}
		w.routes = []tiers.Route{{
			Tier: 1, Provider: "acme", Model: "large", Estimate: jobs.Usage{CostMicroUSD: 1000}, Repair: jobs.Usage{CostMicroUSD: 1500},
		}}
		got := tiers.Next(w.input())
		if spends := tiers.Usage(tt.ledger).CostMicroUSD + got.Reserve.CostMicroUSD; got.Kind != tt.want || spends > tt.most {
			t.Errorf("%s: got %s that may bring the job to %d of %d, want %s", tt.name, got, spends, tt.most, tt.want)
		}
	}
}

func TestARowWrittenByALaterVersionDoesNotStopTheLadder(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.job.DeadlineAt = epoch().Add(time.Hour)
	w.fillBudget()
	w.ledger = []jobs.Attempt{{
		N: 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "gone", Model: "gone", EndedAt: epoch(),
		Outcome: jobs.AttemptError, Class: "from_a_later_version",
	}}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if w.end.Kind != tiers.StepSucceed || w.end.Tier != 1 {
		t.Errorf("ended with %q, want an answer of tier 1", w.end)
	}
}

func TestAJobWithoutTimesEndsWithAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.job.EnqueuedAt = time.Time{}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if w.end.Kind != tiers.StepReview || len(w.calls) > 0 {
		t.Errorf("ended with %q after %d calls, want a review without one", w.end, len(w.calls))
	}
}

// TestATierWithATimeoutBelowTheShortestAttemptIsStillReached was found by the
// property of the proof.
func TestATierWithATimeoutBelowTheShortestAttemptIsStillReached(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.policy = tiers.Policy{
		Primary: tiers.ModelPolicy{Retries: -1, Timeout: tiers.LaneDurations{jobs.Standard: 23 * time.Second}},
		Smaller: tiers.ModelPolicy{Timeout: tiers.LaneDurations{jobs.Standard: time.Second}},
	}
	w.job.DeadlineAt = epoch().Add(w.policy.ProofOf(jobs.Standard, 0).Needs())
	w.reply = func(route string, _ bool) string {
		if route == "acme/large" {
			return "timeout"
		}
		return "ok"
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if w.end.Tier != 2 {
		t.Errorf("ended with %q, want an answer of tier 2\n%s", w.end, w.log.String())
	}
}
