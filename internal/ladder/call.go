package ladder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// call makes one model call: ledger, breaker, call, verdict, ledger.
func (r *run) call(ctx context.Context, in tiers.Input, step tiers.Step) error {
	if !r.lease.Firm() {
		return errNotFirm
	}
	model, err := r.model(step)
	if err != nil {
		return err
	}
	report, err := r.breakers[model].Allow()
	if errors.Is(err, tiers.ErrBreakerOpen) {
		// It opened, or its probe went out, since the decision: decide again.
		r.busyUntil[model] = time.Now().Add(probeWait)
		return nil
	}
	verdict := tiers.Verdict{Class: tiers.ClassCancelled}
	defer func() { report(r.loan.Job.ID, verdict) }() // also when the call panics
	row, err := r.begin(ctx, in, step)
	if err != nil {
		return err
	}
	if !step.Retry {
		r.config.Budgets.First(step.Route(), r.pool(), step.Reserve.CostMicroUSD)
	}
	answer := r.ask(ctx, step, model)
	answer.Signal.Usage.CostMicroUSD = r.config.Models[model].cost(answer.Signal.Usage)

	now := time.Now()
	verdict = r.classifier.Classify(answer.Signal, answer.Judgement, now)
	if gate, changed := r.config.Gates.CloseBy(verdict, step.Provider, step.Model, now); changed {
		r.config.Events.gateClosed(gate)
	}
	row = r.config.Policy.Close(r.ledger, row, answer.Signal, verdict, now, r.config.Jitter())
	r.keep(row)
	r.take(row, answer)
	r.config.Events.attemptEnded(r.loan.Job, AttemptEnd{
		Attempt: row, Retry: step.Retry, TimedOut: answer.Signal.Timeout == tiers.BudgetAttempt,
	})
	return nil
}

// probeWait is how long a job stays away from a breaker that is being probed
// by another one.
const probeWait = 5 * time.Second

// ask makes the call inside its budgets: the attempt's own time and, a little
// later, the job's deadline.
func (r *run) ask(ctx context.Context, step tiers.Step, model int) extract.Answer {
	ctx, stopJob := context.WithDeadlineCause(ctx, r.loan.Job.DeadlineAt, tiers.ErrJobDeadline)
	defer stopJob()
	ctx, stopAttempt := context.WithTimeoutCause(ctx, step.Timeout, tiers.ErrAttemptTimeout)
	defer stopAttempt()
	if step.Kind == tiers.StepRepair {
		return r.task.Repair(ctx, model, r.answer)
	}
	return r.task.Call(ctx, model, step.RaiseTokens)
}

// take remembers an answer that has content: as the one in hand, and as a
// candidate for a person if it does not stand.
func (r *run) take(row jobs.Attempt, a extract.Answer) {
	if row.Outcome == jobs.AttemptOK || a.Judgement.Fault != tiers.FaultNone {
		r.hand = tiers.Hand{N: row.N, OptionalOnly: a.Judgement.OptionalOnly}
		r.answer = a
	}
	if row.Outcome != jobs.AttemptOK && a.Extracted.Data != nil {
		r.tried = append(r.tried, candidate(row.Tier, a.Extracted, append([]string{string(row.Class)}, a.Judgement.Pointers...)))
	}
}

func candidate(tier int, x extract.Extracted, reasons []string) jobs.Candidate {
	return jobs.Candidate{Tier: tier, Data: x.Data, Fields: withTier(x.Fields, tier), Reasons: reasons}
}

// parse runs the rule parser.
func (r *run) parse(ctx context.Context, in tiers.Input, step tiers.Step) error {
	// The row is not made durable first: the rules cost nothing, and if the
	// process dies they run again.
	row, ok := step.Row(in)
	if !ok {
		return fmt.Errorf("step %s has no row", step.Kind)
	}
	answer := r.task.Rules() // takes time linear in a bounded text
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	row = tiers.CloseRules(row, answer.Complete, time.Now())
	r.keep(row)
	r.config.Events.attemptEnded(r.loan.Job, AttemptEnd{Attempt: row})
	r.rules = answer
	if answer.Complete {
		r.hand = tiers.Hand{N: row.N}
	}
	if answer.Extracted.Data != nil {
		r.tried = append(r.tried, candidate(row.Tier, answer.Extracted, answer.Reasons))
	}
	return nil
}

// model finds the index of a step's route.
func (r *run) model(step tiers.Step) (int, error) {
	for i, m := range r.config.Models {
		if m.Tier == step.Tier && m.Provider == step.Provider && m.Model == step.Model {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no model of tier %d is called %s", step.Tier, step.Route())
}
