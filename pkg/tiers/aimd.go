package tiers

import "time"

// cleanFor is how long a route must go without a loss before it may carry one
// more call at once.
const cleanFor = 30 * time.Second

// aimd bounds the calls under way on a route by what the provider tells: a
// loss halves it, calm lets it grow by one. Growing back to half of what the
// route carried before is quick, one for each answer; beyond that it takes 30
// clean seconds for each step. It is not safe for concurrent use.
type aimd struct {
	ceiling   int
	limit     int
	threshold int // below it the limit grows with each answer
	inFlight  int
	peak      int // most calls under way since the last cut
	cutAt     time.Time
	grownAt   time.Time
}

// setCeiling changes what the limit may reach; at least 1. A limit that was
// never cut follows it.
func (a *aimd) setCeiling(n int) {
	n = max(n, 1)
	if a.limit == 0 || a.limit == a.ceiling {
		a.limit = n
	}
	a.ceiling = n
	a.limit = min(a.limit, n)
}

// began notes a call that leaves.
func (a *aimd) began() {
	a.inFlight++
	a.peak = max(a.peak, a.inFlight)
}

// answered notes a call that the provider took.
func (a *aimd) answered(now time.Time) {
	switch {
	case a.limit >= a.ceiling:
	case a.limit < a.threshold:
		a.limit++
		a.grownAt = now
	case now.Sub(later(a.cutAt, a.grownAt)) >= cleanFor:
		a.limit++
		a.grownAt = now
	}
}

// lost notes a call, begun at that time, that the provider would not take. All
// calls that were under way at the last cut are part of the same loss.
func (a *aimd) lost(began, now time.Time) {
	if began.After(a.cutAt) {
		a.cut(a.carried()/2, now)
	}
}

// restart begins again with one call at a time, as after an outage.
func (a *aimd) restart(now time.Time) { a.cut(1, now) }

func (a *aimd) cut(limit int, now time.Time) {
	if a.limit >= a.threshold {
		a.threshold = max(a.carried()/2, 1)
	}
	a.limit, a.cutAt, a.peak = max(limit, 1), now, a.inFlight
}

// carried is what the route has shown that it can carry: a limit that was
// never reached says nothing.
func (a *aimd) carried() int { return min(a.limit, max(a.peak, 1)) }
