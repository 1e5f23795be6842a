package tiers_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestTheDefaultPolicyIsProvenForEveryLane(t *testing.T) {
	t.Parallel()
	var p tiers.Policy
	if err := p.Prove(); err != nil {
		t.Fatal(err)
	}
	got := p.ProofOf(jobs.Critical, 0).String()
	want := "lane critical: tier 1 4 × 20s + waits 3.5s + tier 2 15s + rules 5s + commit 2s = 1m45.5s ≤ deadline 2m0s"
	if got != want {
		t.Errorf("proof\n%s, want\n%s", got, want)
	}
}

func TestAPolicyWithAnUnreachableTierIsRefusedWithItsArithmetic(t *testing.T) {
	t.Parallel()
	var p tiers.Policy
	p.Primary.Timeout[jobs.Critical] = 30 * time.Second
	err := p.Prove()
	if !errors.Is(err, tiers.ErrUnreachable) {
		t.Fatalf("error %v, want %v", err, tiers.ErrUnreachable)
	}
	want := "lane critical: tier 1 4 × 30s + waits 3.5s + tier 2 15s + rules 5s + commit 2s = 2m25.5s > deadline 2m0s, 25.5s too long"
	if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "interactive") {
		t.Errorf("error\n%v, want it to contain only\n%s", err, want)
	}
	p.Primary.Retries = 2
	if err := p.Prove(); err != nil {
		t.Errorf("with one retry less: %v", err)
	}
	p.Primary.Retries = -1
	if got := p.ProofOf(jobs.Critical, time.Minute); got.Calls != 1 || got.Waits != 0 || got.Left() != 8*time.Second {
		t.Errorf("without retries: %s", got)
	}
}

func TestAPolicyThatCannotBeMeantNamesFieldValueAndLimit(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]tiers.Policy{
		"primary.retries is 11, limit 10":                              {Primary: tiers.ModelPolicy{Retries: 11}},
		"smaller.timeout.batch is -1ns, must not be negative":          {Smaller: tiers.ModelPolicy{Timeout: tiers.LaneDurations{jobs.Batch: -1}}},
		"backoff_base is 1m0s, limit is backoff_cap 20s":               {BackoffBase: time.Minute},
		"max_sleep is -1s, must not be negative":                       {MaxSleep: -time.Second},
		"rules_timeout is 16s, limit 15s":                              {RulesTimeout: 16 * time.Second},
		"patience.critical is -1ns, must not be negative":              {Patience: tiers.LaneDurations{-1}},
		"deadlines.standard is -1ns, must not be negative":             {Deadlines: tiers.LaneDurations{jobs.Standard: -1}},
		"smaller.retries is 99, limit 10\nmin_attempt is -1ns, must n": {Smaller: tiers.ModelPolicy{Retries: 99}, MinAttempt: -1},
	} {
		if err := p.Prove(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestABudgetIsToldByItsCause(t *testing.T) {
	t.Parallel()
	expired := time.Now().Add(-time.Second)
	for want, ctx := range map[tiers.Budget]func() (context.Context, context.CancelFunc){
		tiers.BudgetNone: func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) },
		tiers.BudgetAttempt: func() (context.Context, context.CancelFunc) {
			return context.WithDeadlineCause(t.Context(), expired, tiers.ErrAttemptTimeout)
		},
		tiers.BudgetJob: func() (context.Context, context.CancelFunc) {
			outer, cancel := context.WithDeadlineCause(t.Context(), expired, tiers.ErrJobDeadline)
			inner, stop := context.WithTimeoutCause(outer, time.Hour, tiers.ErrAttemptTimeout)
			return inner, func() { stop(); cancel() }
		},
		tiers.BudgetShutdown: func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(tiers.ErrShutdown)
			return ctx, func() {}
		},
	} {
		ctx, cancel := ctx()
		if got := tiers.BudgetOf(ctx); got != want {
			t.Errorf("budget %v, want %v", got, want)
		}
		cancel()
	}
	plain, cancel := context.WithCancel(t.Context())
	cancel()
	if got := tiers.BudgetOf(plain); got != tiers.BudgetShutdown {
		t.Errorf("cancelled without a cause: %v, want shutdown", got)
	}
}
