package sqlitejobs

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// List implements [jobs.Engine]. Each page costs about as many rows as it has
// when the filter names failure classes, states other than succeeded, a batch, a
// tenant, or nothing; else it looks at the jobs by falling ID until it is full.
func (e *Engine) List(ctx context.Context, f jobs.Filter, p jobs.Page) (found []jobs.Job, err error) {
	p = p.WithDefaults()
	err = e.snapshot(ctx, func(r *reader) error {
		found, err = e.list(ctx, r, f, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// list merges the sources of a filter.
func (e *Engine) list(ctx context.Context, r *reader, f jobs.Filter, p jobs.Page) ([]jobs.Job, error) {
	q := query{e: e, r: r, f: f, p: p}
	sources, err := q.sources(ctx)
	if err != nil {
		return nil, err
	}
	var rows []*row
	for _, s := range sources {
		more, err := q.run(ctx, s)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(b.job.ID, a.job.ID) })
	rows = rows[:min(len(rows), p.Limit)]
	var found []jobs.Job
	for _, r := range rows {
		j, err := r.whole()
		if err != nil {
			return nil, err
		}
		found = append(found, j)
	}
	return found, nil
}

// query is a list on its way through the database.
type query struct {
	e *Engine
	r *reader
	f jobs.Filter
	p jobs.Page
}

// source is a part of the jobs in falling order of ID, by an index. The parts
// of one query have no job in common.
type source struct {
	from, where string
	args        []driver.Value
	id          string // the column that the index is in order of
	// ended says that the source is of rows of states, none of a job that
	// runs, so that these rows alone tell all that they have a column for.
	ended bool
	// bySeq says that the first argument is a seq, and that the source is run
	// through seqs one by one instead.
	bySeq bool
	seqs  []int64
}

const fromStates = "states s JOIN jobs j ON j.num = s.num LEFT JOIN loans l ON l.num = s.num"

// sources finds the shortest way to the jobs of the filter.
func (q *query) sources(ctx context.Context) ([]source, error) {
	var tenant int64
	if q.f.Tenant != "" {
		if tenant = q.e.tenants.num(q.f.Tenant); tenant == 0 {
			return nil, nil
		}
	}
	switch {
	case (len(q.f.Classes) > 0 || q.f.Provider != "") && tenant != 0:
		return []source{byTenantState(tenant, jobs.Failed), byTenantState(tenant, jobs.Expired), byTenantState(tenant, jobs.Erased)}, nil
	case len(q.f.Classes) > 0:
		return byClasses(q.f.Classes), nil
	case q.f.Provider != "":
		return []source{byState(jobs.Failed), byState(jobs.Expired), byState(jobs.Erased)}, nil
	case len(q.f.States) > 0 && !slices.Contains(q.f.States, jobs.Succeeded):
		return q.byStates(ctx, tenant)
	case q.f.Batch != "":
		return []source{{from: "jobs j" + joins, where: "j.batch = ?", args: []driver.Value{string(q.f.Batch)}, id: "j.id"}}, nil
	default:
		return []source{everything(tenant)}, nil
	}
}

// everything is all jobs, or all of one tenant.
func everything(tenant int64) source {
	s := source{from: "jobs j" + joins, where: "1", id: "j.id"}
	if tenant != 0 {
		s.where, s.args = "j.tenant = ?", []driver.Value{tenant}
	}
	return s
}

func byClasses(classes []jobs.Class) []source {
	var all []source
	for _, c := range slices.Compact(slices.Sorted(slices.Values(classes))) {
		all = append(all, source{from: fromStates, where: "s.class = ?", args: []driver.Value{string(c)}, id: "s.id", ended: true})
	}
	return all
}

func byState(s jobs.State) source {
	return source{
		from: fromStates, where: "s.state = ? AND s.state <> 4", args: []driver.Value{int64(codeOf(s))}, id: "s.id", ended: true,
	}
}

func byTenantState(tenant int64, s jobs.State) source {
	return source{
		from: fromStates, where: "s.tenant = ? AND s.state = ? AND s.state <> 4",
		args: []driver.Value{tenant, int64(codeOf(s))}, id: "s.id", ended: true,
	}
}

// fewQueued is how many live jobs are looked at one by one to find the queued
// ones, in place of all jobs there are.
const fewQueued = 20_000

// byStates is a source for each state of the filter.
func (q *query) byStates(ctx context.Context, tenant int64) ([]source, error) {
	var all []source
	for _, s := range slices.Compact(slices.Sorted(slices.Values(q.f.States))) {
		switch {
		case !s.Valid():
		case s == jobs.Running:
			all = append(all, source{
				from:  "loans l JOIN jobs j ON j.num = l.num LEFT JOIN states s ON s.num = l.num",
				where: "1", id: "j.id",
			})
		case s == jobs.Queued:
			seqs, err := q.liveSeqs(ctx)
			if err != nil {
				return nil, err
			}
			if len(seqs) > fewQueued {
				// With this many the jobs themselves are no detour.
				return []source{everything(tenant)}, nil
			}
			all = append(all, source{
				from: "jobs j" + joins, id: "j.id", bySeq: true, seqs: seqs,
				where: "j.num = ifnull((SELECT num FROM states WHERE seq = ?1 AND seq <> num), ?1) AND ifnull(s.state, 0) = 0 AND l.num IS NULL",
			})
		case tenant != 0:
			all = append(all, byTenantState(tenant, s))
		default:
			all = append(all, byState(s))
		}
	}
	return all, nil
}

// liveSeqs reads the seqs of the jobs that wait or run, or a few more than
// fewQueued of them.
func (q *query) liveSeqs(ctx context.Context) ([]int64, error) {
	s, err := q.r.db.prepare("SELECT chunk, bits FROM live ORDER BY chunk", 2)
	if err != nil {
		return nil, err
	}
	defer s.drop()
	var seqs []int64
	err = s.each(ctx, func(v []driver.Value) error {
		set := newLiveSet()
		at := integer(v[0])
		if !set.decode(at, blob(v[1])) {
			return errors.New("a chunk of the live jobs is damaged")
		}
		set.chunks[at].each(at, func(seq int64) { seqs = append(seqs, seq) })
		if len(seqs) > fewQueued {
			return errEnough
		}
		return nil
	})
	return seqs, err
}

// run reads the first rows of a source that the filter selects.
func (q *query) run(ctx context.Context, s source) (rows []*row, err error) {
	tail := " ORDER BY " + s.id + " DESC LIMIT " + strconv.Itoa(q.p.Limit)
	err = q.each(ctx, s, tail, func(r *row) error {
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

// each calls f with the rows of a source that the filter selects; tail is the
// end of the query.
func (q *query) each(ctx context.Context, s source, tail string, f func(*row) error) error {
	where, args, ok := q.conditions(s)
	if !ok {
		return nil
	}
	sql := "SELECT " + wholeColumns + " FROM " + s.from + " WHERE " + where + tail
	if tail != "" && !s.bySeq {
		sql = atOnce(sql)
	}
	st, err := q.r.db.prepare(sql, nWholeColumns)
	if err != nil {
		return err
	}
	defer st.drop()
	return q.eachOf(ctx, s, st, args, func(v []driver.Value) error {
		r, err := readWhole(v, q.e.tenants)
		if err != nil {
			return err
		}
		return f(r)
	})
}

// atOnce is a query that finds all its rows before it answers the first. The
// driver ends a query with its context up to the first row only, and the next
// row of a list by label may lie a million jobs behind.
func atOnce(sql string) string { return "WITH page AS MATERIALIZED (" + sql + ") SELECT * FROM page" }

// eachOf runs the statement of a source, once or for each of its seqs.
func (q *query) eachOf(ctx context.Context, s source, st *stmt, args []driver.Value, f func([]driver.Value) error) error {
	if !s.bySeq {
		return st.each(ctx, f, args...)
	}
	args = append([]driver.Value{nil}, args...)
	for _, seq := range s.seqs {
		args[0] = seq
		if err := st.each(ctx, f, args...); err != nil {
			return err
		}
	}
	return nil
}

// conditions are the filter in SQL, in the source's order; false when nothing
// can fit.
func (q *query) conditions(s source) (where string, args []driver.Value, ok bool) {
	tenant, state, lane, tier := "j.tenant", "CASE WHEN l.num IS NOT NULL THEN 1 ELSE ifnull(s.state, 0) END",
		"ifnull(s.lane, j.lane)", "ifnull(s.tier, 0)"
	updated, reason := "coalesce(l.updated, s.updated, j.accepted)", "CASE WHEN l.num IS NOT NULL THEN '' ELSE ifnull(s.reason, '') END"
	if s.ended {
		tenant, state, lane, tier, updated, reason = "s.tenant", "s.state", "s.lane", "s.tier", "s.updated", "ifnull(s.reason, '')"
	}
	c := conditions{parts: []string{s.where}, args: s.args}
	if q.p.Before != "" {
		c.add(s.id+" < ?", string(q.p.Before))
	}
	if q.f.Tenant != "" {
		c.add(tenant+" = ?", q.e.tenants.num(q.f.Tenant))
	}
	if len(q.f.States) > 0 {
		var codes []driver.Value
		for _, state := range q.f.States {
			if state.Valid() {
				codes = append(codes, int64(codeOf(state)))
			}
		}
		c.in(state, codes)
	}
	if len(q.f.Lanes) > 0 {
		var lanes []driver.Value
		for _, l := range q.f.Lanes {
			lanes = append(lanes, int64(l))
		}
		c.in(lane, lanes)
	}
	if len(q.f.Classes) > 0 {
		var classes []driver.Value
		for _, class := range q.f.Classes {
			classes = append(classes, string(class))
		}
		c.in("s.class", classes)
	}
	if q.f.Provider != "" {
		c.add("s.provider = ?", q.f.Provider)
	}
	if q.f.Schema != "" {
		c.add("j.schema = ?", q.f.Schema)
	}
	if q.f.Tier != 0 {
		c.add(tier+" = ?", int64(q.f.Tier))
	}
	if !q.f.AcceptedFrom.IsZero() {
		c.add("j.accepted >= ?", ceilMillis(q.f.AcceptedFrom))
	}
	if !q.f.AcceptedUntil.IsZero() {
		c.add("j.accepted < ?", ceilMillis(q.f.AcceptedUntil))
	}
	if !q.f.UpdatedFrom.IsZero() {
		c.add(updated+" >= ?", ceilMillis(q.f.UpdatedFrom))
	}
	if !q.f.UpdatedUntil.IsZero() {
		c.add(updated+" < ?", ceilMillis(q.f.UpdatedUntil))
	}
	if q.f.Batch != "" {
		c.add("j.batch = ?", string(q.f.Batch))
	}
	if len(q.f.Reasons) > 0 {
		var reasons []driver.Value
		for _, reason := range q.f.Reasons {
			reasons = append(reasons, reason)
		}
		c.in(reason, reasons)
	}
	for k, v := range q.f.Labels {
		if jobs.ID(k).Validate() != nil {
			return "", nil, false // no job has such a label
		}
		c.add("json_extract(j.spec, ?) = ?", `$.labels."`+k+`"`, v)
	}
	return strings.Join(c.parts, " AND "), c.args, true
}

// ceilMillis is the first millisecond that is not before t.
func ceilMillis(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms
}

type conditions struct {
	parts []string
	args  []driver.Value
}

func (c *conditions) add(part string, args ...driver.Value) {
	c.parts = append(c.parts, part)
	c.args = append(c.args, args...)
}

// in wants a column to have one of the values; nothing fits no value.
func (c *conditions) in(column string, values []driver.Value) {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ")
	c.add(column+" IN ("+marks+")", values...)
}
