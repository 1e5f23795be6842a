package ladder

import (
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// health is what this process knows of one route beyond its gate and breaker.
type health struct {
	mu sync.Mutex
	// downSince is when the route stopped working; zero while it works.
	downSince time.Time
	// unproven says that the route was down and that nobody has seen it work
	// since: it is probed before it is used.
	unproven bool
	// opened is when the route opened last, as far as is known.
	opened time.Time
	// recovered is when it was last found to work after an outage.
	recovered time.Time
	// probing says that a job of this process probes the route, and offered
	// when a job was last let in to do so.
	probing bool
	offered time.Time
}

// look gathers the state of a route now, and notes when it went down.
func (e *Executor) look(model int, now time.Time) tiers.Route {
	m, h := e.config.Models[model], e.health[model]
	r := tiers.Route{
		Tier: m.Tier, Provider: m.Provider, Model: m.Model, Window: m.Window,
		Gate: e.config.Gates.Of(m.Provider, m.Model, now), BreakerUntil: e.breakers[model].OpenUntil(),
	}
	broken := r.BreakerUntil.After(now)
	h.mu.Lock()
	down, outage := false, false
	if broken || r.Gate.Closed(now) {
		if down = h.downSince.IsZero(); down {
			h.downSince = now
		}
		if outage = !h.unproven && (broken || isOutage(r.Gate.Reason)); outage {
			h.unproven = true
		}
		h.opened = r.BreakerUntil
		if r.Gate.Until.After(h.opened) {
			h.opened = r.Gate.Until
		}
	}
	r.DownSince, r.Unproven, r.RecoveredAt = h.downSince, h.unproven, h.recovered
	h.mu.Unlock()
	if outage {
		e.config.Limits.Restart(r.Name(), now)
	}
	if down {
		e.config.Events.routeDown(r.Name(), true, 0)
	}
	return r
}

// isOutage reports whether a gate's reason says that the route does not work,
// as opposed to being used too much.
func isOutage(reason jobs.Class) bool { return reason != tiers.ClassRate && reason != tiers.ClassRamp }

// answered notes that the route answered a call that began at that time. One
// from before the route was found down says nothing about it now.
func (e *Executor) answered(model int, began time.Time) {
	h := e.health[model]
	h.mu.Lock()
	tells := h.downSince.IsZero() || began.After(h.downSince)
	h.mu.Unlock()
	if tells {
		e.works(model)
	}
}

// works notes that the route works.
func (e *Executor) works(model int) {
	h := e.health[model]
	h.mu.Lock()
	since := h.downSince
	if h.unproven {
		h.recovered = time.Now()
	}
	h.downSince, h.unproven = time.Time{}, false
	h.mu.Unlock()
	if !since.IsZero() {
		e.config.Events.routeDown(e.name(model), false, time.Since(since))
	}
}

// name is the route's name in gates, limits and budgets.
func (e *Executor) name(model int) string {
	m := e.config.Models[model]
	return tiers.Route{Provider: m.Provider, Model: m.Model}.Name()
}

// worked reports whether a verdict shows that the route works.
func worked(v tiers.Verdict) bool { return v.OK() || v.Effect == tiers.EffectSuccess }

// Pace is how fast this process may borrow jobs now, for worker.Config.
func (e *Executor) Pace() tiers.Pace {
	now := time.Now()
	var all []tiers.Carrying
	for i := range e.config.Models {
		r := e.look(i, now)
		calls := e.config.Limits.Carries(r.Name(), tiers.PoolProd, now) + e.config.Limits.Carries(r.Name(), tiers.PoolEval, now)
		if shut := r.Gate.Closed(now) || r.BreakerUntil.After(now); !shut {
			calls = e.health[i].lets(calls, now)
		}
		all = append(all, tiers.Carrying{Route: r, Calls: calls})
	}
	return e.config.Policy.PaceOf(all, now)
}

// offerEvery is how often a job is let in to probe a route at least. Not every
// job does: a patient one only looks at tier 2.
const offerEvery = 5 * time.Second

// lets is how many calls an open route lets in: all that it carries, or the
// one that probes it.
func (h *health) lets(calls int, now time.Time) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.unproven {
		return calls
	}
	if !h.probing && now.Sub(h.offered) < max(offerEvery, rarer(now.Sub(h.downSince))) {
		return 0
	}
	h.offered = now
	return min(calls, 1)
}

// offerAgain lets the next job in at once to probe the routes of a tier: the
// one that was let in keeps its last call for when they work.
func (e *Executor) offerAgain(tier int) {
	for i, h := range e.health {
		if e.config.Models[i].Tier == tier {
			h.mu.Lock()
			h.offered = time.Time{}
			h.mu.Unlock()
		}
	}
}

// rarer is how far apart the looks at a route are that has been down for so
// long: a twentieth of that, up to five minutes.
func rarer(down time.Duration) time.Duration { return min(down/20, maxProbeLease) }
