package asynqjobs

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Count implements [jobs.Archive]. A filter of states and at most one of
// tenant, batch, lanes, schema, classes and provider is answered from the
// sizes of indexes where the states have such; any other looks at jobs, and a
// [jobs.PartialError] comes with what List would find partially.
func (e *Engine) Count(ctx context.Context, f jobs.Filter) (int64, error) {
	if err := e.begin(ctx); err != nil {
		return 0, err
	}
	pl, err := e.plan(ctx, f)
	if err != nil {
		return 0, err
	}
	if pl.exact {
		return pl.total, nil
	}
	var n int64
	err = e.eachJob(ctx, f, func(jobs.Job) { n++ })
	return n, err
}

// eachJob hands on all jobs that a filter selects.
func (e *Engine) eachJob(ctx context.Context, f jobs.Filter, visit func(jobs.Job)) error {
	w, err := e.walk(ctx, f, "", 500)
	if err != nil {
		return err
	}
	for {
		j, ok, err := w.next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			return w.partial()
		}
		visit(j)
	}
}

// Groups implements [jobs.Archive]. Jobs in a group are those that are indexed
// by everything, so it is never partial.
func (e *Engine) Groups(ctx context.Context, f jobs.Filter) ([]jobs.Group, error) {
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	f.States = slices.DeleteFunc(states(f), func(s jobs.State) bool { return !handled(s) })
	if len(f.States) == 0 {
		return nil, nil
	}
	found := make(map[string]jobs.Group)
	var err error
	if keptGroups(f) {
		err = e.countedGroups(ctx, f, found)
	} else {
		err = e.eachJob(ctx, f, func(j jobs.Job) {
			if g, ok := jobs.GroupOf(j); ok {
				found[g.Fingerprint] = found[g.Fingerprint].Join(g)
			}
		})
	}
	if err != nil {
		return nil, err
	}
	all := make([]jobs.Group, 0, len(found))
	for _, g := range found {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b jobs.Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return all[:min(len(all), jobs.MaxGroups)], nil
}

// keptGroups reports whether a filter selects whole groups of tenants.
func keptGroups(f jobs.Filter) bool {
	return len(f.Lanes) == 0 && len(f.Labels) == 0 && len(f.Reasons) == 0 && f.Batch == "" &&
		f.AcceptedFrom.IsZero() && f.AcceptedUntil.IsZero() && f.UpdatedFrom.IsZero() && f.UpdatedUntil.IsZero()
}

// countedGroups reads the groups that are kept.
func (e *Engine) countedGroups(ctx context.Context, f jobs.Filter, found map[string]jobs.Group) error {
	names, err := e.reads.SMembers(ctx, e.cfg.Prefix+"G").Result()
	if err != nil {
		return e.readError(ctx, err)
	}
	type asked struct {
		group       jobs.Group
		count       *redis.IntCmd
		first, last *redis.ZSliceCmd
	}
	var all []asked
	p := e.reads.Pipeline()
	for _, name := range names {
		tenant, g, err := parseGroup(name)
		if err != nil {
			return err
		}
		if !selectsGroup(f, tenant, g) {
			continue
		}
		key := e.cfg.Prefix + "g:" + name
		all = append(all, asked{
			group: g, count: p.ZCard(ctx, key), first: p.ZRangeWithScores(ctx, key, 0, 0), last: p.ZRangeWithScores(ctx, key, -1, -1),
		})
	}
	if len(all) == 0 {
		return nil
	}
	if _, err := p.Exec(ctx); err != nil {
		return e.readError(ctx, err)
	}
	for _, a := range all {
		first, last := a.first.Val(), a.last.Val()
		if len(first) == 0 || len(last) == 0 {
			continue // emptied meanwhile
		}
		g := a.group
		g.Count = a.count.Val()
		g.FirstAt, g.LastAt = time.UnixMilli(int64(first[0].Score)).UTC(), time.UnixMilli(int64(last[0].Score)).UTC()
		id, _ := last[0].Member.(string)
		g.Sample = jobs.ID(id)
		found[g.Fingerprint] = found[g.Fingerprint].Join(g)
	}
	return nil
}

// parseGroup reads the name of a group of a tenant, "tenant:fingerprint".
func parseGroup(name string) (tenant string, g jobs.Group, err error) {
	tenant, g.Fingerprint, _ = strings.Cut(name, ":")
	parts := strings.SplitN(g.Fingerprint, ":", 5)
	if len(parts) != 5 {
		return "", g, damaged("name of a group", errors.New("it has too few parts"))
	}
	class, err := url.QueryUnescape(parts[1])
	if err != nil {
		return "", g, damaged("name of a group", err)
	}
	if g.Provider, err = url.QueryUnescape(parts[2]); err != nil {
		return "", g, damaged("name of a group", err)
	}
	if g.Tier, err = strconv.Atoi(parts[3]); err != nil {
		return "", g, damaged("name of a group", err)
	}
	g.State, g.Class, g.Schema = jobs.State(parts[0]), jobs.Class(class), parts[4]
	return tenant, g, nil
}

// selectsGroup reports whether a filter selects the jobs of a tenant's group. A
// job in review has no failure, and so neither class nor provider.
func selectsGroup(f jobs.Filter, tenant string, g jobs.Group) bool {
	j := jobs.Job{Tenant: tenant, State: g.State, Tier: g.Tier, Spec: jobs.Spec{Schema: g.Schema}}
	if g.State.DeadLetter() {
		j.Failure = &jobs.Failure{Class: g.Class, Provider: g.Provider}
	}
	return f.Match(j)
}

// Spent implements [jobs.Archive].
func (e *Engine) Spent(ctx context.Context, tenant string, day time.Time) (int64, error) {
	if err := e.begin(ctx); err != nil {
		return 0, err
	}
	key := e.cfg.Prefix + "m:" + strconv.FormatInt(dayOf(day), 10)
	sum, err := e.reads.HGet(ctx, key, tenant).Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, e.readError(ctx, err)
	}
	return sum, nil
}
