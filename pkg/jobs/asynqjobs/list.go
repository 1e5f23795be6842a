package asynqjobs

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxScan is how many jobs a call looks at in states that are not indexed by
// everything. Jobs that wait for an operator or a person do not count.
const maxScan = 10_000

// List implements [jobs.Engine]. A [jobs.PartialError] comes with the jobs found
// when it has looked at 10,000 that are neither dead letters nor in review.
func (e *Engine) List(ctx context.Context, f jobs.Filter, p jobs.Page) ([]jobs.Job, error) {
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	p = p.WithDefaults()
	w, err := e.walk(ctx, f, p.Before, p.Limit)
	if err != nil {
		return nil, err
	}
	var found []jobs.Job
	for len(found) < p.Limit {
		j, ok, err := w.next(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			return found, w.partial()
		}
		found = append(found, j)
	}
	return found, nil
}

// option is a way to find the jobs of one state: indexes that together hold all
// that the filter can select.
type option struct {
	keys []string
	// exact says that they hold nothing else.
	exact bool
}

// options are the ways to find a filter's jobs in one state.
func options(f jobs.Filter, s jobs.State) []option {
	all := []option{{keys: []string{indexState(s)}, exact: fields(f) == 0}}
	add := func(keys ...string) { all = append(all, option{keys, fields(f) == 1}) }
	if f.Tenant != "" {
		add(indexTenant(s, f.Tenant))
	}
	if f.Batch != "" {
		add(indexBatch(s, f.Batch))
	}
	if len(f.Lanes) > 0 && byLane(s) {
		add(each(f.Lanes, func(l jobs.Lane) string { return indexLane(s, l) })...)
	}
	if !handled(s) {
		return all
	}
	if f.Schema != "" {
		add(indexSchema(s, f.Schema))
	}
	if len(f.Classes) > 0 {
		add(each(f.Classes, func(c jobs.Class) string { return indexClass(s, c) })...)
	}
	if f.Provider != "" {
		add(indexProvider(s, f.Provider))
	}
	return all
}

// each is a key for each value, every key once.
func each[T any](values []T, key func(T) string) []string {
	keys := make([]string, len(values))
	for i, v := range values {
		keys[i] = key(v)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// states are the states in which a filter can select jobs.
func states(f jobs.Filter) []jobs.State {
	return slices.DeleteFunc(jobs.States(), func(s jobs.State) bool {
		failed := s.DeadLetter() || s == jobs.Erased // only these have a failure
		return len(f.States) > 0 && !slices.Contains(f.States, s) ||
			(len(f.Classes) > 0 || f.Provider != "") && !failed
	})
}

// plan is how to find a filter's jobs: the smallest option of each state.
type plan struct {
	sources []*stream
	total   int64
	// exact says that the sources hold just what the filter selects.
	exact bool
}

// plan asks how large each index is.
func (e *Engine) plan(ctx context.Context, f jobs.Filter) (plan, error) {
	var pl plan
	p := e.reads.Pipeline()
	type sized struct {
		option

		state jobs.State
		size  []*redis.IntCmd
	}
	var asked [][]sized
	for _, s := range states(f) {
		var row []sized
		for _, o := range options(f, s) {
			so := sized{option: o, state: s}
			for _, key := range o.keys {
				so.size = append(so.size, p.ZCard(ctx, e.cfg.Prefix+key))
			}
			row = append(row, so)
		}
		asked = append(asked, row)
	}
	if len(asked) == 0 {
		return plan{exact: true}, nil
	}
	if _, err := p.Exec(ctx); err != nil {
		return pl, e.readError(ctx, err)
	}
	pl.exact = true
	for _, row := range asked {
		var best sized
		least := int64(-1)
		for _, o := range row {
			var n int64
			for _, size := range o.size {
				n += size.Val()
			}
			if least < 0 || n < least || n == least && o.exact && !best.exact {
				best, least = o, n
			}
		}
		pl.total += least
		pl.exact = pl.exact && (best.exact || least == 0)
		for _, key := range best.keys {
			pl.sources = append(pl.sources, &stream{key: e.cfg.Prefix + key, free: handled(best.state)})
		}
	}
	return pl, nil
}

// fields counts the fields of a filter beside the states; those that no index
// knows count for many.
func fields(f jobs.Filter) int {
	n := 0
	for _, set := range []bool{f.Tenant != "", f.Batch != "", len(f.Lanes) > 0, f.Schema != "", len(f.Classes) > 0, f.Provider != ""} {
		n += int(flag(set))
	}
	if f.Tier != 0 || len(f.Labels) > 0 || len(f.Reasons) > 0 || !f.AcceptedFrom.IsZero() || !f.AcceptedUntil.IsZero() ||
		!f.UpdatedFrom.IsZero() || !f.UpdatedUntil.IsZero() {
		n += 2
	}
	return n
}

// stream is an index that is read from its greatest ID downwards.
type stream struct {
	key  string
	free bool // its jobs do not count as scanned
	ids  []jobs.ID
	done bool
}

// refill reads more IDs, all below before; empty is from the top.
func (s *stream) refill(ctx context.Context, e *Engine, before jobs.ID, n int) error {
	from := "+"
	if before != "" {
		from = "(" + string(before)
	}
	members, err := e.reads.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: s.key, Start: from, Stop: "-", ByLex: true, Rev: true, Count: int64(n),
	}).Result()
	if err != nil {
		return e.readError(ctx, err)
	}
	s.ids, s.done = idsOf(members), len(members) < n
	return nil
}

// walker looks at the jobs that a filter may select, the greatest ID first.
type walker struct {
	e       *Engine
	f       jobs.Filter
	sources []*stream
	chunk   int        // IDs read at a time
	last    jobs.ID    // looked at last
	ready   []jobs.Job // that fit
	looked  int
	cut     bool // the bound was reached
}

// walk begins below before.
func (e *Engine) walk(ctx context.Context, f jobs.Filter, before jobs.ID, want int) (*walker, error) {
	pl, err := e.plan(ctx, f)
	if err != nil {
		return nil, err
	}
	return &walker{e: e, f: f, sources: pl.sources, last: before, chunk: min(max(want, 16), 500)}, nil
}

// next answers the next job that fits; ok is false when there is none, or when
// the bound is reached.
func (w *walker) next(ctx context.Context) (j jobs.Job, ok bool, err error) {
	for len(w.ready) == 0 {
		if w.looked >= maxScan {
			w.cut = true
			return j, false, nil
		}
		ids, err := w.ids(ctx)
		if err != nil || len(ids) == 0 {
			return j, false, err
		}
		if err := w.load(ctx, ids); err != nil {
			return j, false, err
		}
	}
	j, w.ready = w.ready[0], w.ready[1:]
	return j, true, nil
}

// ids merges the sources into the next chunk.
func (w *walker) ids(ctx context.Context) ([]jobs.ID, error) {
	var ids []jobs.ID
	for len(ids) < w.chunk && w.looked < maxScan {
		var best *stream
		for _, s := range w.sources {
			if len(s.ids) == 0 && !s.done {
				if err := s.refill(ctx, w.e, w.last, w.chunk); err != nil {
					return nil, err
				}
			}
			if len(s.ids) > 0 && (best == nil || s.ids[0] > best.ids[0]) {
				best = s
			}
		}
		if best == nil {
			return ids, nil
		}
		id := best.ids[0]
		best.ids = best.ids[1:]
		if id == w.last {
			continue // it moved between two states meanwhile
		}
		ids, w.last = append(ids, id), id
		if !best.free {
			w.looked++
		}
	}
	return ids, nil
}

// load reads jobs and keeps those that fit.
func (w *walker) load(ctx context.Context, ids []jobs.ID) error {
	all, err := w.e.fetchAll(ctx, ids, listFields())
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.row == "" {
			continue // removed meanwhile
		}
		j, err := s.job()
		if err != nil {
			return err
		}
		if w.f.Match(j) {
			w.ready = append(w.ready, j)
		}
	}
	return nil
}

// partial is the error of a walk that reached its bound, nil of any other.
func (w *walker) partial() error {
	if !w.cut {
		return nil
	}
	return &jobs.PartialError{Looked: w.looked, Next: w.last}
}
