package jobs

import (
	"slices"
	"time"
)

// Filter selects jobs; the zero filter selects all. Fields are combined with
// and, the values of one field with or.
type Filter struct {
	// Tenant is empty for all tenants, which is for operators.
	Tenant  string
	States  []State
	Lanes   []Lane
	Schema  string
	Classes []Class // of the failure, erased jobs' too
	Tier    int     // 0 for any
	// Provider is the provider named by the failure.
	Provider string
	// Labels must all be there with these values.
	Labels map[string]string
	// AcceptedFrom and AcceptedUntil bound the time of acceptance: from is
	// inclusive, until exclusive, zero is open.
	AcceptedFrom  time.Time
	AcceptedUntil time.Time
	// UpdatedFrom and UpdatedUntil bound the last change in the same way: for
	// a dead letter, when it became one.
	UpdatedFrom  time.Time
	UpdatedUntil time.Time
	// Batch keeps the jobs of one batch.
	Batch ID
	// Reasons are compared with [Job].Reason: why a job is parked, in review
	// or back in its queue.
	Reasons []string
}

// Match reports whether the filter selects j.
func (f Filter) Match(j Job) bool {
	switch {
	case f.Tenant != "" && j.Tenant != f.Tenant,
		len(f.States) > 0 && !slices.Contains(f.States, j.State),
		len(f.Lanes) > 0 && !slices.Contains(f.Lanes, j.Lane),
		f.Schema != "" && j.Spec.Schema != f.Schema,
		f.Tier != 0 && j.Tier != f.Tier,
		f.Batch != "" && j.Batch != f.Batch,
		len(f.Reasons) > 0 && !slices.Contains(f.Reasons, j.Reason),
		!f.UpdatedFrom.IsZero() && j.UpdatedAt.Before(f.UpdatedFrom),
		!f.UpdatedUntil.IsZero() && !j.UpdatedAt.Before(f.UpdatedUntil),
		!f.AcceptedFrom.IsZero() && j.AcceptedAt.Before(f.AcceptedFrom),
		!f.AcceptedUntil.IsZero() && !j.AcceptedAt.Before(f.AcceptedUntil):
		return false
	}
	return f.matchFailure(j.Failure) && f.matchLabels(j.Labels)
}

func (f Filter) matchFailure(fail *Failure) bool {
	if fail == nil {
		return len(f.Classes) == 0 && f.Provider == ""
	}
	return (len(f.Classes) == 0 || slices.Contains(f.Classes, fail.Class)) &&
		(f.Provider == "" || fail.Provider == f.Provider)
}

func (f Filter) matchLabels(labels map[string]string) bool {
	for k, want := range f.Labels {
		if got, ok := labels[k]; !ok || got != want {
			return false
		}
	}
	return true
}

// Page asks for a part of a list.
type Page struct {
	// Before keeps only jobs whose ID sorts before it; empty starts at the
	// newest. The last ID of one page is the Before of the next, so a cursor
	// stays good while jobs come and go.
	Before ID
	// Limit is the most jobs to return, 1 to [MaxPage]; 0 means 50.
	Limit int
}

// Bounds of a page.
const (
	DefaultPage = 50
	MaxPage     = 1000
)

// WithDefaults returns p with its limit set and within bounds.
func (p Page) WithDefaults() Page {
	if p.Limit <= 0 {
		p.Limit = DefaultPage
	}
	p.Limit = min(p.Limit, MaxPage)
	return p
}
