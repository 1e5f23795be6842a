package backpressure

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Reason is a word for why a job was admitted with a delay or refused. The
// words are those of the HTTP API.
type Reason string

// The reasons. An admission without a delay has none.
const (
	// Backlog: admitted, but it will probably start after its lane's
	// objective.
	Backlog Reason = "backlog"
	// NoWorker: admitted, but no worker has been seen yet.
	NoWorker Reason = "no_worker"
	// TenantQueueFull: the tenant's share of the queue, or its limit of
	// waiting jobs, is used up.
	TenantQueueFull Reason = "tenant_queue_full"
	// RateLimited: the tenant sends faster than its rate allows. Whoever
	// meters rates gives it; the controller does not.
	RateLimited Reason = "rate_limited"
	// BudgetExhausted: the tenant has spent its money for today. Whoever
	// counts money gives it.
	BudgetExhausted Reason = "budget_exhausted"
	// TenantPaused: the tenant is paused and takes no new jobs. Whoever keeps
	// tenants gives it.
	TenantPaused Reason = "tenant_paused"
	// DeadlineUnachievable: the job would probably still wait when most of
	// the time to its deadline is gone.
	DeadlineUnachievable Reason = "deadline_unachievable"
	// LaneShed: the shared pressure is above the lane's cut-off.
	LaneShed Reason = "lane_shed"
	// Draining: the process is stopping. The HTTP API gives it.
	Draining Reason = "draining"
	// EngineUnavailable: the engine cannot commit. The HTTP API gives it.
	EngineUnavailable Reason = "engine_unavailable"
)

// Reasons lists all reasons.
func Reasons() []Reason {
	return []Reason{
		Backlog, NoWorker, TenantQueueFull, RateLimited, BudgetExhausted, TenantPaused,
		DeadlineUnachievable, LaneShed, Draining, EngineUnavailable,
	}
}

// Status is the HTTP status that fits the reason: 429 where the caller's own
// share is used up, 503 where the system is at its limit, 422 where the
// request cannot be met, 202 where the job was admitted.
func (r Reason) Status() int {
	switch r {
	case TenantQueueFull, RateLimited, BudgetExhausted, TenantPaused:
		return 429
	case DeadlineUnachievable:
		return 422
	case LaneShed, Draining, EngineUnavailable:
		return 503
	case Backlog, NoWorker:
		return 202
	default:
		return 202
	}
}

// Request asks for the admission of one job.
type Request struct {
	Lane   jobs.Lane
	Tenant string
	// Client names who within the tenant asks, such as the id of its key, so
	// that one client in a loop reserves no more than one slot a second; empty
	// stands for the tenant.
	Client string
	// DeadlineAt bounds the wait; zero is no bound.
	DeadlineAt time.Time
	// MaxQueued is the tenant's limit of waiting jobs over all lanes; 0 means
	// no limit.
	MaxQueued int
	// Jitter spreads the answers of refusals: 0 to 1, drawn by the caller.
	Jitter float64
}

// Decision answers a [Request].
type Decision struct {
	// Mode is normal, queued or rejected.
	Mode   jobs.AdmissionMode
	Reason Reason
	// ETA is the predicted wait until the job starts, in seconds; it means
	// something only when ETAKnown is true.
	ETA      float64
	ETAKnown bool
	// RetryAfter is when a refused caller should ask again, in whole seconds;
	// 0 when asking again with the same request is of no use.
	RetryAfter time.Duration
	// Signals says how old the figures behind the decision are.
	Signals Freshness
}

// Admitted reports whether the job may be handed to the engine.
func (d Decision) Admitted() bool { return d.Mode != jobs.AdmitRejected }

// Status is the HTTP status that fits the decision.
func (d Decision) Status() int { return d.Reason.Status() }

// Freshness says how old signals are.
type Freshness string

// The ages of signals, best first.
const (
	SignalsFresh Freshness = "fresh" // at most [Fresh] old
	SignalsStale Freshness = "stale" // at most [Stale] old: they may make matters look worse, never better
	SignalsBlind Freshness = "blind" // older: the last drain rate goes on
	SignalsNone  Freshness = "none"  // none was ever seen
)

// freshness of a signal that was taken at the time at.
func freshness(at, now time.Time) Freshness {
	switch age := now.Sub(at); {
	case at.IsZero():
		return SignalsNone
	case age <= Fresh:
		return SignalsFresh
	case age <= Stale:
		return SignalsStale
	default:
		return SignalsBlind
	}
}

// worse is the older of two.
func worse(a, b Freshness) Freshness {
	for _, f := range []Freshness{SignalsNone, SignalsBlind, SignalsStale} {
		if a == f || b == f {
			return f
		}
	}
	return SignalsFresh
}
