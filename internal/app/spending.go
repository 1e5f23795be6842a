package app

import (
	"context"

	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// frugal keeps tenants whose money for today is spent from paid calls. Their
// jobs go on with what costs nothing, and say so as any job that has spent its
// own money does.
type frugal struct {
	worker.Processor
	// maySpend reports whether the tenant has money left; see package tenants.
	maySpend func(ctx context.Context, tenant string) bool
}

// Process implements [worker.Processor].
func (f frugal) Process(ctx context.Context, loan jobs.Loan, lease worker.Holding) (jobs.Outcome, error) {
	if !f.maySpend(ctx, loan.Job.Tenant) {
		loan = withoutMoney(loan)
	}
	return f.Processor.Process(ctx, loan, lease)
}

// noMoney is a bound that every sum of costs reaches, even none.
const noMoney = -1

// withoutMoney is the loan as a job gets it that may cost nothing more. The
// bound is of this loan only: the next one asks again.
func withoutMoney(loan jobs.Loan) jobs.Loan {
	loan.Job.Spec.MaxCostMicroUSD = noMoney
	return loan
}
