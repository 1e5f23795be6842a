package tiers_test

import (
	"errors"
	"math"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestACallWithoutAnAnswerCountsInFullWhateverItIsEstimatedAt(t *testing.T) {
	t.Parallel()
	reserved, estimate := jobs.Usage{InputTokens: 100, OutputTokens: 1000, CostMicroUSD: 1100}, jobs.Usage{InputTokens: 100, CostMicroUSD: 100}
	broken := errors.New("broken")
	tests := []struct {
		name   string
		signal tiers.Signal
		class  jobs.Class
		want   jobs.Usage
	}{
		{"nothing came back", tiers.Signal{Phase: tiers.PhaseWait, Err: broken, Usage: estimate}, tiers.ClassNetAmbiguous, reserved},
		{"the answer broke off", tiers.Signal{Status: 200, Phase: tiers.PhaseRead, Err: broken, Usage: estimate}, tiers.ClassNetCut, reserved},
		{"we stopped it", tiers.Signal{Phase: tiers.PhaseWait, Err: broken, Timeout: tiers.BudgetShutdown, Usage: estimate}, tiers.ClassCancelled, reserved},
		{"it never left", tiers.Signal{Phase: tiers.PhaseConnect, Err: broken}, tiers.ClassNetPresend, jobs.Usage{}},
		{"an answer without usage", tiers.Signal{Status: 200, Phase: tiers.PhaseDone, Content: "{}", FinishReason: "stop", Usage: estimate}, "", estimate},
		{"an empty answer with usage", tiers.Signal{Status: 200, Phase: tiers.PhaseDone, FinishReason: "stop", Usage: estimate, UsageKnown: true}, tiers.ClassEmpty, estimate},
	}
	classifier, err := tiers.NewClassifier("")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		v := classifier.Classify(tt.signal, tiers.Judgement{}, epoch())
		row := tiers.Policy{}.Close(nil, jobs.Attempt{N: 1, Tier: 1, Kind: jobs.CallAttempt, Usage: reserved}, tt.signal, v, epoch(), 0)
		if row.Class != tt.class || row.Usage != tt.want {
			t.Errorf("%s: closed as %q at %+v, want %q at %+v", tt.name, row.Class, row.Usage, tt.class, tt.want)
		}
	}
}

func TestAPriceBeyondAllBoundsPaysForNothing(t *testing.T) {
	t.Parallel()
	for _, usd := range []float64{1e12, 1e300, math.Inf(1), math.NaN()} {
		cost := tiers.Price{InputUSD: usd}.Of(1_000_000, 0)
		if sum := 10_000 * cost; cost < 1e12 || sum < cost {
			t.Errorf("at %v dollars a million tokens cost %d millionths", usd, cost)
		}
	}
	if cost := (tiers.Price{InputUSD: math.Inf(1)}).Of(0, 5); cost < 0 {
		t.Errorf("no tokens cost %d", cost)
	}
}
