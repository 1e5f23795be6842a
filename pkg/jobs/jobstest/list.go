package jobstest

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func listBehaviours() []behaviour {
	return []behaviour{
		{name: "a list falls by ID", test: listOrder},
		{name: "pages join without gap or overlap while jobs come", test: listPages},
		{name: "a page has bounds", test: listBounds},
		{name: "each filter selects what it names", test: listFilters},
		{name: "listed jobs carry neither result nor candidates", test: listSlim},
	}
}

func listOrder(f *fixture) {
	var subs []jobs.Submission
	for _, id := range []jobs.ID{"b", "a", "Z", "_", "-", "0", "aa", "a_", "job_2", "job_10"} {
		s := f.submission()
		s.ID = id
		subs = append(subs, s)
	}
	f.accept(subs...)
	want := []jobs.ID{"job_2", "job_10", "b", "aa", "a_", "a", "_", "Z", "0", "-"}
	f.same("the list", want, f.list(jobs.Filter{}, jobs.Page{}))
}

func listPages(f *fixture) {
	ids := f.submitMany(25)
	slices.Reverse(ids)
	var got []jobs.ID
	var before jobs.ID
	for {
		page := f.list(jobs.Filter{Tenant: "acme"}, jobs.Page{Before: before, Limit: 10})
		got = append(got, page...)
		if len(page) < 10 {
			break
		}
		before = page[len(page)-1]
		f.submit() // sorts before all pages to come
		f.apply(cancel(page[0]))
	}
	f.same("all pages", ids, got)
	f.same("before the first", []jobs.ID{}, f.list(jobs.Filter{}, jobs.Page{Before: "A"}))
}

func listBounds(f *fixture) {
	f.submitMany(jobs.MaxPage + 1)
	for limit, want := range map[int]int{
		0: jobs.DefaultPage, -5: jobs.DefaultPage, 1: 1, jobs.MaxPage: jobs.MaxPage, jobs.MaxPage + 5: jobs.MaxPage,
	} {
		if got := len(f.list(jobs.Filter{}, jobs.Page{Limit: limit})); got != want {
			f.t.Errorf("a page of limit %d has %d jobs, want %d", limit, got, want)
		}
	}
}

func listFilters(f *fixture) {
	start := f.clock.Now()
	failed := f.bring(jobs.Failed, labelled(map[string]string{"a": "1", "b": "2"})).ID
	f.clock.Advance(time.Second)
	inReview := f.bring(jobs.InReview, tenant("globex"), lane(jobs.Batch), labelled(map[string]string{"a": "1"})).ID
	f.clock.Advance(time.Second)
	expired := f.bring(jobs.Expired, schema("receipt@2"), lane(jobs.Critical), labelled(map[string]string{"a": "2"})).ID
	queued := f.submit(labelled(map[string]string{"b": ""})).ID

	for name, c := range map[string]struct {
		filter jobs.Filter
		want   []jobs.ID
	}{
		"all":             {jobs.Filter{}, []jobs.ID{queued, expired, inReview, failed}},
		"tenant":          {jobs.Filter{Tenant: "globex"}, []jobs.ID{inReview}},
		"state":           {jobs.Filter{States: []jobs.State{jobs.Queued}}, []jobs.ID{queued}},
		"states":          {jobs.Filter{States: []jobs.State{jobs.Failed, jobs.Expired, jobs.Parked}}, []jobs.ID{expired, failed}},
		"lanes":           {jobs.Filter{Lanes: []jobs.Lane{jobs.Critical, jobs.Batch}}, []jobs.ID{expired, inReview}},
		"schema":          {jobs.Filter{Schema: "receipt@2"}, []jobs.ID{expired}},
		"class":           {jobs.Filter{Classes: []jobs.Class{"corrupt", "rate"}}, []jobs.ID{failed}},
		"deadline class":  {jobs.Filter{Classes: []jobs.Class{jobs.ClassDeadline}}, []jobs.ID{expired}},
		"tier":            {jobs.Filter{Tier: 3}, []jobs.ID{inReview}},
		"provider":        {jobs.Filter{Provider: "primary"}, []jobs.ID{failed}},
		"label":           {jobs.Filter{Labels: map[string]string{"a": "1"}}, []jobs.ID{inReview, failed}},
		"labels":          {jobs.Filter{Labels: map[string]string{"a": "1", "b": "2"}}, []jobs.ID{failed}},
		"empty label":     {jobs.Filter{Labels: map[string]string{"b": ""}}, []jobs.ID{queued}},
		"no such label":   {jobs.Filter{Labels: map[string]string{"c": ""}}, []jobs.ID{}},
		"accepted from":   {jobs.Filter{AcceptedFrom: start.Add(time.Second)}, []jobs.ID{queued, expired, inReview}},
		"accepted until":  {jobs.Filter{AcceptedUntil: start.Add(time.Second)}, []jobs.ID{failed}},
		"accepted within": {jobs.Filter{AcceptedFrom: start.Add(time.Second), AcceptedUntil: start.Add(2 * time.Second)}, []jobs.ID{inReview}},
		"several fields":  {jobs.Filter{Tenant: "acme", Tier: 1, States: []jobs.State{jobs.Failed}}, []jobs.ID{failed}},
		"hostile tenant":  {jobs.Filter{Tenant: "acme' OR '1'='1"}, []jobs.ID{}},
		"hostile label":   {jobs.Filter{Labels: map[string]string{`a"' OR 1=1 --`: "1"}}, []jobs.ID{}},
		"unknown state":   {jobs.Filter{States: []jobs.State{"gone"}}, []jobs.ID{}},
	} {
		f.run(name, func() {
			f.same("the list", c.want, f.list(c.filter, jobs.Page{}))
			for i, id := range c.want { // the same one by one
				p := jobs.Page{Limit: 1}
				if i > 0 {
					p.Before = c.want[i-1]
				}
				f.same("a page of one", []jobs.ID{id}, f.list(c.filter, p))
			}
		})
	}
}

func listSlim(f *fixture) {
	f.bring(jobs.Succeeded)
	f.bring(jobs.InReview)
	f.bring(jobs.Failed)
	found, err := f.List(f.ctx(), jobs.Filter{}, jobs.Page{})
	if err != nil {
		f.t.Fatalf("list: %v", err)
	}
	for _, got := range found {
		want := f.get(got.ID)
		want.Result = nil
		if want.Review != nil {
			want.Review.Candidates = nil
		}
		f.same("a listed job", want, got)
	}
}
