package tiers

import (
	"slices"
	"time"
)

// Pace is how fast a process may borrow jobs, so that an outage leaves them in
// their queues, where they cost nothing.
type Pace struct {
	// Most is how many jobs the process may hold at once.
	Most int
	// DueBy, when not zero, says that beyond Most it may borrow the jobs whose
	// deadlines come before it: their time for the lower tiers has come.
	DueBy time.Time
}

// Unlimited is the pace of a process that waits for no model.
const Unlimited = 1 << 30

// Carrying is a route with the number of calls that it may have under way,
// over both pools.
type Carrying struct {
	Route Route
	Calls int
}

// PaceOf is the pace at now of a process with these routes.
//
// While a route is open the process may hold as many jobs as its open routes
// carry. With none open it may hold none but those that are nearly due, except
// where nobody waits for a model: without a model, and when an operator must
// first mend all of tier 1 and tier 2. Then most jobs go down the ladder at
// once.
func (p Policy) PaceOf(routes []Carrying, now time.Time) Pace {
	p = p.WithDefaults()
	most, waited, smaller := 0, false, time.Duration(0)
	for _, c := range routes {
		if c.Route.Tier == 2 {
			smaller = slices.Max(p.Smaller.Timeout[:])
		}
		switch {
		case !c.Route.open().After(now):
			most += c.Calls
			waited = true
		case !c.Route.Gate.halts(now):
			waited = true
		}
	}
	switch {
	case !waited:
		return Pace{Most: Unlimited}
	case most == 0:
		return Pace{DueBy: now.Add(p.lastCall(0))}
	default:
		return Pace{Most: min(most, Unlimited), DueBy: now.Add(p.lastCall(smaller))}
	}
}

// dueMargin is for how long before its last moment a job counts as nearly due:
// many jobs may fall due together, and each must find a slot and be read.
const dueMargin = time.Minute

// lastCall is how long before its deadline a job is nearly due when it wants
// to spend that long on tier 2.
func (p Policy) lastCall(smaller time.Duration) time.Duration {
	return smaller + p.RulesTimeout + p.Commit + p.MinAttempt + dueMargin
}
