package ladder_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// till is a tenant's money as the store knows it.
type till struct {
	mu        sync.Mutex
	left      int64
	unlimited bool
}

func (m *till) Left(context.Context, string) (int64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left, !m.unlimited
}

// costs of a call in a rig: 100 tokens in at 2 USD and 1000 out at 10 USD a
// million are reserved, 3000 are spent by a good answer.
const reserved = 200 + 10_000

func onlyPrimary(r *rig) *rig {
	r.config.Models = r.config.Models[:1]
	return r
}

func TestACallIsReservedInItsRowAndSettledByWhatItCost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.script.answers = []func(context.Context) extract.Answer{func(ctx context.Context) extract.Answer {
			if got := r.store.rows[0].Usage.CostMicroUSD; got != reserved {
				t.Errorf("the open row reserves %d, want %d", got, reserved)
			}
			return good(ctx)
		}}
		o := r.settle(t, loan(jobs.Standard))
		if o.Result.Usage.CostMicroUSD != 3000 {
			t.Errorf("settled at %d, want 3000", o.Result.Usage.CostMicroUSD)
		}
	})
}

func TestACallThatNobodyAnswersCountsWithAllThatWasReserved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := onlyPrimary(newRig(t, hang))
		o := r.settle(t, loan(jobs.Interactive))
		if first := r.store.rows[0]; first.Usage.CostMicroUSD != reserved || first.Billed != jobs.BilledMaybe {
			t.Errorf("got %+v", first)
		}
		if o.Kind != jobs.ToReview {
			t.Errorf("ended by %s", o.Kind)
		}
	})
}

func TestAJobNeverReservesMoreThanItMaySpend(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := onlyPrimary(newRig(t, good))
		l := loan(jobs.Standard)
		l.Job.Spec.MaxCostMicroUSD = reserved - 1
		if o := r.settle(t, l); len(r.script.calls) != 0 || o.Reason != tiers.ReviewCost {
			t.Errorf("calls %v, ended by %s (%s)", r.script.calls, o.Kind, o.Reason)
		}
		l.Job.Spec.MaxCostMicroUSD = reserved
		if o := onlyPrimary(newRig(t, good)).settle(t, l); o.Kind != jobs.Succeed {
			t.Errorf("a job with just enough ended by %s (%s)", o.Kind, o.Reason)
		}
	})
}

func TestATenantsMoneyIsHeldForTheCallsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		money := &till{left: 2*reserved + 1}
		r := onlyPrimary(newRig(t, good))
		r.config.Money = money
		var refused, answered atomic.Int32
		r.config.Events.MoneyRefused = func(jobs.Job) { refused.Add(1) }
		e, err := ladder.New(r.config)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		under, most := 0, 0
		slow := func(ctx context.Context) extract.Answer {
			mu.Lock()
			under++
			most = max(most, under)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			under--
			mu.Unlock()
			return good(ctx)
		}
		var all sync.WaitGroup
		process := func() {
			o, err := e.Process(t.Context(), loan(jobs.Standard), firm(true))
			if err != nil {
				t.Error(err)
			}
			if o.Kind == jobs.Succeed {
				answered.Add(1)
			}
		}
		r.script.answers = []func(context.Context) extract.Answer{slow}
		r.script.lenient = true
		for range 5 {
			all.Go(process)
		}
		all.Wait()
		if most != 2 || answered.Load() != 2 || refused.Load() != 3 {
			t.Errorf("%d calls at once, %d answered, %d refused; want 2, 2, 3", most, answered.Load(), refused.Load())
		}
		process() // two calls of 3000 still count, as the store may not know of them
		if answered.Load() != 3 {
			t.Error("no call although the rest would pay for it")
		}
		money.left = 0
		process()
		if answered.Load() != 3 || refused.Load() != 4 {
			t.Error("a call although nothing is left")
		}
		e.SetWorkers(3)
		money.left = 2 * reserved
		time.Sleep(time.Minute)
		process()
		if refused.Load() != 5 {
			t.Error("one of three processes took more than its part of what is left")
		}
		money.unlimited = true
		process()
		if answered.Load() != 4 {
			t.Error("a tenant without a limit was refused")
		}
	})
}

func TestOurOwnLimitsBoundTheCallsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := onlyPrimary(newRig(t))
		r.config.Models[0].Limits = tiers.LimitPolicy{Concurrency: 2, EvalShare: 0.1}
		var held atomic.Int32
		r.config.Events.Held = func(string, tiers.Pool) { held.Add(1) }
		var mu sync.Mutex
		under, most := 0, 0
		r.script.lenient = true
		r.script.answers = []func(context.Context) extract.Answer{func(ctx context.Context) extract.Answer {
			mu.Lock()
			under++
			most = max(most, under)
			mu.Unlock()
			time.Sleep(800 * time.Millisecond)
			mu.Lock()
			under--
			mu.Unlock()
			return good(ctx)
		}}
		e, err := ladder.New(r.config)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Pace().Most; got != 3 {
			t.Errorf("the process borrows %d jobs, want 2 and one for evals", got)
		}
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				if o, err := e.Process(t.Context(), loan(jobs.Standard), firm(true)); err != nil || o.Kind != jobs.Succeed {
					t.Errorf("ended by %s, %v", o.Kind, err)
				}
			})
		}
		all.Wait()
		if most != 2 || held.Load() == 0 {
			t.Errorf("%d calls at once, %d times held back; want 2 and some", most, held.Load())
		}
	})
}

func TestAJobGoesNoFurtherThanItsDataMay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, good)
		r.config.Models[0].Regions = []string{"us"}
		r.config.Models[1].Regions = []string{"us", "eu"}
		l := loan(jobs.Standard)
		l.Job.Labels = map[string]string{tiers.ResidencyLabel: "eu"}
		o := r.settle(t, l)
		if o.Tier != 2 || r.script.calls[0] != "1 call" || o.Result.Quality.Reasons[0] != tiers.WhyResidency {
			t.Errorf("ended on tier %d after %v", o.Tier, r.script.calls)
		}
	})
}
