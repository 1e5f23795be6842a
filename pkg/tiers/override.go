package tiers

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// ReasonForced is the reason of a gate that an operator holds closed. Unlike a
// halted provider it opens at a time that is known, so jobs wait for it as for
// a pause.
const ReasonForced jobs.Class = "forced"

// Override is an operator's word on a gate. Until it ends it stands above what
// providers say: a gate forced open lets calls through whatever closed it, and
// one forced closed lets none.
type Override struct {
	// Name is a route's name, "provider/model", or a provider's.
	Name string `json:"name"`
	// Closed forces the gate closed, else it is forced open.
	Closed bool `json:"closed"`
	// Until ends the override; an operator must say when.
	Until time.Time `json:"until"`
	// Reason is for other operators, up to [jobs.MaxReasonBytes].
	Reason string `json:"reason"`
	// Actor is who said so, up to [jobs.MaxActorBytes].
	Actor string `json:"actor"`
	// At is when it was said.
	At time.Time `json:"at"`
}

// MaxOverride is the longest that an override may last.
const MaxOverride = 7 * 24 * time.Hour

// Validate returns an error that wraps [jobs.ErrInvalid] and names the field
// and the limit, or nil.
func (o Override) Validate(now time.Time) error {
	switch {
	case o.Name == "" || len(o.Name) > maxGateName:
		return fmt.Errorf("%w: gate name has %d bytes, want 1 to %d", jobs.ErrInvalid, len(o.Name), maxGateName)
	case !o.Until.After(now):
		return fmt.Errorf("%w: until has passed", jobs.ErrInvalid)
	case o.Until.After(now.Add(MaxOverride)):
		return fmt.Errorf("%w: until is %s away, limit %s", jobs.ErrInvalid, o.Until.Sub(now).Round(time.Second), MaxOverride)
	case o.Reason == "" || len(o.Reason) > jobs.MaxReasonBytes:
		return fmt.Errorf("%w: reason has %d bytes, want 1 to %d", jobs.ErrInvalid, len(o.Reason), jobs.MaxReasonBytes)
	case len(o.Actor) > jobs.MaxActorBytes:
		return fmt.Errorf("%w: actor has %d bytes, limit %d", jobs.ErrInvalid, len(o.Actor), jobs.MaxActorBytes)
	}
	return nil
}

// Override sets the operators' words on gates, in place of all earlier ones.
// Of several on one gate the last in the list counts.
func (g *Gates) Override(all []Override) {
	forced := make(map[string]Override, len(all))
	for _, o := range all {
		forced[o.Name] = o
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forced = forced
}

// forcedOn is the override on a gate at now, if there is one.
func (g *Gates) forcedOn(name string, now time.Time) (o Override, ok bool) {
	o, ok = g.forced[name]
	return o, ok && o.Until.After(now)
}
