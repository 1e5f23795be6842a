package tiers

import (
	"slices"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// rulesGrace is how long past the deadline the rule parser may still run. It
// makes no call, and the engine itself waits for jobs.Backstop.
const rulesGrace = jobs.Backstop / 2

// lowerTiers decides on the rule parser and, after it, on a person.
func (l *ladder) lowerTiers() Step {
	if l.reached() > 3 {
		return l.exhausted()
	}
	if rows := l.tried(3); len(rows) > 0 {
		last := rows[len(rows)-1]
		switch {
		case last.Outcome == jobs.AttemptError:
			return l.exhausted()
		case last.Outcome == jobs.AttemptOK && l.holds(last):
			return l.proven(last)
		default: // its process died: run it again, it costs nothing
		}
	}
	if l.in.Cached.Stale && l.refusesDegraded() == "" {
		return Step{Kind: StepSucceed, Tier: 1, Cached: true, Stale: true}
	}
	left := l.in.Job.DeadlineAt.Add(rulesGrace).Sub(l.in.Now)
	switch {
	case l.in.Job.Spec.MaxTier != 0 && l.in.Job.Spec.MaxTier < 3:
		return l.skip(3, WhyMaxTier)
	case left <= 0:
		return l.skip(3, WhyDeadline)
	default:
		return Step{Kind: StepRules, Tier: 3, Timeout: min(l.policy.RulesTimeout, left)}
	}
}

// proven is what becomes of a complete answer of the rule parser.
func (l *ladder) proven(a jobs.Attempt) Step {
	why := l.refusesDegraded()
	if why == ReviewHighRisk && l.policy.HighRiskRules != "" && l.in.Hand.Validated {
		why = ""
	}
	if why != "" {
		return l.toPerson(why)
	}
	return Step{Kind: StepSucceed, Tier: 3, N: a.N}
}

// refusesDegraded says why the job cannot complete below tier 1; empty when it
// can.
func (l *ladder) refusesDegraded() string {
	switch {
	case l.in.Job.Spec.RequireFull:
		return ReviewDegraded
	case l.in.Job.Spec.Risk == jobs.RiskHigh:
		return ReviewHighRisk
	default:
		return ""
	}
}

// exhausted is the end of a job that no tier could answer.
func (l *ladder) exhausted() Step {
	if why := l.refusesDegraded(); why != "" {
		return l.toPerson(why)
	}
	for _, a := range slices.Backward(l.in.Ledger) {
		if a.Kind == jobs.SkipAttempt && (a.Why == WhyCost || a.Why == WhyTenantCost || a.Why == WhyDeadline) {
			return l.toPerson(a.Why)
		}
	}
	return l.toPerson(ReviewAllFailed)
}

// toPerson hands the job to a person, unless the job forbids it: then it ends
// as a dead letter, by the job's own wish and not by a provider's fault.
func (l *ladder) toPerson(why string) Step {
	if limit := l.in.Job.Spec.MaxTier; limit != 0 && limit < 4 {
		return Step{Kind: StepFail, Tier: limit, Class: ClassMaxTier, Why: why}
	}
	return Step{Kind: StepReview, Tier: 4, Why: why}
}
