package tiers

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Input is everything that [Next] decides by.
type Input struct {
	// Job gives the lane, the spec, EnqueuedAt and DeadlineAt.
	Job jobs.Job
	// Ledger holds the attempts of the job's current generation in order.
	Ledger []jobs.Attempt
	// Document is what was found out about the document.
	Document Document
	// Routes are the configured routes with their state at Now. Within a tier
	// an earlier one is preferred.
	Routes []Route
	// Hand is the model or rule answer that this holder has in memory.
	Hand Hand
	// Grant is the last answer of the retry budget to this holder.
	Grant Grant
	// Cached says whether an earlier answer for the same document and schema
	// of the same tenant is at hand.
	Cached Cached
	// NoMoney is true when the tenant may not spend more on models now, or
	// when nobody can say.
	NoMoney bool
	// Policy may be the zero value.
	Policy Policy
	// Now is the time of the decision.
	Now time.Time
}

// Document is what the ladder needs to know about a document.
type Document struct {
	// Fault is the class of a document that cannot be read, from
	// [DocumentVerdict]; empty for a readable one.
	Fault jobs.Class
	// Tokens estimates the whole request: prompt, document and the room for
	// the answer. 0 fits every window.
	Tokens int
}

// Route is one model at one provider, and whether it can be called now.
type Route struct {
	// Tier is 1 or 2.
	Tier     int
	Provider string
	Model    string
	// Window is how many tokens the model takes, answer included; 0 when it
	// is not known. A call must fit by the tokens of Estimate, or by
	// [Document.Tokens] where that has none.
	Window int
	// Refused says why this job may not use the route, such as
	// [WhyResidency]; empty when it may.
	Refused string
	// Estimate is the most that one call of this job may use up on the route.
	Estimate jobs.Usage
	// Repair is the most that a repair may use up; zero means Estimate.
	Repair jobs.Usage
	// Gate is the gate of the route or of its provider, whichever opens later;
	// [Gates.Of] answers it. The zero value is open.
	Gate Gate
	// BreakerUntil is when the open breaker may be probed; zero when it is
	// closed.
	BreakerUntil time.Time
	// BusyUntil is when our own limits may let a call through, or when it is
	// worth looking again; the past or zero when there is room.
	BusyUntil time.Time
	// DownSince is when the route stopped working; zero while it works. The
	// longer it has been down, the longer parked jobs stay away.
	DownSince time.Time
	// Unproven is true when a call on the route would be the fleet's probe.
	Unproven bool
	// RecoveredAt is when the route was last found to work again after an
	// outage; zero when it never was down. What failed before says nothing
	// about it any more, so a retry of that needs no budget.
	RecoveredAt time.Time
}

// open is when neither gate nor breaker nor our own limits keep calls away.
func (r Route) open() time.Time {
	return later(later(r.Gate.Until, r.BreakerUntil), r.BusyUntil)
}

// onlyBusy reports whether nothing but our own limits keeps calls away at now.
func (r Route) onlyBusy(now time.Time) bool {
	return r.BusyUntil.After(now) && !r.Gate.Until.After(now) && !r.BreakerUntil.After(now)
}

// Name is the route's name in gates and budgets.
func (r Route) Name() string { return routeName(r.Provider, r.Model) }

func routeName(provider, model string) string { return provider + "/" + model }

// Hand is an answer in the holder's memory. It is lost with the process, and
// then the ladder makes up for it by one more try.
type Hand struct {
	// N is the attempt that gave the answer; 0 when there is none.
	N int
	// OptionalOnly is [Judgement.OptionalOnly]: the answer can stand without
	// the fields at fault.
	OptionalOnly bool
	// Validated is true when the answer passed the extra validation that the
	// rule of its tier names for high-risk jobs.
	Validated bool
}

// StandsWithout reports whether a job that has come as far as tier may end with
// the answer less the fields at fault. One with holes passes no extra validation.
func (h Hand) StandsWithout(s jobs.Spec, tier int) bool {
	return h.OptionalOnly && !s.RequireFull && (tier <= 1 || s.Risk != jobs.RiskHigh)
}

// Cached is an earlier answer of tier 1 in full.
type Cached struct {
	// Fresh: it stands as if the model had just given it.
	Fresh bool
	// Stale: it is past its time, and better than the rules when no model can
	// be had. The answer then says so.
	Stale bool
}

// Grant is an answer of the retry budget.
type Grant struct {
	// After is [Step.N] of the ask that it answers; 0 when none was asked.
	After int
	Given bool
}
