package tiers

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Gate keeps calls away from a route or a provider until a time. Gates only
// ever close for longer: of two, the one that opens later wins.
type Gate struct {
	// Name is a route's name, or a provider's for what concerns its address,
	// credential or account.
	Name string
	// Until is when the gate opens; the past or zero means that it is open.
	Until time.Time
	// Reason is the class that closed it.
	Reason jobs.Class
}

// Closed reports whether the gate is closed at now.
func (g Gate) Closed(now time.Time) bool { return g.Until.After(now) }

// halts reports whether the gate is closed at now for something that somebody
// must mend, so that nobody can say when it opens.
func (g Gate) halts(now time.Time) bool {
	return g.Closed(now) && (g.Reason == ClassNotAPI || RuleOf(g.Reason).Action == ActHalt)
}

// Later is whichever of g and o opens later; g when they open together.
func (g Gate) Later(o Gate) Gate {
	if o.Until.After(g.Until) {
		return o
	}
	return g
}

// ClosedGate is a gate on its way to other processes. It carries the time that
// is left and no time of day, so that their clocks need not agree.
type ClosedGate struct {
	Name   string        `json:"name"`
	Left   time.Duration `json:"left"`
	Reason jobs.Class    `json:"reason"`
}

// Limits on what others may say about gates.
const (
	maxGates    = 1024
	maxGateName = 256
)

// Gates holds the gates of a process. It is safe for concurrent use; the zero
// value works. Time is an argument throughout.
type Gates struct {
	mu     sync.Mutex
	closed map[string]Gate
	forced map[string]Override
}

// Close closes a gate, and reports whether that changed anything: others need
// to be told only then. A gate that opens later already stays as it is, and a
// time further away than [MaxHint] is cut to it.
func (g *Gates) Close(gate Gate, now time.Time) bool {
	gate.Until = earlier(gate.Until, now.Add(MaxHint))
	g.mu.Lock()
	defer g.mu.Unlock()
	old, known := g.closed[gate.Name]
	if !gate.Closed(now) || known && !gate.Until.After(old.Until) {
		return false
	}
	if !known && len(g.closed) >= maxGates {
		maps.DeleteFunc(g.closed, func(_ string, old Gate) bool { return !old.Closed(now) })
		if len(g.closed) >= maxGates {
			return false
		}
	}
	if g.closed == nil {
		g.closed = map[string]Gate{}
	}
	g.closed[gate.Name] = gate
	return true
}

// CloseBy closes the gate that a verdict on a call asks for, if any, and
// answers it. changed is false when there is nothing to tell others.
func (g *Gates) CloseBy(v Verdict, provider, model string, now time.Time) (gate Gate, changed bool) {
	if v.GateFor <= 0 {
		return Gate{}, false
	}
	gate = Gate{Name: routeName(provider, model), Until: now.Add(v.GateFor), Reason: v.Class}
	if v.Scope == ScopeProvider {
		gate.Name = provider
	}
	return gate, g.Close(gate, now)
}

// Of is the gate of a route or of its provider at now, whichever opens later,
// for [Route.Gate]. An operator's word counts first, the one on the route
// before the one on its provider.
func (g *Gates) Of(provider, model string, now time.Time) Gate {
	route := routeName(provider, model)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, name := range []string{route, provider} {
		switch o, ok := g.forcedOn(name, now); {
		case ok && o.Closed:
			return Gate{Name: name, Until: o.Until, Reason: ReasonForced}
		case ok:
			return Gate{}
		}
	}
	return g.closed[route].Later(g.closed[provider])
}

// Closed lists the gates that are closed at now, by name, for a heartbeat.
func (g *Gates) Closed(now time.Time) []ClosedGate {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []ClosedGate
	for _, gate := range g.closed {
		if gate.Closed(now) {
			out = append(out, ClosedGate{gate.Name, gate.Until.Sub(now), gate.Reason})
		}
	}
	slices.SortFunc(out, func(a, b ClosedGate) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Receive merges the gates of another process, received at now. It does not
// say what changed: they are not passed on.
func (g *Gates) Receive(gates []ClosedGate, now time.Time) {
	for _, c := range gates[:min(len(gates), maxGates)] {
		if c.Name == "" || len(c.Name) > maxGateName || c.Left <= 0 {
			continue
		}
		g.Close(Gate{c.Name, now.Add(c.Left), c.Reason}, now)
	}
}
