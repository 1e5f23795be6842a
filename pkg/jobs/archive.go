package jobs

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// Archive is what operators ask of an engine beside its hot path. An engine
// that keeps jobs implements it on the same value as [Engine], with the same
// rules for errors and concurrency.
type Archive interface {
	// Count answers how many jobs the filter selects, or with a
	// [*PartialError] how many it found, as List does.
	Count(ctx context.Context, f Filter) (int64, error)

	// Groups answers the jobs that the filter selects, by what they have in
	// common as [GroupOf] says, the largest group first and then by
	// fingerprint; at most [MaxGroups]. A filter by states, tenant, class,
	// provider, tier or schema is answered from counts that are kept with the
	// commits; any other field may cost a scan.
	Groups(ctx context.Context, f Filter) ([]Group, error)

	// Retain removes what is older, or more, than r keeps: the job with its
	// document, result, ledger, history and idempotency key, so that a replay
	// makes a new job. In each state the oldest go first, by EndedAt and then
	// ID. It works through at most [MaxSweep] jobs a call and says whether
	// there is more. What it removed is counted for ever in [Stats].Removed,
	// in the same commit. A removal is no event.
	Retain(ctx context.Context, r Retention) (Retained, error)

	// Spent answers what a tenant's model calls cost on the day (UTC) that
	// holds the time given, in millionths of a US dollar; an empty tenant is
	// for operators and means all. A call counts on the day of its EndedAt
	// with the cost that its row has now, whatever its outcome. What Retain
	// removed still counts.
	Spent(ctx context.Context, tenant string, day time.Time) (int64, error)
}

// MaxGroups is the most groups that one answer has.
const MaxGroups = 1000

// Group is a set of dead letters that ended, or of jobs in review that wait
// for a person, for the same reason.
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
	// that are still there, came to its state: a dead letter at its EndedAt, a
	// job in review at its review's Since. A group answered from kept counts
	// may name a FirstAt of a job that has left meanwhile.
	FirstAt, LastAt time.Time
	// Sample is the job that came last, of several at that moment the one with
	// the greatest ID.
	Sample ID
}

// Join is the group with the jobs of another part of it. The zero value is a
// part without jobs.
func (g Group) Join(part Group) Group {
	switch {
	case g.Count == 0:
		return part
	case part.Count == 0:
		return g
	}
	g.Count += part.Count
	if part.FirstAt.Before(g.FirstAt) {
		g.FirstAt = part.FirstAt
	}
	if later := part.LastAt.Compare(g.LastAt); later > 0 || later == 0 && part.Sample > g.Sample {
		g.LastAt, g.Sample = part.LastAt, part.Sample
	}
	return g
}

// GroupOf is the group of a job as if it were the only one in it; ok is false
// for a job that is in no group because it is neither a dead letter nor in
// review.
func GroupOf(j Job) (g Group, ok bool) {
	g = Group{State: j.State, Tier: j.Tier, Schema: j.Spec.Schema, Sample: j.ID, Count: 1}
	switch {
	case j.State.DeadLetter() && j.Failure != nil:
		g.Class, g.Provider = j.Failure.Class, j.Failure.Provider
		g.FirstAt, g.LastAt = j.EndedAt, j.EndedAt
	case j.State == InReview && j.Review != nil:
		g.Class = Class(j.Review.Reason)
		g.FirstAt, g.LastAt = j.Review.Since, j.Review.Since
	default:
		return Group{}, false
	}
	// Escaped, no two groups share a fingerprint; the schema is last and may
	// hold anything.
	g.Fingerprint = fmt.Sprintf("%s:%s:%s:%d:%s",
		g.State, url.QueryEscape(string(g.Class)), url.QueryEscape(g.Provider), g.Tier, g.Schema)
	return g, true
}

// Retention says what is kept. The zero value keeps everything: nothing is
// ever removed that nobody asked to remove.
type Retention struct {
	// MaxAge is how long a job is kept after it ended, by state; only
	// terminal states count. An erased job ended when it ended, not when it
	// was erased.
	MaxAge map[State]time.Duration
	// MaxCount is how many ended jobs are kept, by state; 0 keeps none, a
	// state that is not in it keeps all.
	MaxCount map[State]int64
}

// Validate returns an error that wraps [ErrInvalid] and names the field and
// the limit, or nil.
func (r Retention) Validate() error {
	for s, age := range r.MaxAge {
		if !s.Terminal() || age <= 0 {
			return fmt.Errorf("%w: retention of %.32q by age %s, want a terminal state and more than 0", ErrInvalid, s, age)
		}
	}
	for s, n := range r.MaxCount {
		if !s.Terminal() || n < 0 {
			return fmt.Errorf("%w: retention of %.32q by count %d, want a terminal state and not less than 0", ErrInvalid, s, n)
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
