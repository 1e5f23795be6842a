package ladder

import (
	"time"

	"github.com/sluicehq/sluice/pkg/tiers"
)

// RouteState is how a route stands in this process.
type RouteState struct {
	Name string
	// GateLeft is the time until its gate opens; 0 while it is open.
	GateLeft    time.Duration
	BreakerOpen bool
	// Budget is what the retry budget holds, by pool.
	Budget map[tiers.Pool]float64
}

// Routes answers the state of all routes now.
func (e *Executor) Routes() []RouteState {
	now := time.Now()
	all := make([]RouteState, 0, len(e.config.Models))
	for i, m := range e.config.Models {
		name := tiers.Route{Provider: m.Provider, Model: m.Model}.Name()
		all = append(all, RouteState{
			Name:        name,
			GateLeft:    max(0, e.config.Gates.Of(m.Provider, m.Model, now).Until.Sub(now)),
			BreakerOpen: e.breakers[i].OpenUntil().After(now),
			Budget: map[tiers.Pool]float64{
				tiers.PoolProd: e.config.Budgets.Tokens(name, tiers.PoolProd),
				tiers.PoolEval: e.config.Budgets.Tokens(name, tiers.PoolEval),
			},
		})
	}
	return all
}
