package memjobs

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Count implements [jobs.Archive].
func (e *Engine) Count(ctx context.Context, f jobs.Filter) (int64, error) {
	if err := e.begin(ctx); err != nil {
		return 0, err
	}
	defer e.end()
	var n int64
	for _, r := range e.store.jobs {
		if f.Match(r.job) {
			n++
		}
	}
	return n, nil
}

// Groups implements [jobs.Archive]. It looks at all jobs, so that it can be
// the measure for engines that keep counts.
func (e *Engine) Groups(ctx context.Context, f jobs.Filter) ([]jobs.Group, error) {
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	defer e.end()
	found := make(map[string]jobs.Group)
	for _, r := range e.store.jobs {
		if !f.Match(r.job) {
			continue
		}
		if g, ok := jobs.GroupOf(r.job); ok {
			found[g.Fingerprint] = found[g.Fingerprint].Join(g)
		}
	}
	var all []jobs.Group
	for _, g := range found {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b jobs.Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return all[:min(len(all), jobs.MaxGroups)], nil
}

// Spent implements [jobs.Archive].
func (e *Engine) Spent(ctx context.Context, tenant string, day time.Time) (int64, error) {
	if err := e.begin(ctx); err != nil {
		return 0, err
	}
	defer e.end()
	day = dayOf(day)
	var sum int64
	for of, cost := range e.store.spent {
		if of.day.Equal(day) && (tenant == "" || of.tenant == tenant) {
			sum += cost
		}
	}
	for _, r := range e.store.jobs {
		if tenant == "" || r.job.Tenant == tenant {
			sum += r.spent()[day]
		}
	}
	return sum, nil
}

// spent is what the job's calls cost, by the day they ended.
func (r *row) spent() map[time.Time]int64 {
	days := make(map[time.Time]int64)
	for _, a := range r.attempts {
		if !a.EndedAt.IsZero() {
			days[dayOf(a.EndedAt)] += a.Usage.CostMicroUSD
		}
	}
	return days
}

// dayOf is the start of the day in UTC that holds t.
func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
