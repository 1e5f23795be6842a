package tenants_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// In a bubble, time begins here.
const today, tomorrow = "2000-01-01", "2000-01-02"

// maySpend reports whether the tenant has money for a call.
func maySpend(ctx context.Context, d *tenants.Directory, name string) bool {
	left, limited := d.Left(ctx, name)
	return !limited || left > 0
}

func TestSpentMoneyRefusesIntakeAndCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &purse{}
		d := open(t, tenants.Config{Spender: p, Seeds: seed("acme", tenants.Limits{MicroUSDPerDay: 1000, RequestsPerSecond: 0.001, RequestsBurst: 2})})
		p.set("acme", today, 999)
		if d.Admit(t.Context(), "acme", 1).Refused() || !maySpend(t.Context(), d, "acme") {
			t.Error("refused with money left")
		}
		if left, limited := d.Left(t.Context(), "acme"); left != 1 || !limited {
			t.Errorf("%d left, limited %t", left, limited)
		}
		if left, limited := d.Left(t.Context(), "nobody"); left != 0 || limited {
			t.Errorf("somebody without a limit: %d left, limited %t", left, limited)
		}
		p.set("acme", today, 1000)
		must[tenants.Tenant](t)(d.Edit(t.Context(), "acme", 0, "ops", func(l *tenants.Limits) { l.MaxRunning = 9 }))
		if !maySpend(t.Context(), d, "acme") {
			t.Error("the engine was asked twice within a second")
		}
		time.Sleep(time.Second)
		r := d.Admit(t.Context(), "acme", 1)
		if r.Reason != "budget_exhausted" || r.RetryAfter != 24*time.Hour-time.Second || maySpend(t.Context(), d, "acme") {
			t.Errorf("with the money spent: %+v", r)
		}
		if micro, known := d.Spent(t.Context(), "acme"); micro != 1000 || !known {
			t.Errorf("spent %d, known %t", micro, known)
		}
		time.Sleep(r.RetryAfter)
		if !maySpend(t.Context(), d, "acme") {
			t.Error("no money on the next day")
		}
		if r := d.Admit(t.Context(), "acme", 1); r.Refused() {
			t.Errorf("a refusal for money took of the rate: %+v", r)
		}
		if r := d.Admit(t.Context(), "acme", 1); r.Reason != "" && r.Reason != "rate_limited" {
			t.Errorf("beyond the rate: %+v", r)
		}
		p.set("acme", tomorrow, 5000)
		must[tenants.Tenant](t)(d.Edit(t.Context(), "acme", 0, "ops", func(l *tenants.Limits) { l.MicroUSDPerDay = 5001 }))
		time.Sleep(time.Second)
		if !maySpend(t.Context(), d, "acme") {
			t.Error("a raised limit does not count")
		}
	})
}

func TestTheSpenderIsAskedOnceASecondForEachTenant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &purse{}
		d := open(t, tenants.Config{Spender: p, Seeds: append(seed("acme", tenants.Limits{MicroUSDPerDay: 1}), seed("free", tenants.Limits{})...)})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for range 100 {
					d.Admit(t.Context(), "acme", 1)
					maySpend(t.Context(), d, "free")
					maySpend(t.Context(), d, "nobody")
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		if got := p.questions(); got != 10 {
			t.Errorf("the spender was asked %d times in 10 s", got)
		}
	})
}

func TestAnUnknownSumStopsCallsAndNotIntake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &purse{}
		told := 0
		d := open(t, tenants.Config{Spender: p, Seeds: seed("acme", tenants.Limits{MicroUSDPerDay: 1000}), Events: tenants.Events{
			Failed: func(_ string, err error) {
				if told++; !errors.Is(err, jobs.ErrUnavailable) {
					t.Error(err)
				}
			},
		}})
		p.fail(jobs.ErrUnavailable)
		if d.Admit(t.Context(), "acme", 1).Refused() || maySpend(t.Context(), d, "acme") || told != 1 {
			t.Errorf("with nothing known: told %d times", told)
		}
		p.fail(nil)
		time.Sleep(time.Second)
		if !maySpend(t.Context(), d, "acme") {
			t.Error("known and not spent")
		}
		// What was known stands while the spender fails, for the day.
		p.fail(jobs.ErrUnavailable)
		time.Sleep(time.Hour)
		if !maySpend(t.Context(), d, "acme") {
			t.Error("what was known is forgotten")
		}
		time.Sleep(24 * time.Hour)
		if maySpend(t.Context(), d, "acme") {
			t.Error("yesterday's sum is taken for today's")
		}
		if left, limited := d.Left(t.Context(), "acme"); left != 0 || !limited {
			t.Errorf("with nothing known %d are left, limited %t", left, limited)
		}
	})
}

func TestACallerThatGoesAwaySpoilsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &purse{}
		d := open(t, tenants.Config{Spender: p, Seeds: seed("acme", tenants.Limits{MicroUSDPerDay: 1000})})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if maySpend(gone, d, "acme") {
			t.Error("a caller that is gone may spend")
		}
		if !maySpend(t.Context(), d, "acme") {
			t.Error("the next caller finds nothing known")
		}
	})
}
