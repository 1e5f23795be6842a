package tiers

import (
	"cmp"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func (l *ladder) configured(tier int) bool {
	for _, r := range l.in.Routes {
		if r.Tier == tier {
			return true
		}
	}
	return false
}

// routes lists the routes of a tier that the job may still use, now or later,
// and says why the first of the others is out.
func (l *ladder) routes(tier int, rows []jobs.Attempt) (usable []Route, why string) {
	for _, r := range l.in.Routes {
		if r.Tier != tier {
			continue
		}
		out := l.out(r, rows)
		if out == "" {
			usable = append(usable, r)
		} else if why == "" {
			why = out
		}
	}
	return usable, why
}

// out says why the job cannot use a route any more; empty when it can.
func (l *ladder) out(r Route, rows []jobs.Attempt) string {
	switch {
	case r.Refused != "":
		return r.Refused
	case r.Window > 0 && l.needs(r) > r.Window, l.tooSmall(r):
		return WhyWindow
	case l.spentMicro(raised(r.Estimate, rows).CostMicroUSD):
		return WhyCost
	}
	if class := l.spentOn(r, rows); class != "" {
		return string(class)
	}
	if class := l.halted(r); class != "" && !l.patient() {
		return string(class)
	}
	return ""
}

// needs is how many tokens a call on the route takes: its own estimate, where
// it has one, for routes differ in the room that they leave for an answer.
func (l *ladder) needs(r Route) int {
	if own := r.Estimate.InputTokens + r.Estimate.OutputTokens; own > 0 {
		return own
	}
	return l.in.Document.Tokens
}

// tooSmall reports whether a route with at least the window of r has already
// found the document too long.
func (l *ladder) tooSmall(r Route) bool {
	for _, a := range l.in.Ledger {
		if RuleOf(a.Class).Action != ActBigger {
			continue
		}
		for _, failed := range l.in.Routes {
			same := failed.Provider == a.Provider && failed.Model == a.Model
			if same && 0 < r.Window && r.Window <= failed.Window {
				return true
			}
		}
	}
	return false
}

// spentOn names the class by which the route has used up its tries: a class
// that has none, or one that came back more often than its retries allow.
func (l *ladder) spentOn(r Route, rows []jobs.Attempt) jobs.Class {
	failures := map[string]int{}
	for i, a := range rows {
		if !onRoute(a, r) || a.Outcome == jobs.AttemptOK && l.holds(a) {
			continue
		}
		rule := l.rule(a, i == len(rows)-1)
		switch rule.Action {
		case ActHalt: // out until its gate opens, see halted
			continue
		case ActSwitch, ActBigger, ActRules, ActReview, ActFail:
			return rule.Class
		default:
		}
		if a.Why == WhyProbe {
			continue
		}
		key := rule.Share
		if key == "" {
			key = string(rule.Class)
		}
		if failures[key]++; failures[key] > rule.RetryMax {
			return rule.Class
		}
	}
	return ""
}

// halted names the class for which an operator must first mend the route or
// its provider; empty when there is none. Nobody can say when such a gate
// opens, so only patient jobs wait for it.
func (l *ladder) halted(r Route) jobs.Class {
	if r.Gate.halts(l.in.Now) {
		return r.Gate.Reason
	}
	for _, a := range l.in.Ledger {
		rule := RuleOf(a.Class)
		same := a.Provider == r.Provider && (a.Model == r.Model || rule.Scope == ScopeProvider)
		if rule.Action == ActHalt && same && ends(a).After(l.in.Now) {
			return a.Class
		}
	}
	return ""
}

// choose picks the first route that the job's patience covers, else the one
// that is ready first, and says when it is ready. A simple document tries the
// cheap routes of the tier first.
func (l *ladder) choose(routes []Route, rows []jobs.Attempt) (Route, time.Time) {
	if l.in.Document.Tokens < l.policy.SimpleBelow {
		routes = slices.Clone(routes)
		slices.SortStableFunc(routes, func(a, b Route) int {
			return cmp.Compare(a.Estimate.CostMicroUSD, b.Estimate.CostMicroUSD)
		})
	}
	best, bestReady := routes[0], l.ready(routes[0], rows)
	for _, r := range routes {
		at := l.ready(r, rows)
		if !at.After(later(l.in.Now, l.waitsUntil(r, rows))) {
			return r, at
		}
		if at.Before(bestReady) {
			best, bestReady = r, at
		}
	}
	return best, bestReady
}

// blocker says what a wait for the route is for: the class of the job's own
// last failure there, a gate that others closed, or the breaker.
func (l *ladder) blocker(r Route, rows []jobs.Attempt) string {
	at := ready(r, rows)
	switch {
	case l.saved(r, rows).After(at):
		return WhyUnproven
	case !at.After(due(r, rows)):
		return string(lastOn(r, rows).Class)
	case !at.After(r.Gate.Until):
		return WhyGated
	case !at.After(r.BreakerUntil):
		return WhyBreakerOpen
	default:
		return WhyBusy
	}
}

// ready is when the job may call a route: when it can, and would not burn its
// last call.
func (l *ladder) ready(r Route, rows []jobs.Attempt) time.Time {
	return later(ready(r, rows), l.saved(r, rows))
}

// saved is until when the job keeps its last call of a tier from being spent on
// a probe of a route that was down; zero when it need not. Jobs with more calls
// left probe meanwhile. One that is alone does it itself after half of the time
// that it can wait.
func (l *ladder) saved(r Route, rows []jobs.Attempt) time.Time {
	if !r.Unproven || len(rows) == 0 || countCalls(rows)+1 < l.policy.model(r.Tier).calls() {
		return time.Time{}
	}
	since := rows[len(rows)-1].EndedAt
	return since.Add(max(l.last(r.Tier, r).Sub(since), 0) / 2)
}

// ready is when a route can be called by this job.
func ready(r Route, rows []jobs.Attempt) time.Time {
	return later(r.open(), due(r, rows))
}

// due is when the job's own wait for a route ends; zero without one.
func due(r Route, rows []jobs.Attempt) time.Time {
	return ends(lastOn(r, rows))
}

// lastOn is the last attempt on a route; the zero attempt when there is none.
func lastOn(r Route, rows []jobs.Attempt) jobs.Attempt {
	for _, a := range slices.Backward(rows) {
		if onRoute(a, r) {
			return a
		}
	}
	return jobs.Attempt{}
}

// ends is when the wait after an attempt is over.
func ends(a jobs.Attempt) time.Time {
	return a.EndedAt.Add(time.Duration(a.BackoffMS) * time.Millisecond)
}

func onRoute(a jobs.Attempt, r Route) bool { return a.Provider == r.Provider && a.Model == r.Model }

func countCalls(rows []jobs.Attempt) int {
	n := 0
	for _, a := range rows {
		if a.Kind == jobs.CallAttempt {
			n++
		}
	}
	return n
}

func wasTruncated(rows []jobs.Attempt) bool {
	for _, a := range rows {
		if a.Class == ClassTruncated {
			return true
		}
	}
	return false
}

// raised is what a try after these rows may use up: after an answer that was
// cut it has twice the room, so at most twice the price.
func raised(u jobs.Usage, rows []jobs.Attempt) jobs.Usage {
	if wasTruncated(rows) {
		return u.Add(u)
	}
	return u
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
