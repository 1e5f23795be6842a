package sqlitejobs

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// account is a tenant's day; days count from 1970 in UTC.
type account struct {
	tenant string
	day    int64
}

// payment is what an attempt cost and when. The zero payment is of one that
// cost nothing, or has not ended.
type payment struct{ day, micro int64 }

func paymentFor(a jobs.Attempt) payment {
	if a.EndedAt.IsZero() || a.Usage.CostMicroUSD == 0 {
		return payment{}
	}
	return payment{dayOf(a.EndedAt), a.Usage.CostMicroUSD}
}

// payments are what attempts cost, by their N; nil when they cost nothing.
func payments(rows []jobs.Attempt) map[int]payment {
	var paid map[int]payment
	for _, a := range rows {
		if p := paymentFor(a); p != (payment{}) {
			if paid == nil {
				paid = make(map[int]payment)
			}
			paid[a.N] = p
		}
	}
	return paid
}

// pay books what attempts cost, in place of what the rows that they replace
// had cost.
func (t *tx) pay(l *loan, es []entry) {
	for _, e := range es {
		before := l.paid[e.n]
		if before == e.paid {
			continue
		}
		if l.paid == nil {
			l.paid = make(map[int]payment)
		}
		l.paid[e.n] = e.paid
		if t.spent == nil {
			t.spent = make(map[account]int64)
		}
		t.spent[account{l.job.Tenant, before.day}] -= before.micro
		t.spent[account{l.job.Tenant, e.paid.day}] += e.paid.micro
	}
}

// flushSpent writes what was booked.
func (t *tx) flushSpent() error {
	for of, micro := range t.spent {
		if micro == 0 {
			continue
		}
		if err := t.writeOne(t.st.spend, t.names.num(of.tenant), of.day, micro); err != nil {
			return err
		}
	}
	clear(t.spent)
	return nil
}

// dayOf is the day that holds t.
func dayOf(t time.Time) int64 {
	const day = 24 * 60 * 60
	s := t.Unix()
	if s < 0 {
		return (s+1)/day - 1
	}
	return s / day
}
