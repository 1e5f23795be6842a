package ladder

import (
	"context"
	"sync"
	"time"
)

// Money says what tenants may still spend on model calls.
type Money interface {
	// Left is what the tenant may still spend today, in millionths of a US
	// dollar. limited is false for a tenant without a limit. While nobody can
	// say, nothing is left: a hard limit fails closed.
	Left(ctx context.Context, tenant string) (microUSD int64, limited bool)
}

// spentLag is how long a call that has ended is still counted here: until its
// row is written and what the store says of the tenant includes it.
const spentLag = 3 * time.Second

// purse reserves tenants' money for the calls under way in this process, so
// that many at once do not spend the same rest. Each process may hold its part
// of what is left.
type purse struct {
	money Money

	mu    sync.Mutex
	held  map[string]int64
	ended []spending // in the order of their ends
}

// spending is money of a call that has ended and that may not show yet.
type spending struct {
	tenant string
	micro  int64
	until  time.Time
}

// hold reserves micro for a call of the tenant by one of so many processes.
// settle must be called with what the call cost.
func (p *purse) hold(ctx context.Context, tenant string, micro int64, workers int) (settle func(micro int64), ok bool) {
	if p.money == nil {
		return func(int64) {}, true
	}
	left, limited := p.money.Left(ctx, tenant)
	if !limited {
		return func(int64) {}, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(time.Now())
	if left <= 0 || p.held[tenant]+micro > left/int64(max(workers, 1)) {
		return nil, false
	}
	p.add(tenant, micro)
	return func(cost int64) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.add(tenant, cost-micro)
		p.ended = append(p.ended, spending{tenant, cost, time.Now().Add(spentLag)})
	}, true
}

func (p *purse) forget(now time.Time) {
	n := 0
	for n < len(p.ended) && !p.ended[n].until.After(now) {
		p.add(p.ended[n].tenant, -p.ended[n].micro)
		n++
	}
	p.ended = p.ended[n:]
}

func (p *purse) add(tenant string, micro int64) {
	if p.held == nil {
		p.held = map[string]int64{}
	}
	if p.held[tenant] += micro; p.held[tenant] == 0 {
		delete(p.held, tenant)
	}
}
