package tiers_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestAnIdleProcessMayRetryOnceButNotAfterATimeout(t *testing.T) {
	t.Parallel()
	b := tiers.NewRetryBudget(1)
	if b.Take(3, 0) {
		t.Error("three units granted out of one")
	}
	if !b.Take(1, 0) {
		t.Error("the first unit refused")
	}
	if b.Take(1, 0) {
		t.Error("a second unit granted out of nothing")
	}
	for range 10 {
		b.First(0)
	}
	if !b.Take(1, 0) || b.Tokens() != 0 {
		t.Errorf("ten first attempts make one retry, %v left", b.Tokens())
	}
}

func TestTheCapIsSharedAmongLiveWorkersButNeverBelowOne(t *testing.T) {
	t.Parallel()
	for workers, want := range map[int]float64{-1: 10, 0: 10, 1: 10, 4: 2.5, 10: 1, 64: 1} {
		b := tiers.NewRetryBudget(workers)
		for range 1000 {
			b.First(0)
		}
		if got := b.Tokens(); got != want {
			t.Errorf("%d workers: %v units, want %v", workers, got, want)
		}
	}
	b := tiers.NewRetryBudget(1)
	for range 1000 {
		b.First(0)
	}
	if b.SetWorkers(4); b.Tokens() != 2.5 {
		t.Errorf("%v units after three more workers came, want 2.5", b.Tokens())
	}
}

// TestRetriesStayWithinTheBound checks every window of random traffic against
// retries ≤ 0.1 × first attempts + cap. A retry that costs more than the cap is
// one retry, for which the bucket owes the rest.
func TestRetriesStayWithinTheBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		workers := rapid.IntRange(1, 20).Draw(t, "workers")
		limit := max(10/float64(workers), 1)
		b := tiers.NewRetryBudget(workers)
		type step struct{ firsts, calls, spent int }
		story := []step{{}}
		for _, cost := range rapid.SliceOfN(rapid.IntRange(0, 3), 0, 300).Draw(t, "costs") {
			next := story[len(story)-1]
			if cost == 0 {
				b.First(0)
				next.firsts++
			} else if b.Take(cost, 0) {
				next.spent += cost
				next.calls++
			}
			story = append(story, next)
		}
		for i := range story {
			for _, end := range story[i:] {
				bound := 0.1*float64(end.firsts-story[i].firsts) + limit
				if calls := float64(end.calls - story[i].calls); calls > bound+1e-9 {
					t.Fatalf("%v retries in a window that allows %v", calls, bound)
				}
				owed := max(3-limit, 0)
				if spent := float64(end.spent - story[i].spent); spent > bound+owed+1e-9 {
					t.Fatalf("%v units spent in a window that allows %v", spent, bound+owed)
				}
			}
		}
	})
}

func TestEachOfManyWorkersMayRetryATimeout(t *testing.T) {
	t.Parallel()
	b := tiers.NewRetryBudget(20)
	if !b.Take(3, 0) || b.Take(1, 0) {
		t.Error("a full bucket does not grant exactly one dear retry")
	}
	for range 29 {
		b.First(0)
	}
	if b.Take(1, 0) {
		t.Error("granted before what is owed was earned")
	}
	if b.First(0); !b.Take(1, 0) {
		t.Error("refused after what was owed is earned")
	}
}

func TestAnIdleFleetEarnsAUnitInTenMinutesUpToThree(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 3} {
		b := tiers.NewRetryBudget(workers)
		b.Take(1, 0)
		for range 100 { // in pieces that bring nothing by themselves
			b.Pass(time.Duration(workers) * 6 * time.Second)
		}
		if got := b.Tokens(); got != 1 {
			t.Errorf("one of %d workers holds %v units after its ten minutes, want 1", workers, got)
		}
		if b.Pass(24 * time.Hour); b.Tokens() != 3 {
			t.Errorf("one of %d workers holds %v units after a day, want 3", workers, b.Tokens())
		}
	}
	full := tiers.NewRetryBudget(1)
	for range 100 {
		full.First(1000)
	}
	units, money := full.Tokens(), full.MicroUSD()
	if full.Pass(time.Hour); full.Tokens() != units || full.MicroUSD() != money {
		t.Errorf("time took from a full bucket: %v units, %d", full.Tokens(), full.MicroUSD())
	}
}

// TestAJobAloneGetsItsRetryInTime is a job whose call timed out, with nobody
// else to earn the three units of its retry, and the money of it.
func TestAJobAloneGetsItsRetryInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b tiers.Budgets
		b.First("a/m", tiers.PoolEval, 1000)
		began := time.Now()
		for !b.Take("a/m", tiers.PoolEval, 3, 1000) {
			if time.Sleep(time.Minute); time.Since(began) > time.Hour {
				t.Fatal("no retry within an hour")
			}
		}
		if waited := time.Since(began); waited < 15*time.Minute {
			t.Errorf("granted after %v", waited)
		}
	})
}

func TestEvalsNeverSpendProductionsRetries(t *testing.T) {
	t.Parallel()
	var b tiers.Budgets
	eval, prod := tiers.PoolOf(jobs.Batch), tiers.PoolOf(jobs.Standard)
	if !b.Take("a/m", eval, 1, 0) || b.Take("a/m", eval, 1, 0) {
		t.Error("the eval pool does not hold exactly one unit")
	}
	if !b.Take("a/m", prod, 1, 0) || !b.Take("b/m", prod, 1, 0) {
		t.Error("another pool or route was charged")
	}
	b.SetWorkers(2)
	for range 1000 {
		b.First("a/m", prod, 0)
	}
	if got := b.Tokens("a/m", prod); got != 5 {
		t.Errorf("%v units for one of two workers, want 5", got)
	}
}

func TestBudgetsGrantEachUnitOnce(t *testing.T) {
	t.Parallel()
	var b tiers.Budgets
	for range 100 {
		b.First("a/m", tiers.PoolProd, 0)
	}
	var wg sync.WaitGroup
	granted := make([]int, 8)
	for i := range granted {
		wg.Go(func() {
			for range 100 {
				if b.Take("a/m", tiers.PoolProd, 1, 0) {
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

// TestTheMoneyOfRetriesStaysWithinTheBound checks that retries never cost more
// than a tenth of what first attempts cost and what the bucket starts with.
func TestTheMoneyOfRetriesStaysWithinTheBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := tiers.NewRetryBudget(rapid.IntRange(1, 20).Draw(t, "workers"))
		var first, firsts, retries int64
		for range rapid.IntRange(1, 300).Draw(t, "calls") {
			cost := rapid.SampledFrom([]int64{10, 1000, 5000, 200_000}).Draw(t, "cost")
			if rapid.IntRange(0, 3).Draw(t, "retry") > 0 {
				b.First(cost)
				firsts += cost
				if first == 0 {
					first = cost
				}
			} else if units := b.Tokens(); b.Take(1, cost) {
				if first > 0 {
					retries += cost
				}
			} else if b.Tokens() != units {
				t.Fatal("a refusal took units")
			}
		}
		if retries > firsts/10+2*first {
			t.Fatalf("retries for %d beside first attempts for %d", retries, firsts)
		}
	})
}

func TestSmallCallsDoNotPayForTheRetryOfAHugeOne(t *testing.T) {
	t.Parallel()
	b := tiers.NewRetryBudget(1)
	for range 200 {
		b.First(1000)
	}
	if b.Take(1, 50_000) {
		t.Error("a retry fifty times as dear as the calls before it was granted")
	}
	if !b.Take(1, 5000) {
		t.Error("a retry that the bucket can pay was refused")
	}
	if got := b.MicroUSD(); got != 15_000 {
		t.Errorf("%d left, want 15000 of 20000", got)
	}
}
