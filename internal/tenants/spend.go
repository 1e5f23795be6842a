package tenants

import (
	"context"
	"sync/atomic"
	"time"
)

// Spender answers what tenants' model calls cost; see [jobs.Archive].
type Spender interface {
	Spent(ctx context.Context, tenant string, day time.Time) (microUSD int64, err error)
}

// spentFor is how long an answer of the spender is believed.
const spentFor = time.Second

// spending is what one tenant has spent today, as far as is known.
type spending struct {
	last  atomic.Pointer[spent]
	asked chan struct{} // held by whoever asks the spender
}

type spent struct {
	at    time.Time // of the question
	day   time.Time
	micro int64
	known bool
}

func newSpending() *spending { return &spending{asked: make(chan struct{}, 1)} }

// today is what the tenant has spent on the day of now, at most a second old;
// while somebody asks, or the spender fails, the last answer of the day stands.
// known is false when there is none.
func (s *spending) today(ctx context.Context, from Spender, tenant string, now time.Time) (micro int64, known bool, err error) {
	v := s.last.Load()
	if v.fresh(now) {
		return v.micro, v.known, nil
	}
	select {
	case s.asked <- struct{}{}:
	default:
		if v.of(now) {
			return v.micro, v.known, nil
		}
		select {
		case s.asked <- struct{}{}:
		case <-ctx.Done():
			return 0, false, ctx.Err()
		}
	}
	defer func() { <-s.asked }()
	if v = s.last.Load(); v.fresh(now) {
		return v.micro, v.known, nil // somebody else has asked meanwhile
	}
	return s.ask(ctx, from, tenant, now)
}

// ask asks the spender and keeps the answer. That it failed is kept too, so
// that a spender in trouble is not asked more often; that the caller went away
// says nothing.
func (s *spending) ask(ctx context.Context, from Spender, tenant string, now time.Time) (int64, bool, error) {
	next := &spent{at: now, day: dayOf(now)}
	if v := s.last.Load(); v.of(now) {
		next.micro, next.known = v.micro, v.known
	}
	micro, err := from.Spent(ctx, tenant, next.day)
	switch {
	case err == nil:
		next.micro, next.known = micro, true
	case ctx.Err() != nil:
		return next.micro, next.known, err
	}
	s.last.Store(next)
	return next.micro, next.known, err
}

// of reports whether the answer is about the day of now.
func (v *spent) of(now time.Time) bool { return v != nil && v.day.Equal(dayOf(now)) }

// fresh reports whether the answer need not be asked for again, also where now
// was read a little before the answer came.
func (v *spent) fresh(now time.Time) bool {
	return v.of(now) && now.Sub(v.at).Abs() < spentFor
}

func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
