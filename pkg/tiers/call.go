package tiers

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// call decides on the next call of a model tier: make it, wait for it, or
// leave the tier.
func (l *ladder) call(tier int, rows []jobs.Attempt) (Step, bool) {
	if countCalls(rows) >= l.policy.model(tier).calls() {
		return Step{}, false
	}
	if why := l.closed(tier); why != "" {
		return l.skip(tier, why), true
	}
	routes, why := l.routes(tier, rows)
	if len(routes) == 0 {
		// With rows the ledger shows why; without, a skip must say it.
		return l.skip(tier, why), len(rows) == 0
	}
	route, ready := l.choose(routes, rows)
	now, latest := l.in.Now, l.latest(tier)
	switch {
	case now.After(latest) && !route.open().After(now):
		return l.skip(tier, WhyDeadline), true
	case !ready.After(now):
		return l.start(tier, route, rows), true
	case due(route, rows).After(latest):
		return l.skip(tier, WhyWaitTooLong), true
	case !now.Before(l.last(tier, route)):
		return l.skip(tier, l.blocker(route, rows)), true
	default:
		return l.await(tier, route, ready, rows), true
	}
}

// last is how long the job waits for a route: until a call must start, and for
// one that is shut a little less. Many jobs may wait for it and fall due
// together, and each must still find a slot for the tiers below.
func (l *ladder) last(tier int, r Route) time.Time {
	if r.open().After(l.in.Now) && !r.onlyBusy(l.in.Now) {
		return l.latest(tier).Add(-l.margin)
	}
	return l.latest(tier)
}

// start makes the call, after asking the retry budget if it is a retry.
func (l *ladder) start(tier int, route Route, rows []jobs.Attempt) Step {
	call := Step{
		Kind: StepCall, Tier: tier, Provider: route.Provider, Model: route.Model,
		Timeout: l.timeout(tier), Retry: len(rows) > 0, RaiseTokens: wasTruncated(rows), Reserve: raised(route.Estimate, rows),
	}
	if step, granted := l.granted(call, route, rows); !granted {
		return step
	}
	return call
}

// granted asks for the call if it is a retry. A refusal leaves the tier, or
// waits for the budget to fill. Two need no grant: a probe, since the fleet
// makes one at a time, and the first call after an outage, which goes out at
// the pace at which the route is taken up again.
func (l *ladder) granted(call Step, route Route, rows []jobs.Attempt) (Step, bool) {
	if len(rows) == 0 || route.Unproven {
		return Step{}, true
	}
	if before := lastOn(route, rows); before.N != 0 && before.EndedAt.Before(route.RecoveredAt) {
		return Step{}, true
	}
	last := rows[len(rows)-1]
	if l.in.Grant.After != last.N || l.in.Grant.Given {
		return l.ask(call, last.N, l.rule(last, true).Cost)
	}
	if park, waits := l.awaitBudget(call, last); waits {
		return park, false
	}
	return l.skip(call.Tier, WhyRetryBudget), false
}

// budgetWait is the shortest wait for a retry budget to fill.
const budgetWait = 30 * time.Second

// awaitBudget parks a job whose retry on the primary was refused, as long as
// its lane is patient with tier 2 and has none that answers now: when many jobs
// fail at once the budget pays for few of them, and the others need no person
// yet.
func (l *ladder) awaitBudget(call Step, last jobs.Attempt) (Step, bool) {
	now := l.in.Now
	if call.Tier != 1 {
		return Step{}, false
	}
	limit := l.latest(1).Add(-l.margin)
	if !l.patient() {
		below, possible := l.readyBelow()
		if l.lane <= jobs.Interactive || possible && !below.After(now) {
			return Step{}, false
		}
		if possible {
			limit = earlier(limit, last.EndedAt.Add(l.policy.Patience[l.lane]))
		}
	}
	if !now.Add(l.policy.MaxSleep).Before(limit) {
		return Step{}, false
	}
	wait := max(budgetWait, min(now.Sub(last.EndedAt), 4*l.away))
	return Step{Kind: StepPark, Tier: 1, Until: earlier(now.Add(wait), limit), Why: WhyRetryBudget}, true
}

// await decides how to wait for a route: in the slot, parked, or not at all
// because tier 2 can answer now.
func (l *ladder) await(tier int, route Route, ready time.Time, rows []jobs.Attempt) Step {
	now, why := l.in.Now, l.blocker(route, rows)
	until := earlier(ready, l.last(tier, route))
	switches := l.waitsUntil(route, rows)
	if tier == 1 && ready.After(switches) {
		if below, possible := l.readyBelow(); possible {
			if !below.After(now) {
				return l.skip(tier, why)
			}
			until = earlier(until, below)
		}
	}
	wait := Step{Kind: StepWait, Tier: tier, Until: until, Why: why}
	if until.Sub(now) > l.policy.MaxSleep {
		wait.Kind, wait.Until = StepPark, l.stayAway(tier, route, until, switches)
		if why == WhyUnproven { // look now and then whether somebody has seen it work
			wait.Until = earlier(until, now.Add(max(budgetWait, min(now.Sub(route.DownSince), l.away))))
		}
		if why == WhyGated {
			wait.Gate = route.Gate.Name
		}
		return wait
	}
	if !ready.After(until) { // the call will follow: ask before sleeping for it
		call := Step{Tier: tier, Provider: route.Provider, Model: route.Model, Reserve: raised(route.Estimate, rows)}
		if step, granted := l.granted(call, route, rows); !granted {
			return step
		}
	}
	return wait
}

// awayShare is the part of a job's time that it may stay away in one go: an
// hour of a day.
const awayShare = 24

// stayAway lengthens a park until a time at which the route may open. A route
// that has been down for long will likely close again, and each look costs a
// loan: so a job stays away for as long again as the outage has lasted, as far
// as it would only wait. It still comes back when it must switch.
func (l *ladder) stayAway(tier int, route Route, until, switches time.Time) time.Time {
	if route.DownSince.IsZero() || route.onlyBusy(l.in.Now) || until.Before(route.open()) {
		return until // the job's own wait, or the next tier's turn
	}
	away := l.in.Now.Add(min(l.in.Now.Sub(route.DownSince), l.away))
	if _, below := l.readyBelow(); tier == 1 && below {
		away = earlier(away, switches)
	}
	return later(until, earlier(away, l.last(tier, route)))
}

// patient jobs wait for the primary as long as their time allows: batch, and
// jobs that refuse degraded answers.
func (l *ladder) patient() bool { return l.lane == jobs.Batch || l.in.Job.Spec.RequireFull }

// waitsUntil is how long the job waits for tier 1 when tier 2 is open. The
// patience counts from the last failure, else from when the job was queued, so
// that a gate which is prolonged again and again does not hold it for ever. Our
// own limits are worth the patience of every lane: they leave room soon.
func (l *ladder) waitsUntil(r Route, rows []jobs.Attempt) time.Time {
	patience := l.policy.Patience[l.lane]
	switch {
	case l.patient():
		return l.latest(1)
	case len(rows) > 0:
		return rows[len(rows)-1].EndedAt.Add(patience)
	case l.lane <= jobs.Interactive && !r.onlyBusy(l.in.Now):
		return l.in.Now
	default:
		return l.in.Job.EnqueuedAt.Add(patience)
	}
}

// readyBelow is when tier 2 could take over from tier 1; not possible when it
// is closed to the job or has too little time.
func (l *ladder) readyBelow() (time.Time, bool) {
	if l.closed(2) != "" {
		return time.Time{}, false
	}
	routes, _ := l.routes(2, nil)
	if len(routes) == 0 || l.in.Now.After(l.latest(2)) {
		return time.Time{}, false
	}
	_, ready := l.choose(routes, nil)
	return ready, true
}

// closed says why a model tier is closed to this job for good; empty when it
// is not.
func (l *ladder) closed(tier int) string {
	spec := l.in.Job.Spec
	switch {
	case !l.configured(tier):
		return WhyNoModel
	case spec.MaxTier != 0 && tier > spec.MaxTier:
		return WhyMaxTier
	case tier > 1 && spec.RequireFull:
		return WhyFullRequired
	case tier > 1 && spec.Risk == jobs.RiskHigh && l.policy.HighRiskSmaller == "":
		return WhyHighRisk
	case l.spent():
		return WhyCost
	case l.in.NoMoney:
		return WhyTenantCost
	default:
		return ""
	}
}
