package tiers

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Next decides what to do now. It is a pure function: the same input gives
// the same step, and everything that must outlive a crash is in the ledger.
// The executor carries the step out, puts what came of it into the input and
// asks again, until a step [Step.Ends].
//
// Next is asked only while no attempt of this holder is under way: an open row
// is one whose holder died. It counts as a try that may have been billed.
func Next(in Input) Step {
	l := newLadder(in)
	if in.Document.Fault != "" {
		return l.unreadable()
	}
	if in.Cached.Fresh && in.Job.Spec.Risk != jobs.RiskHigh {
		return Step{Kind: StepSucceed, Tier: 1, Cached: true}
	}
	for tier := l.reached(); tier <= 2; tier++ {
		if step, decided := l.modelTier(tier); decided {
			return step
		}
	}
	return l.lowerTiers()
}

// ladder is one decision in the making.
type ladder struct {
	in     Input
	policy Policy
	lane   jobs.Lane
	// Shares of the job's time, shortened for a job whose whole time is short.
	smaller    time.Duration // one call on tier 2
	tail       time.Duration // rules and commit
	minAttempt time.Duration
	margin     time.Duration // a job with less time to wait is nearly due
	away       time.Duration // the longest that a park goes beyond its reason
}

func newLadder(in Input) *ladder {
	p := in.Policy.WithDefaults()
	span := max(in.Job.DeadlineAt.Sub(in.Job.EnqueuedAt), 0)
	lane := min(in.Job.Lane, jobs.Batch)
	return &ladder{
		in: in, policy: p, lane: lane,
		smaller:    min(p.Smaller.Timeout[lane], span/4),
		tail:       min(p.RulesTimeout+p.Commit, span/5),
		minAttempt: min(p.MinAttempt, span/10),
		margin:     min(dueMargin, span/5),
		away:       span / awayShare,
	}
}

// unreadable ends a job whose document no tier can read.
func (l *ladder) unreadable() Step {
	fault := l.in.Document.Fault
	if RuleOf(fault).Action == ActReview {
		return l.toPerson(string(fault))
	}
	return Step{Kind: StepFail, Class: fault}
}

// reached is the tier that the ledger stands at. The ladder never goes back
// up: a tier is behind once a later one was tried or it was skipped.
func (l *ladder) reached() int {
	tier := 1
	for _, a := range l.in.Ledger {
		if a.Kind == jobs.SkipAttempt {
			tier = max(tier, a.Tier+1)
		} else {
			tier = max(tier, a.Tier)
		}
	}
	return tier
}

// tried lists the attempts of a tier that count: neither skips nor those that
// we stopped ourselves.
func (l *ladder) tried(tier int) []jobs.Attempt {
	var rows []jobs.Attempt
	for _, a := range l.in.Ledger {
		if a.Tier == tier && a.Kind != jobs.SkipAttempt && a.Outcome != jobs.AttemptCancelled {
			rows = append(rows, a)
		}
	}
	return rows
}

// modelTier decides on tier 1 or 2. It is undecided when the tier has nothing
// left to try and the ledger already shows why.
func (l *ladder) modelTier(tier int) (Step, bool) {
	rows := l.tried(tier)
	if len(rows) == 0 {
		return l.call(tier, rows)
	}
	last := rows[len(rows)-1]
	if last.Outcome == jobs.AttemptOK && l.holds(last) {
		return l.answered(tier, last), true
	}
	switch rule := l.rule(last, true); rule.Action {
	case ActReview:
		return l.toPerson(string(rule.Class)), true
	case ActRules:
		return l.lowerTiers(), true
	case ActRepair:
		if step, decided := l.repair(tier, rows, rule); decided {
			return step, true
		}
	default: // call knows what each of the others allows
	}
	if l.standsWithout(rows) {
		return Step{Kind: StepSucceed, Tier: tier, N: l.in.Hand.N, DropFaulty: true}, true
	}
	return l.call(tier, rows)
}

// answered ends the job with a good answer of a model, unless the job is of
// high risk and the answer did not pass what its tier's rule asks for.
func (l *ladder) answered(tier int, a jobs.Attempt) Step {
	if tier > 1 && l.in.Job.Spec.Risk == jobs.RiskHigh && !l.in.Hand.Validated {
		return l.toPerson(ReviewHighRisk)
	}
	return Step{Kind: StepSucceed, Tier: tier, N: a.N}
}

// holds reports whether the answer of a is in the holder's memory.
func (l *ladder) holds(a jobs.Attempt) bool { return a.N == l.in.Hand.N && a.N != 0 }

// standsWithout reports whether one of the rows gave the answer in hand and
// that answer can stand without its faulty fields.
func (l *ladder) standsWithout(rows []jobs.Attempt) bool {
	return l.in.Hand.StandsWithout(l.in.Job.Spec, l.reached()) && slices.ContainsFunc(rows, l.holds)
}

// rule is the row of the table for an attempt that gave no answer, after what
// the server said about retries and what was lost with a dead process.
func (l *ladder) rule(a jobs.Attempt, last bool) Rule {
	rule := RuleOf(a.Class)
	switch {
	case a.Outcome != jobs.AttemptError, last && rule.Action == ActRepair && !l.holds(a):
		return RuleOf(ClassLost)
	case a.Why == WhyProbe:
		rule.Cost = 0
	case a.Why == WhyNoRetry:
		rule.Action, rule.RetryMax = ActSwitch, 0
	case a.Why == WhyRetryAllowed:
		rule.Action, rule.RetryMax, rule.Cost = ActBackoff, 1, max(rule.Cost, 1)
	}
	return rule
}

// repair decides on the one repair of the tier after an answer that does not
// stand. It is undecided when the tier had its repair.
func (l *ladder) repair(tier int, rows []jobs.Attempt, rule Rule) (Step, bool) {
	last := rows[len(rows)-1]
	for _, a := range rows {
		if a.Kind == jobs.RepairAttempt {
			return Step{}, false
		}
	}
	if why := l.noRepair(tier, rows); why != "" {
		if l.standsWithout(rows) {
			return Step{}, false
		}
		return l.skip(tier, why), true
	}
	repair := Step{
		Kind: StepRepair, Tier: tier, Provider: last.Provider, Model: last.Model,
		Timeout: l.timeout(tier), N: last.N, Retry: true, Reserve: l.estimate(last, rows),
	}
	if ask, free := l.ask(repair, last.N, rule.Cost); !free {
		return ask, true
	}
	if busy := l.busy(last); busy.After(l.in.Now) {
		return Step{Kind: StepWait, Tier: tier, Until: earlier(busy, l.in.Now.Add(l.policy.MaxSleep)), Why: WhyBusy}, true
	}
	return repair, true
}

// busy is until when our own limits leave no room for a repair on the route of
// a. Such a wait keeps its slot however long it is, for a park would lose the
// answer that the repair mends.
func (l *ladder) busy(a jobs.Attempt) time.Time {
	for _, r := range l.in.Routes {
		if r.Tier == a.Tier && onRoute(a, r) {
			return r.BusyUntil
		}
	}
	return time.Time{}
}

// noRepair says why a repair cannot be made now; empty when it can. It waits
// for room on its route no longer than a call may take.
func (l *ladder) noRepair(tier int, rows []jobs.Attempt) string {
	last := rows[len(rows)-1]
	switch {
	case l.spent(), l.spentMicro(l.estimate(last, rows).CostMicroUSD):
		return WhyCost
	case l.in.NoMoney:
		return WhyTenantCost
	case l.in.Now.After(l.latest(tier)):
		return WhyDeadline
	case l.in.Grant.After == last.N && !l.in.Grant.Given:
		return WhyRetryBudget
	}
	for _, r := range l.in.Routes {
		if onRoute(last, r) && r.open().After(l.in.Now) && !r.onlyBusy(l.in.Now) {
			return l.blocker(r, nil)
		}
	}
	patience := last.EndedAt.Add(l.policy.model(tier).Timeout[l.lane])
	if l.busy(last).After(earlier(l.latest(tier), patience)) {
		return WhyBusy
	}
	return ""
}

// ask asks the retry budget for a try after attempt n, unless the try is free
// or was granted already.
func (l *ladder) ask(try Step, n, cost int) (ask Step, free bool) {
	if cost == 0 || l.in.Grant.After == n && l.in.Grant.Given {
		return Step{}, true
	}
	return Step{
		Kind: StepAsk, Tier: try.Tier, Provider: try.Provider, Model: try.Model, Cost: cost, N: n, Reserve: try.Reserve,
	}, false
}

func (l *ladder) skip(tier int, why string) Step {
	return Step{Kind: StepSkip, Tier: tier, Why: why}
}

// latest is the last moment at which a call on the tier may start: later the
// tiers below would have no room.
func (l *ladder) latest(tier int) time.Time {
	shortest := min(l.minAttempt, l.policy.model(tier).Timeout[l.lane])
	return l.in.Job.DeadlineAt.Add(-l.reserve(tier) - shortest)
}

// reserve is the time kept for the tiers below.
func (l *ladder) reserve(tier int) time.Duration {
	if tier == 1 && l.closed(2) == "" {
		if routes, _ := l.routes(2, nil); len(routes) > 0 {
			return l.smaller + l.tail
		}
	}
	return l.tail
}

// timeout is how long a call on the tier may take from now.
func (l *ladder) timeout(tier int) time.Duration {
	left := l.in.Job.DeadlineAt.Add(-l.reserve(tier)).Sub(l.in.Now)
	return min(l.policy.model(tier).Timeout[l.lane], left)
}

// spent reports whether the job has used up its money.
func (l *ladder) spent() bool { return l.spentMicro(1) }

// spentMicro reports whether the job has less than micro left of its money.
// Calls that may have been billed count with all that was reserved for them.
func (l *ladder) spentMicro(micro int64) bool {
	limit := l.in.Job.Spec.MaxCostMicroUSD
	return limit != 0 && Usage(l.in.Ledger).CostMicroUSD > limit-micro
}

// estimate is the most that a repair on the route of a may use up, after the
// rows of its tier.
func (l *ladder) estimate(a jobs.Attempt, rows []jobs.Attempt) jobs.Usage {
	for _, r := range l.in.Routes {
		if r.Tier == a.Tier && onRoute(a, r) {
			if r.Repair != (jobs.Usage{}) {
				return raised(r.Repair, rows)
			}
			return raised(r.Estimate, rows)
		}
	}
	return jobs.Usage{}
}
