package ladder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/pause"
	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// Executor is the [worker.Processor] that ships. It is safe for concurrent use.
type Executor struct {
	config     Config
	classifier *tiers.Classifier
	breakers   []*tiers.Breaker // one for each model
	health     []*health        // likewise
	purse      purse
}

var _ worker.Processor = (*Executor)(nil)

// New makes an executor.
func New(c Config) (*Executor, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	classifier, err := tiers.NewClassifier("")
	if err != nil {
		return nil, err
	}
	if c.Gates == nil {
		c.Gates = &tiers.Gates{}
	}
	if c.Budgets == nil {
		c.Budgets = &tiers.Budgets{}
	}
	if c.Limits == nil {
		c.Limits = &tiers.Limits{}
	}
	e := &Executor{config: c, classifier: classifier, purse: purse{money: c.Money}}
	for i, m := range c.Models {
		e.breakers = append(e.breakers, tiers.NewBreaker(c.Breaker))
		e.health = append(e.health, &health{})
		c.Limits.Set(e.name(i), m.Limits, time.Now())
	}
	return e, nil
}

// SetWorkers tells how many processes share the limits of the providers, the
// retry budgets and the tenants' money; less than 1 counts as 1.
func (e *Executor) SetWorkers(n int) {
	e.config.Budgets.SetWorkers(n)
	e.config.Limits.SetWorkers(n, time.Now())
}

// maxSteps is far above what any job takes: tier 1 makes at most 4 calls and a
// repair, tier 2 two and a repair, each with an ask of the budget; the rest
// are waits of about a second for a probe or for room on a route.
const maxSteps = 2000

// errNotFirm gives a job back whose lease the engine has not confirmed lately:
// a paid call could be made twice.
var errNotFirm = errors.New("the lease was not confirmed in time for a paid call")

// run is one loan on its way.
type run struct {
	*Executor
	loan  jobs.Loan
	lease worker.Holding

	document tiers.Document
	task     Extraction
	ledger   []jobs.Attempt
	unsaved  []jobs.Attempt // closed rows that ride on the next write
	hand     tiers.Hand
	grant    tiers.Grant
	answer   extract.Answer      // the model answer in hand
	rules    extract.RulesAnswer // the rule parser's answer in hand
	tried    []jobs.Candidate
	input    int         // tokens of a request, by estimate
	kept     jobs.Result // the answer that the cache has
	cached   tiers.Cached
	noMoney  bool
	// shutUntil is when to look again at a route that a probe or breaker kept
	// shut, busyUntil at one that our own limits did, by model.
	shutUntil, busyUntil map[int]time.Time
	busy                 int // how often limits held a call back
}

// Process implements [worker.Processor].
func (e *Executor) Process(ctx context.Context, loan jobs.Loan, lease worker.Holding) (jobs.Outcome, error) {
	r := &run{
		Executor: e, loan: loan, lease: lease, ledger: loan.Attempts,
		shutUntil: map[int]time.Time{}, busyUntil: map[int]time.Time{},
	}
	if err := r.prepare(ctx); err != nil {
		return jobs.Outcome{}, err
	}
	for range maxSteps {
		if ctx.Err() != nil {
			return r.interrupted(context.Cause(ctx))
		}
		in := r.facts(time.Now())
		step := tiers.Next(in)
		if step.Ends() {
			return r.outcome(step), nil
		}
		if err := r.do(ctx, in, step); err != nil {
			return r.interrupted(err)
		}
	}
	return r.interrupted(fmt.Errorf("the ladder took more than %d steps", maxSteps))
}

// interrupted saves what the ledger knows before the job is given back. A row
// that cannot be saved stays open in the store and counts as maybe billed.
func (r *run) interrupted(cause error) (jobs.Outcome, error) {
	if len(r.unsaved) == 0 {
		return jobs.Outcome{}, cause
	}
	switch {
	case errors.Is(cause, worker.ErrLeaseLost):
		return jobs.Outcome{}, cause
	case errors.Is(cause, worker.ErrCancelAsked):
		return jobs.Outcome{Kind: jobs.Stopped, Attempts: r.unsaved}, nil
	case errors.Is(cause, worker.ErrShutdown):
		return jobs.Outcome{Kind: jobs.Release, Reason: "shutdown", Attempts: r.unsaved}, nil
	default:
		return jobs.Outcome{Kind: jobs.Release, Reason: "worker_trouble", Attempts: r.unsaved}, nil
	}
}

// prepare reads the document. A fault of the document is a fact for the
// ladder; trouble of our own is an error.
func (r *run) prepare(ctx context.Context) error {
	job := r.loan.Job
	began := time.Now()
	if r.lookUp(began); r.cached.Fresh {
		return nil
	}
	data, err := r.config.Store.Document(ctx, job.Tenant, job.ID)
	if err != nil {
		return fmt.Errorf("load document: %w", err)
	}
	text, err := r.config.Reader.Parse(ctx, data)
	if fault, ok := errors.AsType[*document.Fault](err); ok {
		r.document.Fault = tiers.DocumentVerdict(fault.Class).Class
		r.config.Events.documentRead(job, time.Since(began), r.document.Fault)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read document: %w", err)
	}
	r.config.Events.documentRead(job, time.Since(began), "")
	if r.task, err = r.config.Prepare(job.Spec, text); err != nil {
		return fmt.Errorf("prepare extraction: %w", err)
	}
	r.input = r.task.Tokens(0)
	return nil
}

// facts gathers what the ladder decides by.
func (r *run) facts(now time.Time) tiers.Input {
	in := tiers.Input{
		Job: r.loan.Job, Ledger: r.ledger, Document: r.document, Cached: r.cached, NoMoney: r.noMoney,
		Hand: r.hand, Grant: r.grant, Policy: r.config.Policy, Now: now,
	}
	for i, m := range r.config.Models {
		route := r.look(i, now)
		route.Refused = tiers.Refusal(r.loan.Job, m.Regions)
		route.Estimate = m.usage(r.input, m.MaxOutput)
		route.Repair = m.usage(r.input+m.MaxOutput, m.MaxOutput) // it is shown its answer
		if until := r.shutUntil[i]; until.After(route.BreakerUntil) {
			route.BreakerUntil = until
		}
		route.BusyUntil = r.busyUntil[i]
		in.Routes = append(in.Routes, route)
		in.Document.Tokens = max(in.Document.Tokens, r.input+m.MaxOutput)
	}
	return in
}

// do carries out a step that does not end the loan.
func (r *run) do(ctx context.Context, in tiers.Input, step tiers.Step) error {
	switch step.Kind {
	case tiers.StepCall, tiers.StepRepair:
		return r.call(ctx, in, step)
	case tiers.StepRules:
		return r.parse(ctx, in, step)
	case tiers.StepSkip:
		row, _ := step.Row(in)
		r.keep(row)
		r.config.Events.attemptEnded(r.loan.Job, AttemptEnd{Attempt: row})
		return nil
	case tiers.StepAsk:
		given := r.config.Budgets.Take(step.Route(), r.pool(), step.Cost, step.Reserve.CostMicroUSD)
		r.grant = tiers.Grant{After: step.N, Given: given}
		r.config.Events.retryAsked(step.Route(), r.pool(), given)
		return nil
	case tiers.StepWait:
		return sleepUntil(ctx, step.Until)
	case tiers.StepPark, tiers.StepSucceed, tiers.StepReview, tiers.StepFail:
		return fmt.Errorf("step %s ends the loan", step.Kind)
	default:
		return fmt.Errorf("step %q is unknown", step.Kind)
	}
}

func (r *run) pool() tiers.Pool { return tiers.PoolOf(r.loan.Job.Lane) }

// begin makes the open row of a step durable, with the closed ones before it.
// why marks a call that is more than the job's own.
func (r *run) begin(ctx context.Context, in tiers.Input, step tiers.Step, why string) (jobs.Attempt, error) {
	row, ok := step.Row(in)
	if !ok {
		return jobs.Attempt{}, fmt.Errorf("step %s has no row", step.Kind)
	}
	row.Why = why
	rows := append(slices.Clip(r.unsaved), row)
	if err := r.config.Store.PutAttempts(ctx, r.loan.Lease, rows...); err != nil {
		return jobs.Attempt{}, fmt.Errorf("write attempt %d: %w", row.N, err)
	}
	r.unsaved = nil
	r.ledger = append(r.ledger, row)
	return row, nil
}

// keep notes a closed row, in place of its open one if there is one.
func (r *run) keep(row jobs.Attempt) {
	r.unsaved = append(r.unsaved, row)
	for i := range r.ledger {
		if r.ledger[i].N == row.N {
			r.ledger[i] = row
			return
		}
	}
	r.ledger = append(r.ledger, row)
}

func sleepUntil(ctx context.Context, t time.Time) error {
	if pause.For(ctx, time.Until(t)) != nil {
		return context.Cause(ctx)
	}
	return nil
}
