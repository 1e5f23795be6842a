package ladder

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// call makes one model call: probe, money, limits, breaker, ledger, call,
// verdict, ledger. Whatever says no before the ledger row is written changes
// what the ladder knows, and it decides again.
func (r *run) call(ctx context.Context, in tiers.Input, step tiers.Step) error {
	if !r.lease.Firm() {
		return errNotFirm
	}
	model, err := r.model(step)
	if err != nil {
		return err
	}
	c, ok := r.clear(ctx, step, model)
	if !ok {
		return nil
	}
	c.verdict = tiers.Verdict{Class: tiers.ClassCancelled}
	defer func() { c.settle(time.Now()) }() // also when the call panics
	why := ""
	if c.probed != nil {
		why = tiers.WhyProbe
	}
	row, err := r.begin(ctx, in, step, why)
	if err != nil {
		return err
	}
	if !step.Retry {
		r.config.Budgets.First(step.Route(), r.pool(), step.Reserve.CostMicroUSD)
	}
	began := time.Now()
	answer := r.ask(ctx, step, model)
	used := answer.Signal.Usage
	answer.Signal.Usage = r.config.Models[model].usage(used.InputTokens, used.OutputTokens)

	now := time.Now()
	c.verdict = r.breakers[model].Judge(r.classifier.Classify(answer.Signal, answer.Judgement, now))
	if gate, changed := r.config.Gates.CloseBy(c.verdict, step.Provider, step.Model, now); changed {
		r.config.Events.gateClosed(gate)
	}
	row = r.config.Policy.Close(r.ledger, row, answer.Signal, c.verdict, now, r.config.Jitter())
	c.used = row.Usage
	if worked(c.verdict) {
		r.answered(model, began)
	}
	r.keep(row)
	r.take(row, answer)
	r.config.Events.attemptEnded(r.loan.Job, AttemptEnd{
		Attempt: row, Retry: step.Retry, TimedOut: answer.Signal.Timeout == tiers.BudgetAttempt,
	})
	return nil
}

// clearance is all that lets one call through, to be settled after it.
type clearance struct {
	job     jobs.ID
	permit  *tiers.Permit
	money   func(micro int64)
	probed  func(tiers.Verdict) // nil for a call that is no probe
	report  func(jobs.ID, tiers.Verdict)
	verdict tiers.Verdict
	used    jobs.Usage
}

// settle gives back what the call did not use and tells everyone how it went.
func (c *clearance) settle(now time.Time) {
	c.report(c.job, c.verdict)
	c.permit.Settle(c.verdict, c.used, now)
	c.money(c.used.CostMicroUSD)
	if c.probed != nil {
		c.probed(c.verdict)
	}
}

// clear asks everyone who may say no to a call, cheapest to undo first.
func (r *run) clear(ctx context.Context, step tiers.Step, model int) (*clearance, bool) {
	now, cancelled := time.Now(), tiers.Verdict{Class: tiers.ClassCancelled}
	permit, again := r.config.Limits.Reserve(step.Route(), r.pool(), r.loan.Job.ID, step.Reserve.InputTokens+step.Reserve.OutputTokens, now)
	if permit == nil {
		r.heldBack(step, model, again)
		return nil, false
	}
	money, ok := r.purse.hold(ctx, r.loan.Job.Tenant, step.Reserve.CostMicroUSD, r.config.Limits.Workers())
	if !ok {
		permit.Settle(cancelled, jobs.Usage{}, now)
		r.noMoney = true
		r.config.Events.moneyRefused(r.loan.Job)
		return nil, false
	}
	ended, ok := r.probe(ctx, model, step.Timeout)
	if !ok {
		permit.Settle(cancelled, jobs.Usage{}, now)
		money(0)
		r.shutUntil[model] = time.Now().Add(probeWait)
		return nil, false
	}
	report, err := r.breakers[model].Allow()
	if err != nil {
		// It opened, or its probe went out, since the decision.
		permit.Settle(cancelled, jobs.Usage{}, now)
		money(0)
		if ended != nil {
			ended(cancelled)
		}
		r.shutUntil[model] = time.Now().Add(probeWait)
		return nil, false
	}
	return &clearance{job: r.loan.Job.ID, permit: permit, money: money, probed: ended, report: report}, true
}

// The waits for another call on the route to end.
const (
	roomWait    = 100 * time.Millisecond
	maxRoomWait = time.Second
	// patientWaits are made in the slot, five seconds in all; an eval that then
	// has no room yet leaves its slot to production, whose room it cannot use.
	patientWaits = 8
	crowdedWait  = 5 * time.Second
)

// heldBack notes when to ask our own limits again. Where only another call
// must end nobody knows when, so the waits grow.
func (r *run) heldBack(step tiers.Step, model int, again time.Time) {
	if now := time.Now(); !again.After(now) {
		again = now.Add(min(roomWait<<min(r.busy, 10), maxRoomWait))
		if r.busy++; r.busy > patientWaits && r.pool() == tiers.PoolEval {
			again = now.Add(crowdedWait)
		}
	}
	r.busyUntil[model] = again
	r.config.Events.held(step.Route(), r.pool())
}

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
	if row.Outcome == jobs.AttemptOK || a.Judgement.Fault != tiers.FaultNone && !r.worse(row, a) {
		r.hand = tiers.Hand{N: row.N, OptionalOnly: a.Judgement.OptionalOnly}
		r.answer = a
		if row.Tier == 2 && row.Outcome == jobs.AttemptOK {
			r.hand.Validated = r.validated(2, a.Extracted)
		}
	}
	if row.Outcome != jobs.AttemptOK && a.Extracted.Data != nil {
		r.tried = append(r.tried, candidate(row.Tier, a.Extracted, append([]string{string(row.Class)}, a.Judgement.Pointers...)))
	}
}

// worse reports whether a repair spoiled an answer that can stand without its
// faulty fields: then that one stays in hand.
func (r *run) worse(row jobs.Attempt, a extract.Answer) bool {
	return row.Kind == jobs.RepairAttempt && r.hand.StandsWithout(r.loan.Job.Spec, row.Tier) && !a.Judgement.OptionalOnly
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
		r.hand = tiers.Hand{N: row.N, Validated: r.validated(3, answer.Extracted)}
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
