package modelsim_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// TestWithinAMinuteTheDemoShowsEveryTier sends a document a second to the
// primary and, where that fails, to the smaller model, as the ladder would.
func TestWithinAMinuteTheDemoShowsEveryTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := modelsim.New(modelsim.DemoScript())
		e := s.Pipe()
		defer e.Close()
		var wg sync.WaitGroup
		tiers := make([]int, 60) // by second
		for second := range tiers {
			wg.Go(func() {
				text := fmt.Sprint(sample, "Page ", second)
				for i, model := range []string{modelsim.DemoPrimary, modelsim.DemoSmaller} {
					if answersWell(t.Context(), e, model, text) {
						tiers[second] = i + 1
						return
					}
				}
				tiers[second] = 3
			})
			<-time.After(time.Second)
		}
		wg.Wait()

		share := func(tier, from, until int) float64 {
			n := 0
			for _, got := range tiers[from:until] {
				if got == tier {
					n++
				}
			}
			return float64(n) / float64(until-from)
		}
		if got := share(1, 0, 14); got < 0.3 || got > 0.9 {
			t.Errorf("fair weather: share %.2f on tier 1 of %v", got, tiers)
		}
		if got := share(2, 15, 29); got < 0.7 {
			t.Errorf("primary down: share %.2f on tier 2 of %v", got, tiers)
		}
		if got := share(3, 40, 47); got != 1 {
			t.Errorf("both down: share %.2f on tier 3 of %v", got, tiers)
		}
		kinds := map[string]bool{}
		for _, c := range s.Calls() {
			kinds[c.Answer] = true
		}
		for _, k := range []string{"good", "hang", "rate_limit", "bad_json", "overloaded", "bad_gateway"} {
			if !kinds[k] {
				t.Errorf("no %s within the minute", k)
			}
		}
		if s.Bill("").CostMicroUSD == 0 {
			t.Error("the demo costs nothing")
		}
	})
}

// answersWell makes one attempt of at most 3 s.
func answersWell(ctx context.Context, e *modelsim.Endpoint, model, text string) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	res, body, err := post(ctx, e, prompt(model, text))
	return err == nil && res.StatusCode == http.StatusOK && strings.Contains(body, `\"total\":300.00`)
}
