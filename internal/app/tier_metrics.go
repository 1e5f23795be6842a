package app

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// maxTenantLabels bounds how many tenants have a label of their own; all that
// come later are "other". Tenants come from operators, never from callers.
const maxTenantLabels = 200

// tierMetrics are the numbers of the ladder.
type tierMetrics struct {
	budgetAsked  *prometheus.CounterVec // route, pool, given
	routeDown    *prometheus.CounterVec // route
	downSeconds  *prometheus.CounterVec // route
	probes       *prometheus.CounterVec // route, worked
	held         *prometheus.CounterVec // route, pool
	moneyRefused prometheus.Counter
	cacheAsked   *prometheus.CounterVec // found
	storeFailed  prometheus.Counter
	tenantTokens *prometheus.CounterVec // tenant, model, tier
	tenantCost   *prometheus.CounterVec // tenant, model, tier
	maybeCost    *prometheus.CounterVec // model

	mu      sync.Mutex
	tenants map[string]bool
}

func newTierMetrics(r prometheus.Registerer) *tierMetrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sluice", Name: name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	return &tierMetrics{
		budgetAsked:  vec("retry_budget_asked_total", "Answers of the retry budget, by route and pool.", "route", "pool", "given"),
		routeDown:    vec("route_down_total", "Times that a route stopped working.", "route"),
		downSeconds:  vec("route_down_seconds_total", "Time that routes did not work, counted when they work again.", "route"),
		probes:       vec("route_probes_total", "Probes of routes that were down.", "route", "worked"),
		held:         vec("route_held_total", "Calls held back by our own limits on the route.", "route", "pool"),
		moneyRefused: vec("tenant_money_refusals_total", "Calls not made because the tenant may not spend more.").WithLabelValues(),
		cacheAsked:   vec("cache_asked_total", "What the cache had for jobs that may use it.", "found"),
		storeFailed:  vec("route_record_failures_total", "Records of gates and probes that could not be read or written.").WithLabelValues(),
		tenantTokens: vec("tenant_model_tokens_total", "Tokens of model calls by tenant, reserved ones of calls without an end included.", "tenant", "model", "tier"),
		tenantCost:   vec("tenant_model_cost_usd_total", "Cost of model calls by tenant, in US dollars, likewise.", "tenant", "model", "tier"),
		maybeCost:    vec("model_maybe_cost_usd_total", "The part of the cost of model calls that may not have been billed, in US dollars.", "model"),
		tenants:      map[string]bool{},
	}
}

// tenant is the label of a tenant.
func (m *tierMetrics) tenant(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tenants[name] {
		return name
	}
	if len(m.tenants) >= maxTenantLabels {
		return "other"
	}
	m.tenants[name] = true
	return name
}

// attemptEnded counts what a call used up.
func (m *tierMetrics) attemptEnded(j jobs.Job, a jobs.Attempt) {
	if a.Kind != jobs.CallAttempt && a.Kind != jobs.RepairAttempt {
		return
	}
	tenant, tier := m.tenant(j.Tenant), strconv.Itoa(a.Tier)
	m.tenantTokens.WithLabelValues(tenant, a.Model, tier).Add(float64(a.Usage.InputTokens + a.Usage.OutputTokens))
	m.tenantCost.WithLabelValues(tenant, a.Model, tier).Add(float64(a.Usage.CostMicroUSD) / 1e6)
	if a.Billed == jobs.BilledMaybe {
		m.maybeCost.WithLabelValues(a.Model).Add(float64(a.Usage.CostMicroUSD) / 1e6)
	}
}

// attach adds the counting to what else is done about the ladder's events.
func (m *tierMetrics) attach(e ladder.Events) ladder.Events {
	ended := e.AttemptEnded
	e.AttemptEnded = func(j jobs.Job, end ladder.AttemptEnd) {
		m.attemptEnded(j, end.Attempt)
		if ended != nil {
			ended(j, end)
		}
	}
	e.RetryAsked = func(route string, pool tiers.Pool, given bool) {
		m.budgetAsked.WithLabelValues(route, string(pool), strconv.FormatBool(given)).Inc()
	}
	e.Probed = func(route string, worked bool) {
		m.probes.WithLabelValues(route, strconv.FormatBool(worked)).Inc()
	}
	e.Held = func(route string, pool tiers.Pool) { m.held.WithLabelValues(route, string(pool)).Inc() }
	e.MoneyRefused = func(jobs.Job) { m.moneyRefused.Inc() }
	e.CacheAsked = func(_ jobs.Job, found tiers.Cached) { m.cacheAsked.WithLabelValues(foundWord(found)).Inc() }
	down := e.RouteDown
	e.RouteDown = func(route string, isDown bool, lasted time.Duration) {
		if isDown {
			m.routeDown.WithLabelValues(route).Inc()
		} else {
			m.downSeconds.WithLabelValues(route).Add(lasted.Seconds())
		}
		if down != nil {
			down(route, isDown, lasted)
		}
	}
	failed := e.StoreFailed
	e.StoreFailed = func(what string, err error) {
		m.storeFailed.Inc()
		if failed != nil {
			failed(what, err)
		}
	}
	return e
}

func foundWord(c tiers.Cached) string {
	switch {
	case c.Fresh:
		return "fresh"
	case c.Stale:
		return "stale"
	default:
		return "nothing"
	}
}
