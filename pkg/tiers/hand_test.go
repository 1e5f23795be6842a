package tiers_test

import (
	"strconv"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestAnAnswerStandsWithoutItsFaultyFields(t *testing.T) {
	t.Parallel()
	optional := tiers.Hand{N: 1, OptionalOnly: true}
	full, high := jobs.Spec{RequireFull: true}, jobs.Spec{Risk: jobs.RiskHigh}
	for i, c := range []struct {
		hand tiers.Hand
		spec jobs.Spec
		tier int
		want bool
	}{
		{optional, jobs.Spec{}, 1, true},
		{optional, jobs.Spec{}, 2, true},
		{tiers.Hand{N: 1}, jobs.Spec{}, 1, false},
		{optional, full, 1, false},
		{optional, high, 1, true},
		{optional, high, 2, false},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			if got := c.hand.StandsWithout(c.spec, c.tier); got != c.want {
				t.Errorf("%+v of %+v on tier %d stands: %v", c.hand, c.spec, c.tier, got)
			}
		})
	}
}
