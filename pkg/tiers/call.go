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
	case now.After(latest):
		return l.skip(tier, WhyDeadline), true
	case !ready.After(now):
		return l.start(tier, route, rows), true
	case due(route, rows).After(latest):
		return l.skip(tier, WhyWaitTooLong), true
	case !now.Before(latest):
		return l.skip(tier, l.blocker(route, rows)), true
	default:
		return l.await(tier, route, ready, rows), true
	}
}

// start makes the call, after asking the retry budget if it is a retry.
func (l *ladder) start(tier int, route Route, rows []jobs.Attempt) Step {
	call := Step{
		Kind: StepCall, Tier: tier, Provider: route.Provider, Model: route.Model,
		Timeout: l.timeout(tier), Retry: len(rows) > 0, RaiseTokens: wasTruncated(rows),
	}
	if step, granted := l.granted(call, rows); !granted {
		return step
	}
	return call
}

// granted asks for the call if it is a retry. A refusal leaves the tier.
func (l *ladder) granted(call Step, rows []jobs.Attempt) (Step, bool) {
	if len(rows) == 0 {
		return Step{}, true
	}
	last := rows[len(rows)-1]
	if l.in.Grant.After == last.N && !l.in.Grant.Given {
		return l.skip(call.Tier, WhyRetryBudget), false
	}
	return l.ask(call, last.N, l.rule(last, true).Cost)
}

// await decides how to wait for a route: in the slot, parked, or not at all
// because tier 2 can answer now.
func (l *ladder) await(tier int, route Route, ready time.Time, rows []jobs.Attempt) Step {
	now, why := l.in.Now, l.blocker(route, rows)
	until := earlier(ready, l.latest(tier))
	if tier == 1 && ready.After(l.waitsUntil(rows)) {
		if below, possible := l.readyBelow(); possible {
			if !below.After(now) {
				return l.skip(tier, why)
			}
			until = earlier(until, below)
		}
	}
	wait := Step{Kind: StepWait, Tier: tier, Until: until, Why: why}
	if until.Sub(now) > l.policy.MaxSleep {
		wait.Kind = StepPark
		if why == WhyGated {
			wait.Gate = route.Gate.Name
		}
		return wait
	}
	if !ready.After(until) { // the call will follow: ask before sleeping for it
		call := Step{Tier: tier, Provider: route.Provider, Model: route.Model}
		if step, granted := l.granted(call, rows); !granted {
			return step
		}
	}
	return wait
}

// patient jobs wait for the primary as long as their time allows: batch, and
// jobs that refuse degraded answers.
func (l *ladder) patient() bool { return l.lane == jobs.Batch || l.in.Job.Spec.RequireFull }

// waitsUntil is how long the job waits for tier 1 when tier 2 is open. The
// patience counts from the last failure, else from when the job was queued, so
// that a gate which is prolonged again and again does not hold it for ever.
func (l *ladder) waitsUntil(rows []jobs.Attempt) time.Time {
	patience := l.policy.Patience[l.lane]
	switch {
	case l.patient():
		return l.latest(1)
	case len(rows) > 0:
		return rows[len(rows)-1].EndedAt.Add(patience)
	case l.lane <= jobs.Interactive:
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
	case tier > 1 && spec.Risk == jobs.RiskHigh:
		return WhyHighRisk
	case l.spent():
		return WhyCost
	default:
		return ""
	}
}
