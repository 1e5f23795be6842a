package ladder

import (
	"time"

	"github.com/sluicehq/sluice/pkg/tiers"
)

// RouteState is how a route stands in this process.
type RouteState struct {
	Name string
	Tier int
	// GateLeft is the time until its gate opens, and GateReason why it closed;
	// 0 and empty while it is open.
	GateLeft    time.Duration
	GateReason  string
	BreakerOpen bool
	// Down is how long the route has not worked; 0 while it does.
	Down time.Duration
	// Pools are its numbers by pool.
	Pools map[tiers.Pool]PoolState
}

// PoolState is how one pool of a route stands.
type PoolState struct {
	// Budget is what the retry budget holds, in units, and BudgetMicroUSD the
	// money, in millionths of a dollar.
	Budget         float64
	BudgetMicroUSD int64
	// Carries is how many calls may be under way, InFlight how many are.
	Carries, InFlight int
}

// Routes answers the state of all routes now.
func (e *Executor) Routes() []RouteState {
	now := time.Now()
	all := make([]RouteState, 0, len(e.config.Models))
	for i := range e.config.Models {
		r := e.look(i, now)
		s := RouteState{Name: r.Name(), Tier: r.Tier, BreakerOpen: r.BreakerUntil.After(now), Pools: map[tiers.Pool]PoolState{}}
		if r.Gate.Closed(now) {
			s.GateLeft, s.GateReason = r.Gate.Until.Sub(now), string(r.Gate.Reason)
		}
		if !r.DownSince.IsZero() {
			s.Down = now.Sub(r.DownSince)
		}
		for _, pool := range []tiers.Pool{tiers.PoolProd, tiers.PoolEval} {
			s.Pools[pool] = PoolState{
				Budget: e.config.Budgets.Tokens(s.Name, pool), BudgetMicroUSD: e.config.Budgets.MicroUSD(s.Name, pool),
				Carries: e.config.Limits.Carries(s.Name, pool, now), InFlight: e.config.Limits.InFlight(s.Name, pool),
			}
		}
		all = append(all, s)
	}
	return all
}
