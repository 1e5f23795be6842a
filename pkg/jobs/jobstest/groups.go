package jobstest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func archiveBehaviours() []behaviour {
	return []behaviour{
		{name: "an empty archive has nothing", test: archiveEmpty},
		{name: "each filter selects what it names", test: archiveFilters},
		{name: "a count is the length of the list for any filter", test: archiveCounts},
		{name: "a group says what its jobs have in common", test: groupsShown},
		{name: "the last to come is the sample", test: groupsSample},
		{name: "words that look alike make different groups", test: groupsEscaped},
		{name: "groups follow each command and outcome", test: groupsFollow},
		{name: "claims and drafts move no group", test: groupsClaims},
		{name: "groups are the jobs listed for any filter", test: groupsRecount},
		{name: "the largest groups come first, up to a limit", test: groupsMany},
	}
}

func archiveEmpty(f *fixture) {
	f.submit()
	f.same("groups", []jobs.Group{}, f.groups(jobs.Filter{}))
	if got := f.counted(jobs.Filter{Tenant: "globex"}); got != 0 {
		f.t.Errorf("counted %d jobs of nobody", got)
	}
	if got := f.counted(jobs.Filter{}); got != 1 {
		f.t.Errorf("counted %d jobs of 1", got)
	}
	if got := f.spent("globex", f.clock.Now()); got != 0 {
		f.t.Errorf("nobody spent %d", got)
	}
	f.same("retained", jobs.Retained{}, f.retain(keepNone()))
}

func archiveFilters(f *fixture) {
	start := f.clock.Now()
	failed := f.bring(jobs.Failed, batch("b1")).ID
	f.clock.Advance(time.Second)
	parked := f.bring(jobs.Parked, batch("b2")).ID
	inReview := f.bring(jobs.InReview, batch("b1"), tenant("globex")).ID
	f.clock.Advance(time.Second)
	released := f.submit().ID
	f.finish(f.lendOne(), release())
	f.apply(f.claim(inReview, "ada", lease))
	late := start.Add(2 * time.Second)
	for name, c := range map[string]struct {
		filter jobs.Filter
		want   []jobs.ID
	}{
		"batch":          {jobs.Filter{Batch: "b1"}, []jobs.ID{inReview, failed}},
		"batch of one":   {jobs.Filter{Batch: "b1", Tenant: "acme"}, []jobs.ID{failed}},
		"no such batch":  {jobs.Filter{Batch: "b"}, []jobs.ID{}},
		"hostile batch":  {jobs.Filter{Batch: "b1' OR '1'='1"}, []jobs.ID{}},
		"reason":         {jobs.Filter{Reasons: []string{"gated"}}, []jobs.ID{parked}},
		"reasons":        {jobs.Filter{Reasons: []string{"gated", "all_tiers_failed", "none"}}, []jobs.ID{inReview, parked}},
		"queued again":   {jobs.Filter{Reasons: []string{"shutdown"}}, []jobs.ID{released}},
		"no reason":      {jobs.Filter{Reasons: []string{""}}, []jobs.ID{failed}},
		"hostile reason": {jobs.Filter{Reasons: []string{"' OR 1=1 --"}}, []jobs.ID{}},
		"updated from":   {jobs.Filter{UpdatedFrom: start.Add(time.Second)}, []jobs.ID{released, inReview, parked}},
		"by a claim":     {jobs.Filter{UpdatedFrom: late}, []jobs.ID{released, inReview}},
		"updated until":  {jobs.Filter{UpdatedUntil: late}, []jobs.ID{parked, failed}},
		"updated within": {jobs.Filter{UpdatedFrom: start.Add(time.Millisecond), UpdatedUntil: late}, []jobs.ID{parked}},
		"to the moment":  {jobs.Filter{UpdatedFrom: start, UpdatedUntil: start.Add(time.Millisecond)}, []jobs.ID{failed}},
		"several":        {jobs.Filter{Batch: "b1", Reasons: []string{"all_tiers_failed"}, UpdatedFrom: late}, []jobs.ID{inReview}},
	} {
		f.run(name, func() {
			f.same("the list", c.want, f.list(c.filter, jobs.Page{}))
			if got := f.counted(c.filter); got != int64(len(c.want)) {
				f.t.Errorf("counted %d, want %d", got, len(c.want))
			}
		})
	}
}

func archiveCounts(f *fixture) {
	c := newCrowd(f, 1)
	c.grow(80)
	for range 200 {
		filter := c.filter()
		want := f.matching(filter)
		f.same(fmt.Sprintf("the list by %+v", filter), ids(want), f.list(filter, jobs.Page{Limit: jobs.MaxPage}))
		if got := f.counted(filter); got != int64(len(want)) {
			f.t.Errorf("counted %d by %+v, want %d", got, filter, len(want))
		}
	}
}

// matching are the jobs that a filter selects, the newest first, found by
// looking at each.
func (f *fixture) matching(filter jobs.Filter) []jobs.Job {
	f.t.Helper()
	var all []jobs.Job
	for _, id := range f.ids {
		if j := f.get(id); filter.Match(j) {
			all = append(all, j)
		}
	}
	slices.SortFunc(all, func(a, b jobs.Job) int { return cmp.Compare(b.ID, a.ID) })
	return all
}

func ids(all []jobs.Job) []jobs.ID {
	list := make([]jobs.ID, len(all))
	for i, j := range all {
		list[i] = j.ID
	}
	return list
}

// regroup are the groups of jobs, found by counting.
func regroup(all []jobs.Job) []jobs.Group {
	found := make(map[string]*jobs.Group)
	var groups []*jobs.Group
	for _, j := range all {
		one, ok := jobs.GroupOf(j)
		if !ok {
			continue
		}
		g := found[one.Fingerprint]
		if g == nil {
			found[one.Fingerprint] = &one
			groups = append(groups, &one)
			continue
		}
		g.Count++
		if one.FirstAt.Before(g.FirstAt) {
			g.FirstAt = one.FirstAt
		}
		if one.LastAt.After(g.LastAt) || one.LastAt.Equal(g.LastAt) && one.Sample > g.Sample {
			g.LastAt, g.Sample = one.LastAt, one.Sample
		}
	}
	slices.SortFunc(groups, func(a, b *jobs.Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	list := make([]jobs.Group, len(groups))
	for i, g := range groups {
		list[i] = *g
	}
	return list
}

// wantGroups wants the groups by a filter to be those of the jobs it selects.
// Their FirstAt may be of a job that has left.
func (f *fixture) wantGroups(filter jobs.Filter) {
	f.t.Helper()
	want, got := regroup(f.matching(filter)), f.groups(filter)
	for i := range min(len(want), len(got)) {
		if at := got[i].FirstAt; !at.IsZero() && at.Before(want[i].FirstAt) {
			got[i].FirstAt = want[i].FirstAt
		}
	}
	f.same(fmt.Sprintf("groups by %+v", filter), want, got)
}

func groupsShown(f *fixture) {
	start := f.clock.Now()
	first := f.bring(jobs.Failed)
	f.bring(jobs.Failed, tenant("globex"))
	f.clock.Advance(time.Minute)
	last := f.bring(jobs.Failed)
	f.bring(jobs.Expired, schema("receipt@2"))
	inReview := f.bring(jobs.InReview)
	f.apply(erase(f.bring(jobs.Failed, tenant("initech")).ID))
	for _, s := range []jobs.State{jobs.Succeeded, jobs.Cancelled, jobs.Parked, jobs.Running, jobs.Queued} {
		f.bring(s)
	}
	expired := f.list(jobs.Filter{States: []jobs.State{jobs.Expired}}, jobs.Page{})[0]
	corrupt := jobs.Group{
		Fingerprint: "failed:corrupt:primary:1:invoice@1", State: jobs.Failed, Class: "corrupt", Provider: "primary", Tier: 1,
		Schema: "invoice@1", Count: 3, FirstAt: start, LastAt: start.Add(time.Minute), Sample: last.ID,
	}
	late := jobs.Group{
		Fingerprint: "expired:deadline::0:receipt@2", State: jobs.Expired, Class: jobs.ClassDeadline,
		Schema: "receipt@2", Count: 1, FirstAt: f.get(expired).EndedAt, LastAt: f.get(expired).EndedAt, Sample: expired,
	}
	waiting := jobs.Group{
		Fingerprint: "in_review:all_tiers_failed::3:invoice@1", State: jobs.InReview, Class: "all_tiers_failed", Tier: 3,
		Schema: "invoice@1", Count: 1, FirstAt: inReview.Review.Since, LastAt: inReview.Review.Since, Sample: inReview.ID,
	}
	f.same("all groups", []jobs.Group{corrupt, late, waiting}, f.groups(jobs.Filter{}))
	f.same("dead letters", []jobs.Group{corrupt, late}, f.groups(jobs.Filter{States: []jobs.State{jobs.Expired, jobs.Failed}}))
	f.same("reviews", []jobs.Group{waiting}, f.groups(jobs.Filter{States: []jobs.State{jobs.InReview}}))
	f.same("by class", []jobs.Group{late}, f.groups(jobs.Filter{Classes: []jobs.Class{jobs.ClassDeadline}}))
	f.same("others", []jobs.Group{}, f.groups(jobs.Filter{States: []jobs.State{jobs.Cancelled, jobs.Erased, jobs.Queued}}))
	corrupt.Count, corrupt.FirstAt = 2, first.EndedAt
	f.same("of a tenant", []jobs.Group{corrupt}, f.groups(jobs.Filter{Tenant: "acme", Provider: "primary"}))
	f.same("by tier and schema", []jobs.Group{waiting}, f.groups(jobs.Filter{Tier: 3, Schema: "invoice@1"}))
}

func groupsSample(f *fixture) {
	var made []jobs.ID
	for range 3 {
		made = append(made, f.bring(jobs.Failed).ID)
	}
	sample := func(want jobs.ID) {
		f.t.Helper()
		if gs := f.groups(jobs.Filter{Tenant: "acme"}); len(gs) != 1 || gs[0].Sample != want {
			f.t.Errorf("the groups are %+v, want sample %s", gs, want)
		}
	}
	sample(made[2]) // all at once: the greatest ID
	f.clock.Advance(time.Second)
	f.apply(requeue(made[0]))
	f.finish(f.lendOne(), fail())
	sample(made[0]) // came again, and last
	f.apply(requeue(made[0]))
	sample(made[2])
	f.apply(erase(made[2]))
	sample(made[1])
	f.wantGroups(jobs.Filter{})
}

func groupsEscaped(f *fixture) {
	for _, failure := range []jobs.Failure{
		{Class: "a", Provider: "b:c"}, {Class: "a:b", Provider: "c"}, {Class: "a%3Ab", Provider: "c"}, {Class: "a", Provider: "b%3Ac"},
		{Class: "a:b:c"}, {Class: "a' OR 1=1 --", Provider: "b*"},
	} {
		f.submit()
		f.finish(f.lendOne(), jobs.Outcome{Kind: jobs.Fail, Failure: &failure})
	}
	seen := make(map[string]bool)
	for _, g := range f.groups(jobs.Filter{}) {
		if g.Count != 1 || seen[g.Fingerprint] {
			f.t.Errorf("a group of jobs that failed otherwise: %+v", g)
		}
		seen[g.Fingerprint] = true
		f.wantGroups(jobs.Filter{Classes: []jobs.Class{g.Class}, Provider: g.Provider})
	}
	f.wantGroups(jobs.Filter{})
}

func groupsFollow(f *fixture) {
	dead := jobs.Filter{States: []jobs.State{jobs.Failed, jobs.Expired}}
	reviews := jobs.Filter{States: []jobs.State{jobs.InReview}}
	check := func(what string, failed, inReview int64) {
		f.t.Helper()
		for filter, want := range map[*jobs.Filter]int64{&dead: failed, &reviews: inReview} {
			var got int64
			for _, g := range f.groups(*filter) {
				got += g.Count
			}
			if got != want {
				f.t.Errorf("after %s: %d jobs are in groups by %v, want %d", what, got, filter.States, want)
			}
			f.wantGroups(*filter)
		}
		f.wantGroups(jobs.Filter{})
	}
	var failed, inReview []jobs.ID
	for range 5 {
		failed = append(failed, f.bring(jobs.Failed).ID)
		f.clock.Advance(time.Second)
		inReview = append(inReview, f.bring(jobs.InReview).ID)
	}
	check("outcomes", 5, 5)
	f.bulkheads(jobs.Bulkhead{Tenant: "acme", Paused: true})
	f.apply(requeue(failed[0]))
	check("requeue", 4, 5)
	f.apply(jobs.Command{Kind: jobs.Complete, Job: failed[1], Result: result()})
	check("complete", 3, 5)
	f.apply(erase(failed[2]))
	check("erase", 2, 5)
	f.apply(jobs.Command{Kind: jobs.SendBack, Job: inReview[0]})
	check("send back", 2, 4)
	f.apply(jobs.Command{Kind: jobs.Complete, Job: inReview[1], Result: result()})
	check("complete", 2, 3)
	f.apply(cancel(inReview[2]))
	check("cancel", 2, 2)
	f.apply(jobs.Command{Kind: jobs.Reject, Job: inReview[3], Class: "illegible"})
	check("reject", 3, 1)
	f.retain(jobs.Retention{MaxCount: map[jobs.State]int64{jobs.Failed: 1}})
	check("retain", 1, 1)
	f.clock.Advance(time.Hour)
	f.sweep()
	check("expiry", 3, 1)
	f.retain(keepNone())
	check("retain", 0, 1)
}

func groupsClaims(f *fixture) {
	f.bring(jobs.InReview)
	f.clock.Advance(time.Second)
	early := f.bring(jobs.InReview)
	f.clock.Advance(time.Second)
	f.bring(jobs.InReview)
	before := f.groups(jobs.Filter{})
	f.clock.Advance(time.Second)
	f.apply(f.claim(early.ID, "ada", lease))
	f.apply(draft(early.ID, "ada", `{}`))
	f.same("the groups", before, f.groups(jobs.Filter{}))
	f.apply(unclaim(early.ID, "ada"))
	f.same("the groups by state", before, f.groups(jobs.Filter{States: []jobs.State{jobs.InReview}}))
}

func groupsRecount(f *fixture) {
	c := newCrowd(f, 2)
	for range 8 {
		c.grow(10)
		f.wantGroups(jobs.Filter{})
		for range 15 {
			f.wantGroups(c.filter())
		}
	}
}

func groupsMany(f *fixture) {
	var subs []jobs.Submission
	for i := range jobs.MaxGroups + 1 {
		subs = append(subs, f.submission(schema(fmt.Sprintf("s%04d", i)), due(time.Millisecond)))
	}
	subs = append(subs, f.submission(schema("s1000"), due(time.Millisecond)))
	f.accept(subs...)
	f.clock.Advance(time.Millisecond)
	f.sweep()
	f.sweep()
	got := f.groups(jobs.Filter{})
	if len(got) != jobs.MaxGroups || got[0].Schema != "s1000" || got[0].Count != 2 {
		f.t.Fatalf("%d groups begin with %+v", len(got), got[0])
	}
	f.same("the groups", regroup(f.matching(jobs.Filter{}))[:jobs.MaxGroups], got)
	if got := f.counted(jobs.Filter{States: []jobs.State{jobs.Expired}}); got != jobs.MaxGroups+2 {
		f.t.Errorf("counted %d, want %d", got, jobs.MaxGroups+2)
	}
}
