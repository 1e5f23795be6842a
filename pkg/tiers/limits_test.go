package tiers_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

const wide = "acme/large"

func answered() tiers.Verdict {
	return tiers.Verdict{Effect: tiers.EffectSuccess, Billed: jobs.BilledYes}
}
func refused(c jobs.Class) tiers.Verdict { return tiers.Verdict{Class: c, Billed: jobs.BilledNo} }

func TestNoMinuteGoesAboveTheRates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var l tiers.Limits
		now := epoch()
		policy := tiers.LimitPolicy{
			RequestsPerMinute: rapid.IntRange(1, 300).Draw(t, "rpm"),
			TokensPerMinute:   rapid.IntRange(1000, 100_000).Draw(t, "tpm"),
			EvalShare:         rapid.SampledFrom([]float64{0, 0.1, 0.5}).Draw(t, "share"),
		}
		l.Set(wide, policy, now)
		workers := rapid.IntRange(1, 4).Draw(t, "workers")
		l.SetWorkers(workers, now)
		part := 0.75
		if policy.EvalShare != 0 {
			part = 1 - policy.EvalShare
		}
		part /= float64(workers)
		type call struct {
			at     time.Time
			tokens int
		}
		var calls []call
		largest := 0
		for range rapid.IntRange(1, 400).Draw(t, "asks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "pause")) * time.Millisecond)
			tokens := rapid.IntRange(1, 3000).Draw(t, "tokens")
			p, again := l.Reserve(wide, tiers.PoolProd, "job", tokens, now)
			if p == nil {
				if !again.After(now) {
					t.Fatal("refused by a rate without a time to ask again")
				}
				continue
			}
			p.Settle(answered(), jobs.Usage{InputTokens: tokens}, now)
			calls = append(calls, call{now, tokens})
			largest = max(largest, tokens)
		}
		for i, first := range calls {
			requests, tokens := 0, 0
			for _, c := range calls[i:] {
				if c.at.Sub(first.at) >= time.Minute {
					break
				}
				requests, tokens = requests+1, tokens+c.tokens
			}
			if most := float64(policy.RequestsPerMinute)*part + 1; float64(requests) > most {
				t.Fatalf("%d requests in a minute, want at most %.1f", requests, most)
			}
			if most := float64(policy.TokensPerMinute)*part + float64(largest); float64(tokens) > most {
				t.Fatalf("%d tokens in a minute, want at most %.0f", tokens, most)
			}
		}
	})
}

func TestWhatWasNotUsedGoesBackAndWhatWasUsedBeyondIsOwed(t *testing.T) {
	t.Parallel()
	var l tiers.Limits
	now := epoch()
	l.Set(wide, tiers.LimitPolicy{TokensPerMinute: 10_000, EvalShare: 0.5}, now) // 500 at once
	reserve := func(n int) *tiers.Permit {
		t.Helper()
		p, _ := l.Reserve(wide, tiers.PoolProd, "job", n, now)
		return p
	}
	p := reserve(500)
	if p == nil || reserve(1) != nil {
		t.Fatal("want one call that takes all")
	}
	p.Settle(answered(), jobs.Usage{InputTokens: 100, OutputTokens: 100}, now)
	p.Settle(answered(), jobs.Usage{}, now) // the second time does nothing
	if reserve(301) != nil {
		t.Fatal("more came back than was left over")
	}
	if p = reserve(300); p == nil {
		t.Fatal("300 tokens were not used and did not come back")
	}
	p.Settle(refused(tiers.ClassRate), jobs.Usage{}, now)
	if p = reserve(300); p == nil {
		t.Fatal("a call that was refused keeps its tokens")
	}
	p.Settle(answered(), jobs.Usage{InputTokens: 675}, now) // 375 more than reserved
	_, again := l.Reserve(wide, tiers.PoolProd, "job", 1, now)
	if wait := again.Sub(now); wait < 5*time.Second || wait > 6*time.Second {
		t.Errorf("after 375 too many the wait is %v, want 5 s at 75 a second", wait)
	}
	if p, _ := l.Reserve(wide, tiers.PoolEval, "job", 500, now); p == nil {
		t.Error("evals have nothing left although only production called")
	}
}

func TestACallThatWasNeverMadeGivesItsRequestBack(t *testing.T) {
	t.Parallel()
	var l tiers.Limits
	now := epoch()
	l.Set(wide, tiers.LimitPolicy{RequestsPerMinute: 60, TokensPerMinute: 60_000, EvalShare: 0.5}, now) // 3 at once
	for i := range 100 {
		p, again := l.Reserve(wide, tiers.PoolProd, "job", 100, now)
		if p == nil {
			t.Fatalf("after %d calls that were never made the next one waits for %v", i, again.Sub(now))
		}
		p.Settle(refused(tiers.ClassCancelled), jobs.Usage{}, now)
	}
	for range 3 {
		p, _ := l.Reserve(wide, tiers.PoolProd, "job", 100, now)
		if p == nil {
			t.Fatal("no room for three calls")
		}
		p.Settle(tiers.Verdict{Class: tiers.ClassCancelled, Billed: jobs.BilledMaybe}, jobs.Usage{InputTokens: 100}, now)
	}
	if p, _ := l.Reserve(wide, tiers.PoolProd, "job", 100, now); p != nil {
		t.Error("calls that were made and then stopped gave their requests back")
	}
}

func TestALossHalvesWhatARouteCarriesOnce(t *testing.T) {
	t.Parallel()
	var l tiers.Limits
	now := epoch()
	var calls []*tiers.Permit
	for range 16 {
		p, _ := l.Reserve(wide, tiers.PoolProd, "job", 1, now)
		calls = append(calls, p)
	}
	now = now.Add(time.Second)
	for _, p := range calls {
		p.Settle(refused(tiers.ClassOverload), jobs.Usage{}, now)
	}
	if n := l.Carries(wide, tiers.PoolProd, now); n != 8 {
		t.Fatalf("after 16 losses at once the route carries %d, want 8", n)
	}
	if n := l.Carries(wide, tiers.PoolEval, now); n < 16 {
		t.Errorf("the losses of production cut evals to %d", n)
	}
	now = now.Add(time.Second)
	p, _ := l.Reserve(wide, tiers.PoolProd, "job", 1, now)
	p.Settle(refused(tiers.ClassRamp), jobs.Usage{}, now)
	if n := l.Carries(wide, tiers.PoolProd, now); n != 4 {
		t.Errorf("after the loss of a later call the route carries %d, want 4", n)
	}
}

// TestARouteGrowsBack sends one call after the other.
func TestARouteGrowsBack(t *testing.T) {
	t.Parallel()
	var l tiers.Limits
	now := epoch()
	l.Set(wide, tiers.LimitPolicy{Concurrency: 16, EvalShare: 0.25}, now) // 12 for production
	held := make([]*tiers.Permit, 12)
	for i := range held {
		if held[i], _ = l.Reserve(wide, tiers.PoolProd, "job", 1, now); held[i] == nil {
			t.Fatalf("the call %d of 12 was refused", i+1)
		}
	}
	if p, _ := l.Reserve(wide, tiers.PoolProd, "job", 1, now); p != nil {
		t.Fatal("more than 12 calls at once")
	}
	for _, p := range held {
		p.Settle(refused(tiers.ClassCancelled), jobs.Usage{}, now)
	}
	l.Restart(wide, now)
	var grown []int
	for range 10 {
		now = now.Add(10 * time.Second)
		p, _ := l.Reserve(wide, tiers.PoolProd, "job", 1, now)
		p.Settle(answered(), jobs.Usage{}, now)
		grown = append(grown, l.Carries(wide, tiers.PoolProd, now))
	}
	want := []int{2, 3, 4, 5, 6, 6, 6, 7, 7, 7} // quickly to half of 12, then one in 30 s
	for i := range want {
		if grown[i] != want[i] {
			t.Fatalf("the route carried %v, want %v", grown, want)
		}
	}
}

func TestLimitsAreSplitOverTheWorkers(t *testing.T) {
	t.Parallel()
	var l tiers.Limits
	now := epoch()
	l.Set(wide, tiers.LimitPolicy{Concurrency: 32, EvalShare: 0.25}, now)
	for workers, want := range map[int]int{1: 24, 3: 8, 100: 1} {
		l.SetWorkers(workers, now)
		if n := l.Carries(wide, tiers.PoolProd, now); n != want {
			t.Errorf("one of %d workers carries %d, want %d", workers, n, want)
		}
	}
}

func TestLimitsOutsideTheirBoundsAreRefused(t *testing.T) {
	t.Parallel()
	for _, p := range []tiers.LimitPolicy{{Concurrency: -1}, {Concurrency: 1 << 20}, {RequestsPerMinute: -1}, {TokensPerMinute: -1}, {EvalShare: 1}, {EvalShare: -.1}} {
		if p.Validate() == nil {
			t.Errorf("%+v is let through", p)
		}
	}
	if err := (tiers.LimitPolicy{}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestWhoWasRefusedGoesBeforeThoseThatComeLater(t *testing.T) {
	t.Parallel()
	var l tiers.Limits
	now := epoch()
	l.Set(wide, tiers.LimitPolicy{Concurrency: 1, EvalShare: 0.01}, now)
	reserve := func(job jobs.ID) *tiers.Permit {
		p, _ := l.Reserve(wide, tiers.PoolProd, job, 1, now)
		return p
	}
	end := func(p *tiers.Permit) { p.Settle(tiers.Verdict{}, jobs.Usage{}, now) }
	first := reserve("first")
	if first == nil || reserve("second") != nil || reserve("third") != nil {
		t.Fatal("a route for one call took more, or none")
	}
	end(first)
	if reserve("late") != nil || reserve("third") != nil {
		t.Error("somebody went before the one that was refused first")
	}
	now = now.Add(time.Second)
	second := reserve("second")
	if second == nil {
		t.Fatal("the one that was refused first is refused again")
	}
	end(second)
	now = now.Add(5 * time.Second) // the others have gone elsewhere
	if reserve("late") == nil {
		t.Error("a place is kept for somebody who does not come")
	}
}
