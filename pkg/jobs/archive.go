package jobs

import (
	"context"
	"fmt"
	"time"
)

// Archive is what operators ask of an engine beside its hot path. An engine
// that keeps jobs implements it on the same value as [Engine], with the same
// rules for errors and concurrency.
type Archive interface {
	// Count answers how many jobs the filter selects.
	Count(ctx context.Context, f Filter) (int64, error)

	// Groups answers the jobs that the filter selects, by what they have in
	// common, the largest group first and then by fingerprint. A filter by
	// states that are all dead letters or in review, and by tenant, class,
	// provider, tier or schema, is answered from counts that are kept with
	// the commits; any other field may cost a scan.
	Groups(ctx context.Context, f Filter) ([]Group, error)

	// Retain removes what is older, or more, than r keeps: the job with its
	// document, result, ledger and history. It works through at most
	// [MaxSweep] jobs a call and says whether there is more. What it removed
	// is counted for ever in [Stats].Removed, in the same commit.
	Retain(ctx context.Context, r Retention) (Retained, error)

	// Spent answers what a tenant's model calls cost on a day (UTC), in
	// millionths of a US dollar. A call counts on the day it ended.
	Spent(ctx context.Context, tenant string, day time.Time) (int64, error)
}

// Group is a set of jobs that ended, or wait for a person, for the same reason.
type Group struct {
	// Fingerprint names the group: equal fingerprints are the same group,
	// today and tomorrow.
	Fingerprint string
	State       State
	// Class is the failure's class, and for a job in review its reason.
	Class    Class
	Provider string
	Tier     int
	Schema   string
	Count    int64
	// FirstAt and LastAt are when the group's first and last job, among those
	// that are still there, came to its state. A group answered from kept
	// counts may name a FirstAt of a job that has left meanwhile.
	FirstAt, LastAt time.Time
	// Sample is the job that came last.
	Sample ID
}

// GroupOf is the group of a job without its counts; ok is false for a job that
// is in no group because nothing is wrong with it.
func GroupOf(j Job) (g Group, ok bool) {
	g = Group{State: j.State, Tier: j.Tier, Schema: j.Spec.Schema, Sample: j.ID, FirstAt: j.UpdatedAt, LastAt: j.UpdatedAt, Count: 1}
	switch {
	case j.Failure != nil:
		g.Class, g.Provider = j.Failure.Class, j.Failure.Provider
	case j.Review != nil:
		g.Class = Class(j.Review.Reason)
	default:
		return Group{}, false
	}
	g.Fingerprint = fmt.Sprintf("%s:%s:%s:%d:%s", g.State, g.Class, g.Provider, g.Tier, g.Schema)
	return g, true
}

// Retention says what is kept. Zero keeps everything: nothing is ever removed
// that nobody asked to remove.
type Retention struct {
	// MaxAge is how long a job is kept after it ended, by state; only
	// terminal states count.
	MaxAge map[State]time.Duration
	// MaxCount is how many ended jobs are kept, by state; the oldest go
	// first.
	MaxCount map[State]int64
}

// Validate returns an error that wraps [ErrInvalid] and names the field and
// the limit, or nil.
func (r Retention) Validate() error {
	for s, age := range r.MaxAge {
		if !s.Terminal() || age <= 0 {
			return fmt.Errorf("%w: retention of %q by age %s, want a terminal state and more than 0", ErrInvalid, s, age)
		}
	}
	for s, n := range r.MaxCount {
		if !s.Terminal() || n < 0 {
			return fmt.Errorf("%w: retention of %q by count %d, want a terminal state and not less than 0", ErrInvalid, s, n)
		}
	}
	return nil
}

// Retained counts what a call of Retain removed, by state.
type Retained struct {
	Removed map[State]int64
	// More is true when there is more to remove.
	More bool
}
