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
	// is not known.
	Window int
	// Refused says why this job may not use the route, such as its residency;
	// empty when it may.
	Refused string
	// Gate is the gate of the route or of its provider, whichever opens later;
	// [Gates.Of] answers it. The zero value is open.
	Gate Gate
	// BreakerUntil is when the open breaker may be probed; zero when it is
	// closed.
	BreakerUntil time.Time
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
}

// Grant is an answer of the retry budget.
type Grant struct {
	// After is [Step.N] of the ask that it answers; 0 when none was asked.
	After int
	Given bool
}
