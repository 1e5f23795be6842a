package tenants

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/pkg/backpressure"
)

// Refusal says why a submission is not let in. The zero value lets it in.
type Refusal struct {
	Reason backpressure.Reason
	// RetryAfter is when to try again.
	RetryAfter time.Duration
}

// Refused reports whether the submission is not let in.
func (r Refusal) Refused() bool { return r.Reason != "" }

// Admit takes a submission of so many bytes out of the tenant's rates, or says
// why it is not let in: a pause that refuses intake, money that is spent, or
// the rates. A repeated submission that already has a job is no business of
// Admit.
func (d *Directory) Admit(ctx context.Context, name string, bytes int64) Refusal {
	now := d.cfg.Now()
	e := d.find(name)
	if e == nil {
		return Refusal{}
	}
	if p := e.tenant.paused(now); p != nil && p.RefuseIntake {
		return Refusal{backpressure.TenantPaused, pauseLeft(p, now)}
	}
	if limit := e.tenant.MicroUSDPerDay; limit > 0 {
		// With nothing known the engine is in trouble, and says so itself.
		if micro, known := d.spent(ctx, e, now); known && micro >= limit {
			return Refusal{backpressure.BudgetExhausted, dayOf(now).AddDate(0, 0, 1).Sub(now)}
		}
	}
	if ok, retryAfter := d.meter.Allow(name, bytes, now); !ok {
		return Refusal{backpressure.RateLimited, retryAfter}
	}
	return Refusal{}
}

// Paused is the pause that keeps the tenant's jobs from starting now; nil
// without one. It must not be changed.
func (d *Directory) Paused(name string) *Pause {
	if e := d.find(name); e != nil {
		return e.tenant.paused(d.cfg.Now())
	}
	return nil
}

// pauseRetry is when to ask again while a pause without an end refuses intake.
const pauseRetry = time.Minute

func pauseLeft(p *Pause, now time.Time) time.Duration {
	if p.Until.IsZero() {
		return pauseRetry
	}
	return p.Until.Sub(now)
}

// Left is what the tenant may still spend on model calls today, in millionths
// of a US dollar; limited is false for a tenant without a limit. What was spent
// is known up to a second late, so calls that begin in that second, and those
// under way, may exceed the limit. While nothing is known, nothing is left.
func (d *Directory) Left(ctx context.Context, name string) (microUSD int64, limited bool) {
	e := d.find(name)
	if e == nil || e.tenant.MicroUSDPerDay == 0 {
		return 0, false
	}
	micro, known := d.spent(ctx, e, d.cfg.Now())
	if !known {
		return 0, true
	}
	return max(e.tenant.MicroUSDPerDay-micro, 0), true
}

// Spent is what the tenant's calls have cost today, in millionths of a US
// dollar, at most a second old; known is false when it could not be found out.
func (d *Directory) Spent(ctx context.Context, name string) (microUSD int64, known bool) {
	e := d.find(name)
	if e == nil {
		return 0, false
	}
	return d.spent(ctx, e, d.cfg.Now())
}

func (d *Directory) spent(ctx context.Context, e *entry, now time.Time) (int64, bool) {
	micro, known, err := e.spending.today(ctx, d.cfg.Spender, e.tenant.Name, now)
	if err != nil && ctx.Err() == nil {
		d.cfg.Events.failed("read what a tenant has spent", err)
	}
	return micro, known
}
