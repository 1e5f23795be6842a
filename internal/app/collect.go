package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// RegisterRoutes exports the state of the gates and breakers of the routes, as
// read by routes at scrape time.
func (m *Metrics) RegisterRoutes(routes func() []ladder.RouteState) {
	m.registry.MustRegister(&routesCollector{
		routes:  routes,
		gate:    prometheus.NewDesc("sluice_gate_closed_seconds", "Seconds until the route's gate opens; 0 while it is open.", []string{"route"}, nil),
		breaker: prometheus.NewDesc("sluice_breaker_open", "1 while the route's breaker is open in this process.", []string{"route"}, nil),
		down:    prometheus.NewDesc("sluice_route_down_for_seconds", "Seconds since the route stopped working, as this process knows it; 0 while it works.", []string{"route"}, nil),
		budget:  prometheus.NewDesc("sluice_retry_budget_units", "Retries that the route has left in this process.", []string{"route", "pool"}, nil),
		money:   prometheus.NewDesc("sluice_retry_budget_usd", "Money that retries on the route have left in this process.", []string{"route", "pool"}, nil),
		carries: prometheus.NewDesc("sluice_route_carries", "Calls that the route may have under way in this process.", []string{"route", "pool"}, nil),
		flight:  prometheus.NewDesc("sluice_route_in_flight", "Calls under way on the route in this process.", []string{"route", "pool"}, nil),
	})
}

type routesCollector struct {
	routes                                              func() []ladder.RouteState
	gate, breaker, down, budget, money, carries, flight *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *routesCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.gate, c.breaker, c.down, c.budget, c.money, c.carries, c.flight} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *routesCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, r := range c.routes() {
		gauge(c.gate, r.GateLeft.Seconds(), r.Name)
		open := 0.0
		if r.BreakerOpen {
			open = 1
		}
		gauge(c.breaker, open, r.Name)
		gauge(c.down, r.Down.Seconds(), r.Name)
		for pool, p := range r.Pools {
			gauge(c.budget, p.Budget, r.Name, string(pool))
			gauge(c.money, float64(p.BudgetMicroUSD)/1e6, r.Name, string(pool))
			gauge(c.carries, float64(p.Carries), r.Name, string(pool))
			gauge(c.flight, float64(p.InFlight), r.Name, string(pool))
		}
	}
}

// RegisterStats exports an engine's counts as read by stats at scrape time.
func (m *Metrics) RegisterStats(stats func() (jobs.Stats, bool)) {
	m.registry.MustRegister(&statsCollector{
		stats:  stats,
		depth:  prometheus.NewDesc("sluice_queue_depth", "Jobs that wait, run or are parked, by lane.", []string{"lane", "state"}, nil),
		oldest: prometheus.NewDesc("sluice_queue_oldest_seconds", "Age of the oldest waiting job by lane.", []string{"lane"}, nil),
		jobs:   prometheus.NewDesc("sluice_jobs", "Jobs by state.", []string{"state"}, nil),
		removed: prometheus.NewDesc("sluice_jobs_removed_total",
			"Jobs that retention removed since the store was made, by the state they had.", []string{"state"}, nil),
		dead:  prometheus.NewDesc("sluice_dead_letters", "Dead letters: failed and expired jobs.", nil, nil),
		slots: prometheus.NewDesc("sluice_slots", "Slots of the workers heard of lately.", nil, nil),
	})
}

type statsCollector struct {
	stats                                     func() (jobs.Stats, bool)
	depth, oldest, jobs, removed, dead, slots *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *statsCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.depth, c.oldest, c.jobs, c.removed, c.dead, c.slots} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *statsCollector) Collect(out chan<- prometheus.Metric) {
	s, ok := c.stats()
	if !ok {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, l := range jobs.Lanes() {
		q := s.Lane(l)
		gauge(c.depth, float64(q.Queued), l.String(), "queued")
		gauge(c.depth, float64(q.Running), l.String(), "running")
		gauge(c.depth, float64(q.Parked), l.String(), "parked")
		age := 0.0
		if !q.OldestAt.IsZero() {
			age = max(0, s.At.Sub(q.OldestAt).Seconds())
		}
		gauge(c.oldest, age, l.String())
	}
	for _, st := range jobs.States() {
		gauge(c.jobs, float64(s.States[st]), string(st))
		if st.Terminal() {
			out <- prometheus.MustNewConstMetric(c.removed, prometheus.CounterValue, float64(s.Removed[st]), string(st))
		}
	}
	gauge(c.dead, float64(s.States[jobs.Failed]+s.States[jobs.Expired]))
	gauge(c.slots, float64(s.Slots))
}
