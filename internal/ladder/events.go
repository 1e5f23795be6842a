package ladder

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// Events tells what the executor does. Its functions may be nil, may be called
// from several goroutines and must not block.
type Events struct {
	// AttemptEnded tells of a closed row of the ledger.
	AttemptEnded func(job jobs.Job, e AttemptEnd)
	// RetryAsked tells of an answer of the retry budget.
	RetryAsked func(route string, pool tiers.Pool, given bool)
	// GateClosed tells of a gate that this process closed; others want to
	// know.
	GateClosed func(g tiers.Gate)
	// RouteDown tells of a route that stopped working or that works again, and
	// then for how long it was down.
	RouteDown func(route string, down bool, lasted time.Duration)
	// Probed tells of a probe of a route that was down.
	Probed func(route string, worked bool)
	// Held tells of a call that our own limits on the route held back.
	Held func(route string, pool tiers.Pool)
	// MoneyRefused tells of a call that was not made because its tenant may
	// not spend more, or because nobody could say.
	MoneyRefused func(job jobs.Job)
	// CacheAsked tells what the cache had for a job that may use it.
	CacheAsked func(job jobs.Job, found tiers.Cached)
	// DocumentRead tells how long reading took and the fault it ended with,
	// empty for none.
	DocumentRead func(job jobs.Job, took time.Duration, fault jobs.Class)
	// StoreFailed tells of records that could not be read or written: then the
	// process goes by what it knows itself.
	StoreFailed func(what string, err error)
}

// AttemptEnd is a closed row with what the row itself does not say.
type AttemptEnd struct {
	Attempt jobs.Attempt
	// Retry is true for every call of a tier but its first.
	Retry bool
	// TimedOut is true when the attempt's own time ran out.
	TimedOut bool
}

func (e Events) attemptEnded(j jobs.Job, end AttemptEnd) {
	if e.AttemptEnded != nil {
		e.AttemptEnded(j, end)
	}
}

func (e Events) retryAsked(route string, pool tiers.Pool, given bool) {
	if e.RetryAsked != nil {
		e.RetryAsked(route, pool, given)
	}
}

func (e Events) gateClosed(g tiers.Gate) {
	if e.GateClosed != nil {
		e.GateClosed(g)
	}
}

func (e Events) routeDown(route string, down bool, lasted time.Duration) {
	if e.RouteDown != nil {
		e.RouteDown(route, down, lasted)
	}
}

func (e Events) probed(route string, worked bool) {
	if e.Probed != nil {
		e.Probed(route, worked)
	}
}

func (e Events) held(route string, pool tiers.Pool) {
	if e.Held != nil {
		e.Held(route, pool)
	}
}

func (e Events) moneyRefused(j jobs.Job) {
	if e.MoneyRefused != nil {
		e.MoneyRefused(j)
	}
}

func (e Events) cacheAsked(j jobs.Job, found tiers.Cached) {
	if e.CacheAsked != nil {
		e.CacheAsked(j, found)
	}
}

func (e Events) documentRead(j jobs.Job, took time.Duration, fault jobs.Class) {
	if e.DocumentRead != nil {
		e.DocumentRead(j, took, fault)
	}
}

func (e Events) storeFailed(what string, err error) {
	if e.StoreFailed != nil {
		e.StoreFailed(what, err)
	}
}
