package ladder

import (
	"maps"
	"slices"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// outcome settles the loan by a step that ends it.
func (r *run) outcome(step tiers.Step) jobs.Outcome {
	o := jobs.Outcome{Tier: step.Tier, Attempts: r.unsaved}
	switch step.Kind {
	case tiers.StepSucceed:
		o.Kind, o.Result = jobs.Succeed, r.result(step)
	case tiers.StepReview:
		o.Kind, o.Reason, o.Candidates = jobs.ToReview, step.Why, r.candidates(step)
	case tiers.StepFail:
		o.Kind, o.Failure = jobs.Fail, r.failure(step)
	case tiers.StepPark:
		o.Kind, o.Until, o.Gate, o.Reason = jobs.Park, step.Until, step.Gate, step.Why
		if step.Why == tiers.WhyUnproven {
			r.offerAgain(step.Tier)
		}
	case tiers.StepCall, tiers.StepRepair, tiers.StepRules, tiers.StepAsk, tiers.StepWait, tiers.StepSkip:
	}
	return o
}

// result is the answer in hand with its evidence.
func (r *run) result(step tiers.Step) *jobs.Result {
	if step.Cached {
		return r.replayed(step)
	}
	x := r.answer.Extracted
	if step.Tier == 3 {
		x = r.rules.Extracted
	}
	q := tiers.Quality(r.ledger, step)
	q.Lost = x.Lost
	result := &jobs.Result{
		Data: x.Data, Fields: withTier(x.Fields, step.Tier), Missing: x.Missing,
		Quality: q, Usage: tiers.Usage(r.ledger),
	}
	r.remember(*result)
	return result
}

// replayed is the answer of the cache, with the quality of this job.
func (r *run) replayed(step tiers.Step) *jobs.Result {
	q := tiers.Quality(r.ledger, step)
	q.ServedModel, q.Repaired = r.kept.Quality.ServedModel, r.kept.Quality.Repaired
	return &jobs.Result{
		Data: r.kept.Data, Fields: r.kept.Fields, Missing: r.kept.Missing,
		Quality: q, Usage: tiers.Usage(r.ledger),
	}
}

// candidates are the answers that did not stand. A complete answer of the rule
// parser that the job may not complete with is the best of them.
func (r *run) candidates(step tiers.Step) []jobs.Candidate {
	if step.Why == tiers.ReviewHighRisk {
		for _, a := range r.ledger { // a good answer that failed its validation
			if a.N == r.hand.N && a.Tier == 2 && a.Outcome == jobs.AttemptOK {
				r.tried = append(r.tried, candidate(2, r.answer.Extracted, []string{step.Why}))
			}
		}
	}
	for i, c := range r.tried {
		if c.Tier == 3 && r.rules.Complete {
			r.tried[i].Reasons = append(slices.Clone(c.Reasons), step.Why)
		}
	}
	return r.tried
}

func (r *run) failure(step tiers.Step) *jobs.Failure {
	f := &jobs.Failure{Class: step.Class, Tier: step.Tier, Reason: tiers.Describe(step.Class)}
	for _, a := range r.ledger {
		if a.Provider != "" && a.Outcome == jobs.AttemptError {
			f.Provider = a.Provider
		}
	}
	return f
}

// withTier marks every field with the tier that gave it.
func withTier(fields map[string]jobs.Field, tier int) map[string]jobs.Field {
	fields = maps.Clone(fields)
	for pointer, f := range fields {
		f.Tier = tier
		fields[pointer] = f
	}
	return fields
}
