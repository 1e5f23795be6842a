package app

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestTheLaddersEventsAreCountedAndPassedOn(t *testing.T) {
	m := NewMetrics()
	logged := 0
	e := m.ladder.attach(ladder.Events{
		AttemptEnded: func(jobs.Job, ladder.AttemptEnd) { logged++ },
		RouteDown:    func(string, bool, time.Duration) { logged++ },
		StoreFailed:  func(string, error) { logged++ },
	})
	call := ladder.AttemptEnd{Attempt: jobs.Attempt{
		Kind: jobs.CallAttempt, Tier: 1, Model: "large", Usage: jobs.Usage{InputTokens: 90, OutputTokens: 10, CostMicroUSD: 2_500_000},
	}}
	for i := range maxTenantLabels + 5 {
		e.AttemptEnded(jobs.Job{Tenant: fmt.Sprintf("t%03d", i)}, call)
	}
	e.AttemptEnded(jobs.Job{Tenant: "t000"}, call)
	unsure := call
	unsure.Attempt.Model, unsure.Attempt.Billed = "small", jobs.BilledMaybe
	e.AttemptEnded(jobs.Job{Tenant: "t000"}, unsure)
	e.AttemptEnded(jobs.Job{Tenant: "t000"}, ladder.AttemptEnd{Attempt: jobs.Attempt{Kind: jobs.SkipAttempt, Tier: 1}})
	e.RetryAsked("near/large", tiers.PoolEval, false)
	e.Probed("near/large", true)
	e.Held("near/large", tiers.PoolProd)
	e.MoneyRefused(jobs.Job{})
	e.CacheAsked(jobs.Job{}, tiers.Cached{Stale: true})
	e.RouteDown("near/large", true, 0)
	e.RouteDown("near/large", false, 90*time.Second)
	e.StoreFailed("route probe", io.EOF)
	m.RegisterRoutes(func() []ladder.RouteState {
		return []ladder.RouteState{{Name: "near/large", Down: time.Minute, Pools: map[tiers.Pool]ladder.PoolState{tiers.PoolProd: {Budget: 2, BudgetMicroUSD: 1_500_000, Carries: 7, InFlight: 3}}}}
	})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`sluice_tenant_model_tokens_total{model="large",tenant="t000",tier="1"} 200`,
		`sluice_tenant_model_cost_usd_total{model="large",tenant="other",tier="1"} 12.5`,
		`sluice_model_maybe_cost_usd_total{model="small"} 2.5`,
		`sluice_retry_budget_asked_total{given="false",pool="eval",route="near/large"} 1`,
		`sluice_route_probes_total{route="near/large",worked="true"} 1`,
		`sluice_route_held_total{pool="prod",route="near/large"} 1`,
		`sluice_tenant_money_refusals_total 1`,
		`sluice_cache_asked_total{found="stale"} 1`,
		`sluice_route_down_total{route="near/large"} 1`,
		`sluice_route_down_seconds_total{route="near/large"} 90`,
		`sluice_route_record_failures_total 1`,
		`sluice_route_down_for_seconds{route="near/large"} 60`,
		`sluice_retry_budget_usd{pool="prod",route="near/large"} 1.5`,
		`sluice_route_carries{pool="prod",route="near/large"} 7`,
		`sluice_route_in_flight{pool="prod",route="near/large"} 3`,
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if logged != maxTenantLabels+5+3+3 {
		t.Errorf("%d events were passed on", logged)
	}
}
