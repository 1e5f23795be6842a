package sqlitejobs

import (
	"cmp"
	"context"
	"database/sql/driver"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Count implements [jobs.Archive]. By states alone it is answered from the
// counts that each commit writes.
func (e *Engine) Count(ctx context.Context, f jobs.Filter) (n int64, err error) {
	err = e.snapshot(ctx, func(r *reader) error {
		if byStatesAlone(f) {
			n, err = r.countStates(f.States)
			return err
		}
		q := query{e: e, r: r, f: f}
		sources, err := q.sources(ctx)
		if err != nil {
			return err
		}
		for _, s := range sources {
			found, err := q.count(ctx, s)
			if err != nil {
				return err
			}
			n += found
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// byStatesAlone reports whether f has no field but States.
func byStatesAlone(f jobs.Filter) bool {
	return keptByGroups(f) && f.Tenant == "" && f.Schema == "" && len(f.Classes) == 0 && f.Tier == 0 && f.Provider == ""
}

// countStates adds up the stored counts of the states; of all when there are
// none.
func (r *reader) countStates(states []jobs.State) (int64, error) {
	v, err := r.db.scalar("SELECT value FROM meta WHERE name = '" + metaCounts + "'")
	if err != nil {
		return 0, err
	}
	_, counts, _, err := decodeCounts(v)
	n := int64(0)
	for code, of := range counts {
		if len(states) == 0 || slices.Contains(states, stateCodes[code]) {
			n += of
		}
	}
	return n, err
}

// count counts what the filter selects of a source.
func (q *query) count(ctx context.Context, s source) (n int64, err error) {
	where, args, ok := q.conditions(s)
	if !ok {
		return 0, nil
	}
	from := s.from
	if s.ended && !strings.Contains(where, "j.") {
		from = "states s" // an index may do without even these rows
	}
	st, err := q.r.db.prepare("SELECT count(*) FROM "+from+" WHERE "+where, 1)
	if err != nil {
		return 0, err
	}
	defer st.drop()
	err = q.eachOf(ctx, s, st, args, func(v []driver.Value) error {
		n += integer(v[0])
		return nil
	})
	return n, err
}

// Groups implements [jobs.Archive].
func (e *Engine) Groups(ctx context.Context, f jobs.Filter) ([]jobs.Group, error) {
	g := gathering{e: e, f: f, found: make(map[string]jobs.Group)}
	err := e.snapshot(ctx, func(r *reader) error {
		clear(g.found)
		if keptByGroups(f) {
			return g.fromCounts(ctx, r)
		}
		return g.fromJobs(ctx, r)
	})
	if err != nil {
		return nil, err
	}
	all := slices.SortedFunc(maps.Values(g.found), func(a, b jobs.Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return all[:min(len(all), jobs.MaxGroups)], nil
}

// keptByGroups reports whether f has only fields by which groups are kept.
func keptByGroups(f jobs.Filter) bool {
	return len(f.Lanes) == 0 && len(f.Labels) == 0 && len(f.Reasons) == 0 && f.Batch == "" &&
		f.AcceptedFrom.IsZero() && f.AcceptedUntil.IsZero() && f.UpdatedFrom.IsZero() && f.UpdatedUntil.IsZero()
}

// gathering gathers groups by their fingerprints.
type gathering struct {
	e     *Engine
	f     jobs.Filter
	found map[string]jobs.Group
}

// add joins the jobs of one with those of its group so far.
func (g *gathering) add(one jobs.Group) {
	g.found[one.Fingerprint] = g.found[one.Fingerprint].Join(one)
}

// fromCounts reads the counts that are kept, and from an index the first and
// last of each group.
func (g *gathering) fromCounts(ctx context.Context, r *reader) error {
	const sql = `SELECT g.tenant, g.state, g.class, g.provider, g.tier, g.schema, g.jobs,
	(SELECT since FROM states WHERE grp = g.num ORDER BY since LIMIT 1),
	(SELECT since FROM states WHERE grp = g.num ORDER BY since DESC LIMIT 1),
	(SELECT id FROM states WHERE grp = g.num ORDER BY since DESC, id DESC LIMIT 1) FROM groups g`
	st, err := r.db.prepare(sql, 10)
	if err != nil {
		return err
	}
	defer st.drop()
	return st.each(ctx, func(v []driver.Value) error {
		j := jobs.Job{
			Tenant: g.e.tenants.name(integer(v[0])), State: stateCodes[integer(v[1])], Tier: int(integer(v[4])),
			Spec: jobs.Spec{Schema: text(v[5])}, ID: jobs.ID(text(v[9])),
		}
		if j.State == jobs.InReview {
			j.Review = &jobs.Review{Reason: text(v[2])}
		} else {
			j.Failure = &jobs.Failure{Class: jobs.Class(text(v[2])), Provider: text(v[3])}
		}
		one, ok := jobs.GroupOf(j)
		if !ok || !g.f.Match(j) {
			return nil
		}
		one.Count, one.FirstAt, one.LastAt = integer(v[6]), moment(integer(v[7])), moment(integer(v[8]))
		g.add(one)
		return nil
	})
}

// fromJobs looks at each job of the filter that may be in a group.
func (g *gathering) fromJobs(ctx context.Context, r *reader) error {
	f := g.f
	f.States = nil
	for _, s := range []jobs.State{jobs.Failed, jobs.Expired, jobs.InReview} {
		if len(g.f.States) == 0 || slices.Contains(g.f.States, s) {
			f.States = append(f.States, s)
		}
	}
	if len(f.States) == 0 {
		return nil
	}
	q := query{e: g.e, r: r, f: f}
	sources, err := q.sources(ctx)
	if err != nil {
		return err
	}
	for _, s := range sources {
		err := q.each(ctx, s, "", func(r *row) error {
			if one, ok := jobs.GroupOf(r.job); ok {
				g.add(one)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Spent implements [jobs.Archive].
func (e *Engine) Spent(ctx context.Context, tenant string, day time.Time) (micro int64, err error) {
	err = e.read(ctx, func(r *reader) error {
		num := int64(-1)
		if tenant != "" {
			num = e.tenants.num(tenant)
		}
		v, err := r.one("SELECT sum(micro) FROM spent WHERE (? < 0 OR tenant = ?) AND day = ?", 1, num, num, dayOf(day))
		if err == nil {
			micro = integer(v[0])
		}
		return err
	})
	return micro, err
}
