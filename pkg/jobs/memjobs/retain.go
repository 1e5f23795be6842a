package memjobs

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Retain implements [jobs.Archive].
func (e *Engine) Retain(ctx context.Context, keep jobs.Retention) (jobs.Retained, error) {
	if err := keep.Validate(); err != nil {
		return jobs.Retained{}, err
	}
	if err := e.begin(ctx); err != nil {
		return jobs.Retained{}, err
	}
	defer e.end()
	var old []*row
	for _, s := range jobs.States() {
		old = append(old, e.old(s, keep)...)
	}
	done := jobs.Retained{Removed: make(map[jobs.State]int64), More: len(old) > jobs.MaxSweep}
	for _, r := range old[:min(len(old), jobs.MaxSweep)] {
		e.remove(r)
		done.Removed[r.job.State]++
		e.store.removed[r.job.State]++
	}
	return done, nil
}

// old are the jobs of a state that are not kept, the oldest first.
func (e *Engine) old(s jobs.State, keep jobs.Retention) []*row {
	var ended []*row
	for _, r := range e.store.jobs {
		if r.job.State == s {
			ended = append(ended, r)
		}
	}
	slices.SortFunc(ended, func(a, b *row) int {
		return cmp.Or(a.job.EndedAt.Compare(b.job.EndedAt), cmp.Compare(a.job.ID, b.job.ID))
	})
	n := 0
	if age, ok := keep.MaxAge[s]; ok {
		n = endedBy(ended, e.now().Add(-age))
	}
	if most, ok := keep.MaxCount[s]; ok {
		n = max(n, len(ended)-int(min(most, int64(len(ended)))))
	}
	return ended[:n]
}

// endedBy counts the jobs that ended at the moment or before; they come first.
func endedBy(ended []*row, moment time.Time) int {
	n := 0
	for n < len(ended) && !ended[n].job.EndedAt.After(moment) {
		n++
	}
	return n
}

// remove forgets a job with all that belongs to it, but for what it cost.
func (e *Engine) remove(r *row) {
	for day, cost := range r.spent() {
		e.store.spent[ownedDay{r.job.Tenant, day}] += cost
	}
	maps.DeleteFunc(e.store.keys, func(_ ownedKey, use keyUse) bool { return use.job == r.job.ID })
	delete(e.store.jobs, r.job.ID)
}
