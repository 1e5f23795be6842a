package app

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// Metrics are the numbers that a process exports. Labels come from fixed
// vocabularies and the configuration, never from a caller, so that their number
// is bounded; tenants are left out for the same reason.
type Metrics struct {
	registry *prometheus.Registry
	ladder   *tierMetrics

	calls          *prometheus.CounterVec   // provider, model, tier, class
	callSeconds    *prometheus.HistogramVec // provider, model, tier
	timeouts       *prometheus.CounterVec   // dependency
	retries        *prometheus.CounterVec   // dependency
	retrySuccesses *prometheus.CounterVec   // dependency
	repairs        *prometheus.CounterVec   // outcome
	tokens         *prometheus.CounterVec   // model, direction
	cost           *prometheus.CounterVec   // model
	fallbacks      *prometheus.CounterVec   // from_tier, reason
	budgetRefusals prometheus.Counter
	costStops      prometheus.Counter
	outcomes       *prometheus.CounterVec // outcome, tier
	results        *prometheus.CounterVec // tier, degraded
	failures       *prometheus.CounterVec // class
	maxLoans       prometheus.Counter
	documents      *prometheus.HistogramVec // fault
	jobSeconds     *prometheus.HistogramVec // lane
	waitSeconds    *prometheus.HistogramVec // lane
	duplicates     prometheus.Counter
	trouble        prometheus.Counter
	accepted       *prometheus.CounterVec // lane, mode
	shed           *prometheus.CounterVec // lane, reason
	bulkJobs       *prometheus.CounterVec // action, result
	keyConflicts   prometheus.Counter
	keyReplays     prometheus.Counter
	requests       *prometheus.CounterVec   // route, status
	requestSeconds *prometheus.HistogramVec // route
	busDropped     *prometheus.CounterVec   // subject
	busConnected   prometheus.Gauge
}

// jobBuckets are seconds from a rule parser's milliseconds to a patient batch.
func jobBuckets() []float64 {
	return []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 45, 90, 180, 600, 3600}
}

// NewMetrics registers the metrics of a process.
func NewMetrics() *Metrics {
	r := prometheus.NewRegistry()
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "sluice", Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sluice", Name: name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	seconds := func(name, help string, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "sluice", Name: name, Help: help, Buckets: jobBuckets(),
		}, labels)
		r.MustRegister(h)
		return h
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "sluice", Name: name, Help: help}, labels)
		r.MustRegister(g)
		return g
	}
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m := &Metrics{
		registry:       r,
		calls:          counters("model_calls_total", "Model calls by error class; class is empty for a usable answer.", "provider", "model", "tier", "class"),
		callSeconds:    seconds("model_call_seconds", "Duration of model calls.", "provider", "model", "tier"),
		timeouts:       counters("timeouts_total", "Calls that ran out of time, by dependency.", "dependency"),
		retries:        counters("retries_total", "Calls after a tier's first, by dependency.", "dependency"),
		retrySuccesses: counters("retry_successes_total", "Retries that gave a usable answer, by dependency.", "dependency"),
		repairs:        counters("repairs_total", "Repair calls after an invalid answer, by outcome.", "outcome"),
		tokens:         counters("model_tokens_total", "Tokens used by model calls.", "model", "direction"),
		cost:           counters("model_cost_usd_total", "Cost of model calls by the price table, in US dollars.", "model"),
		fallbacks:      counters("fallbacks_total", "Tiers left for the next one, by reason.", "from_tier", "reason"),
		budgetRefusals: counter("retry_budget_refusals_total", "Retries withheld because the retry budget was used up."),
		costStops:      counter("cost_stops_total", "Paid calls withheld because a job had spent its money."),
		outcomes:       counters("outcomes_total", "Settled loans by outcome and tier.", "outcome", "tier"),
		results:        counters("results_total", "Results by tier and whether they are degraded.", "tier", "degraded"),
		failures:       counters("failures_total", "Failed jobs by class.", "class"),
		maxLoans:       counter("max_loans_failures_total", "Jobs that failed because every allowed loan ended without an outcome."),
		documents:      seconds("document_seconds", "Time to read a document, by the document's fault; empty for none.", "fault"),
		jobSeconds:     seconds("job_seconds", "Time a job held its slot.", "lane"),
		waitSeconds:    seconds("job_wait_seconds", "Time from being queued to being lent.", "lane"),
		duplicates:     counter("duplicate_outcomes_total", "Outcomes refused because another holder has the job: duplicates that did not happen."),
		trouble:        counter("worker_trouble_total", "Jobs given back, and engine calls that failed, through no fault of the document."),
		accepted:       counters("jobs_accepted_total", "Accepted jobs by lane and admission mode.", "lane", "mode"),
		shed:           counters("shed_total", "Refused submissions by lane and reason.", "lane", "reason"),
		bulkJobs:       counters("operation_jobs_total", "Jobs that bulk operations worked on, by action and what became of each.", "action", "result"),
		keyConflicts:   counter("idempotency_conflicts_total", "Idempotency keys used again with another payload."),
		keyReplays:     counter("idempotent_replays_total", "Submissions answered with the job of an earlier one."),
		requests:       counters("http_requests_total", "HTTP requests by route and status.", "route", "status"),
		requestSeconds: seconds("http_request_seconds", "Duration of HTTP requests by route.", "route"),
		busDropped:     counters("bus_dropped_total", "Messages between processes that were dropped, by subject.", "subject"),
	}
	connected := gauges("bus_connected", "1 while NATS is there; without it coordination is local.")
	m.busConnected = connected.WithLabelValues()
	m.ladder = newTierMetrics(r)
	return m
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// attemptEnded counts a closed row of the ledger.
func (m *Metrics) attemptEnded(_ jobs.Job, e ladder.AttemptEnd) {
	a := e.Attempt
	switch a.Kind {
	case jobs.SkipAttempt:
		m.skipped(a)
		return
	case jobs.RulesAttempt:
		return
	case jobs.RepairAttempt:
		m.repairs.WithLabelValues(string(a.Outcome)).Inc()
	case jobs.CallAttempt:
	}
	dependency := a.Provider + "/" + a.Model
	tier := strconv.Itoa(a.Tier)
	m.calls.WithLabelValues(a.Provider, a.Model, tier, string(a.Class)).Inc()
	m.callSeconds.WithLabelValues(a.Provider, a.Model, tier).Observe(a.Took().Seconds())
	m.tokens.WithLabelValues(a.Model, "input").Add(float64(a.Usage.InputTokens))
	m.tokens.WithLabelValues(a.Model, "output").Add(float64(a.Usage.OutputTokens))
	m.cost.WithLabelValues(a.Model).Add(float64(a.Usage.CostMicroUSD) / 1e6)
	if e.TimedOut {
		m.timeouts.WithLabelValues(dependency).Inc()
	}
	if e.Retry {
		m.retries.WithLabelValues(dependency).Inc()
		if a.Outcome == jobs.AttemptOK {
			m.retrySuccesses.WithLabelValues(dependency).Inc()
		}
	}
}

func (m *Metrics) skipped(a jobs.Attempt) {
	m.fallbacks.WithLabelValues(strconv.Itoa(a.Tier), a.Why).Inc()
	switch a.Why {
	case tiers.WhyRetryBudget:
		m.budgetRefusals.Inc()
	case tiers.WhyCost:
		m.costStops.Inc()
	}
}

// documentRead counts a document that was read, or that could not be.
func (m *Metrics) documentRead(took time.Duration, fault jobs.Class) {
	m.documents.WithLabelValues(string(fault)).Observe(took.Seconds())
}

// started counts a new loan.
func (m *Metrics) started(l jobs.Loan) {
	j := l.Job
	m.waitSeconds.WithLabelValues(j.Lane.String()).Observe(max(0, j.StartedAt.Sub(j.EnqueuedAt).Seconds()))
}

// settled counts an outcome.
func (m *Metrics) settled(j jobs.Job, o jobs.Outcome, took time.Duration) {
	m.outcomes.WithLabelValues(string(o.Kind), strconv.Itoa(o.Tier)).Inc()
	m.jobSeconds.WithLabelValues(j.Lane.String()).Observe(took.Seconds())
	switch {
	case o.Kind == jobs.Succeed:
		q := o.Result.Quality
		m.results.WithLabelValues(strconv.Itoa(q.Tier), strconv.FormatBool(q.Degraded)).Inc()
	case o.Kind == jobs.Fail:
		m.failures.WithLabelValues(string(o.Failure.Class)).Inc()
	}
}

// request counts an HTTP request.
func (m *Metrics) request(d httpapi.RequestDone) {
	m.requests.WithLabelValues(d.Route, strconv.Itoa(d.Status)).Inc()
	m.requestSeconds.WithLabelValues(d.Route).Observe(d.Duration.Seconds())
}

// decided counts an admission.
func (m *Metrics) decided(lane jobs.Lane, d backpressure.Decision) {
	if d.Admitted() {
		m.accepted.WithLabelValues(lane.String(), string(d.Mode)).Inc()
		return
	}
	m.shed.WithLabelValues(lane.String(), string(d.Reason)).Inc()
}

// committed counts what the engine did by itself.
func (m *Metrics) committed(events []jobs.Event) {
	for _, e := range events {
		if e.Type == jobs.EventFailed && e.Reason == string(jobs.ClassCrashedWorkers) {
			m.maxLoans.Inc()
			m.failures.WithLabelValues(e.Reason).Inc()
		}
	}
}
