package tiers_test

import (
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestAnIdleProcessMayRetryOnceButNotAfterATimeout(t *testing.T) {
	t.Parallel()
	b := tiers.NewRetryBudget(1)
	if b.Take(3) {
		t.Error("three units granted out of one")
	}
	if !b.Take(1) {
		t.Error("the first unit refused")
	}
	if b.Take(1) {
		t.Error("a second unit granted out of nothing")
	}
	for range 10 {
		b.First()
	}
	if !b.Take(1) || b.Tokens() != 0 {
		t.Errorf("ten first attempts make one retry, %v left", b.Tokens())
	}
}

func TestTheCapIsSharedAmongLiveWorkersButNeverBelowOne(t *testing.T) {
	t.Parallel()
	for workers, want := range map[int]float64{-1: 10, 0: 10, 1: 10, 4: 2.5, 10: 1, 64: 1} {
		b := tiers.NewRetryBudget(workers)
		for range 1000 {
			b.First()
		}
		if got := b.Tokens(); got != want {
			t.Errorf("%d workers: %v units, want %v", workers, got, want)
		}
	}
	b := tiers.NewRetryBudget(1)
	for range 1000 {
		b.First()
	}
	if b.SetWorkers(4); b.Tokens() != 2.5 {
		t.Errorf("%v units after three more workers came, want 2.5", b.Tokens())
	}
}

// TestRetriesStayWithinTheBound checks every window of random traffic against
// retries ≤ 0.1 × first attempts + cap.
func TestRetriesStayWithinTheBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		workers := rapid.IntRange(1, 20).Draw(t, "workers")
		limit := max(10/float64(workers), 1)
		b := tiers.NewRetryBudget(workers)
		type step struct{ firsts, spent int }
		story := []step{{}}
		for _, cost := range rapid.SliceOfN(rapid.IntRange(0, 3), 0, 300).Draw(t, "costs") {
			next := story[len(story)-1]
			if cost == 0 {
				b.First()
				next.firsts++
			} else if b.Take(cost) {
				next.spent += cost
			}
			story = append(story, next)
		}
		for i := range story {
			for _, end := range story[i:] {
				bound := 0.1*float64(end.firsts-story[i].firsts) + limit
				if spent := float64(end.spent - story[i].spent); spent > bound+1e-9 {
					t.Fatalf("%v units spent in a window that allows %v", spent, bound)
				}
			}
		}
	})
}

func TestEvalsNeverSpendProductionsRetries(t *testing.T) {
	t.Parallel()
	var b tiers.Budgets
	eval, prod := tiers.PoolOf(jobs.Batch), tiers.PoolOf(jobs.Standard)
	if !b.Take("a/m", eval, 1) || b.Take("a/m", eval, 1) {
		t.Error("the eval pool does not hold exactly one unit")
	}
	if !b.Take("a/m", prod, 1) || !b.Take("b/m", prod, 1) {
		t.Error("another pool or route was charged")
	}
	b.SetWorkers(2)
	for range 1000 {
		b.First("a/m", prod)
	}
	if got := b.Tokens("a/m", prod); got != 5 {
		t.Errorf("%v units for one of two workers, want 5", got)
	}
}

func TestBudgetsGrantEachUnitOnce(t *testing.T) {
	t.Parallel()
	var b tiers.Budgets
	for range 100 {
		b.First("a/m", tiers.PoolProd)
	}
	var wg sync.WaitGroup
	granted := make([]int, 8)
	for i := range granted {
		wg.Go(func() {
			for range 100 {
				if b.Take("a/m", tiers.PoolProd, 1) {
					granted[i]++
				}
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range granted {
		sum += n
	}
	if sum != 10 {
		t.Errorf("%d units granted out of 10", sum)
	}
}
