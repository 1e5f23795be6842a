package ladder

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// kindProbe is the kind of the records by which the fleet agrees on one probe
// of a route that was down.
const kindProbe = "route_probe"

// probeWait is how long a job waits before it looks again at a route that
// somebody else probes.
const probeWait = time.Second

// maxProbeLease bounds how long a lease read from a record is believed, so
// that another machine's clock cannot shut a route for long.
const maxProbeLease = 5 * time.Minute

// probeLease is the value of a probe record. Its times are those of the
// machine that wrote it; a clock that is wrong costs a probe too many or a
// short wait, never a route.
type probeLease struct {
	// Holder probes until Until; empty while all stay away.
	Holder string    `json:"holder,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	// PassedAt is when a probe last worked.
	PassedAt time.Time `json:"passed_at,omitzero"`
}

// passedSince reports whether a probe has worked since the route opened here. A
// time to come was written by a clock that is ahead, and proves nothing.
func (l probeLease) passedSince(opened, now time.Time) bool {
	return l.PassedAt.After(opened) && !l.PassedAt.After(now.Add(maxClockLead))
}

// maxClockLead is how far another machine's clock may be ahead to be believed.
const maxClockLead = 2 * time.Second

// probe asks whether a job may call the route. On a route that works it may.
// One that was down is probed by one job of the whole fleet at a time: then
// ended is not nil, tells what came of it and must be called. Not ok means to
// look again later.
func (e *Executor) probe(ctx context.Context, model int, timeout time.Duration) (ended func(tiers.Verdict), ok bool) {
	h := e.health[model]
	h.mu.Lock()
	unproven, probing, opened := h.unproven, h.probing, h.opened
	h.probing = probing || unproven
	h.mu.Unlock()
	switch {
	case !unproven:
		return nil, true
	case probing:
		return nil, false
	}
	leased, passed := e.takeProbe(ctx, model, timeout, opened)
	if passed {
		e.works(model)
	}
	if !leased {
		e.stopProbing(model)
		return nil, passed
	}
	return func(v tiers.Verdict) { e.probed(ctx, model, v) }, true
}

func (e *Executor) stopProbing(model int) {
	h := e.health[model]
	h.mu.Lock()
	defer h.mu.Unlock()
	h.probing = false
}

// takeProbe tries to become the fleet's prober of a route. passed says that
// somebody else has seen it work since it opened. While the records cannot be
// had each process probes for itself.
func (e *Executor) takeProbe(ctx context.Context, model int, timeout time.Duration, opened time.Time) (leased, passed bool) {
	if e.config.Records == nil {
		return true, false
	}
	now := time.Now()
	record := jobs.Record{Kind: kindProbe, ID: recordID(e.name(model))}
	found, err := e.config.Records.Get(ctx, kindProbe, record.ID)
	var lease probeLease
	switch {
	case ctx.Err() != nil: // whose time is over calls nobody
		return false, false
	case errors.Is(err, jobs.ErrNotFound):
	case err != nil:
		e.config.Events.storeFailed("route probe", err)
		return true, false
	case json.Unmarshal(found.Value, &lease) == nil:
		if lease.passedSince(opened, now) {
			return false, true
		}
		held := lease.Until.After(now) && lease.Until.Before(now.Add(maxProbeLease))
		if held && lease.Holder != e.config.Name {
			return false, false
		}
	}
	record.Version = found.Version
	lease = probeLease{Holder: e.config.Name, Until: now.Add(min(timeout, maxProbeLease-time.Minute) + probeWait), PassedAt: lease.PassedAt}
	err = e.putProbe(ctx, record, lease)
	switch {
	case errors.Is(err, jobs.ErrConflict): // another process was quicker
		return false, false
	case err != nil && ctx.Err() != nil:
		return false, false
	case err != nil:
		e.config.Events.storeFailed("route probe", err)
	}
	return true, false
}

// hearProbes looks whether others have seen the routes work that nobody here
// has seen to. Without it a process whose jobs all wait for somebody else's
// probe would never learn of it.
func (e *Executor) hearProbes(ctx context.Context) {
	now := time.Now()
	for i, h := range e.health {
		h.mu.Lock()
		waits, opened := h.unproven && !h.opened.After(now), h.opened
		h.mu.Unlock()
		if !waits {
			continue
		}
		found, err := e.config.Records.Get(ctx, kindProbe, recordID(e.name(i)))
		var lease probeLease
		if err == nil && json.Unmarshal(found.Value, &lease) == nil && lease.passedSince(opened, now) {
			e.works(i)
		}
	}
}

func (e *Executor) putProbe(ctx context.Context, r jobs.Record, lease probeLease) (err error) {
	if r.Value, err = json.Marshal(lease); err != nil {
		return err
	}
	_, err = e.config.Records.Put(ctx, r)
	return err
}

// probed tells the fleet what came of a probe. A call that says nothing about
// the route leaves the next probe to whoever comes first.
func (e *Executor) probed(ctx context.Context, model int, v tiers.Verdict) {
	now := time.Now()
	lease := probeLease{}
	works := worked(v) || !isOutage(v.Class) // a route that asks for less works
	switch {
	case works:
		lease.PassedAt = now
		e.works(model)
	case v.Effect == tiers.EffectFailure || v.Effect == tiers.EffectOpen:
		lease.Until = now.Add(e.stayShut(model, v, now))
	}
	e.stopProbing(model)
	if works || v.Effect != tiers.EffectNeutral {
		e.config.Events.probed(e.name(model), works)
	}
	if e.config.Records == nil {
		return
	}
	// The probe's own context may have ended; what it found must still be told.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellWithin)
	defer cancel()
	record := jobs.Record{Kind: kindProbe, ID: recordID(e.name(model)), Version: jobs.AnyVersion}
	if err := e.putProbe(ctx, record, lease); err != nil {
		e.config.Events.storeFailed("route probe", err)
	}
}

// stayShut closes the gate of a route whose probe failed, for all processes,
// and answers for how long: the longer it has been down, the rarer the probes.
func (e *Executor) stayShut(model int, v tiers.Verdict, now time.Time) time.Duration {
	r := e.look(model, now)
	wait := max(probeEvery, r.Gate.Until.Sub(now))
	if !r.DownSince.IsZero() {
		wait = max(wait, rarer(now.Sub(r.DownSince)))
	}
	gate := tiers.Gate{Name: r.Name(), Until: now.Add(wait), Reason: v.Class}
	if e.config.Gates.Close(gate, now) {
		e.config.Events.gateClosed(gate)
	}
	return wait
}

const (
	// probeEvery is for how long the fleet stays away after a probe failed: as
	// long as an open breaker waits, and longer after a long outage.
	probeEvery = 30 * time.Second
	// tellWithin bounds the writing of a probe's result.
	tellWithin = 2 * time.Second
)
