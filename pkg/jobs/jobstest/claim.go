package jobstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func claimBehaviours() []behaviour {
	return []behaviour{
		{name: "a claim keeps others off until its end", test: claimExclusive},
		{name: "of many who claim at once one gets the job", test: claimRace},
		{name: "a claim that is over keeps nobody off", test: claimEnds},
		{name: "who holds a claim decides", test: claimDecides},
		{name: "a claim does not keep off a cancellation", test: claimCancelled},
		{name: "a claim is stored and heard of", test: claimStored},
		{name: "a claim is set anew by its holder", test: claimAnew},
		{name: "a review that is given back is free", test: claimGivenBack},
		{name: "a review begins without a claim", test: claimFresh},
		{name: "a draft needs a claim", test: draftNeedsClaim},
		{name: "a draft outlives its claim", test: draftSurvives},
		{name: "a draft comes back as it was", test: draftDigits},
		{name: "listed jobs carry no draft", test: draftNotListed},
		{name: "malformed claims and drafts are refused", test: claimInvalid},
	}
}

const lease = 15 * time.Minute // of a claim

// byOthers are the commands that a claim of somebody else keeps off.
func (f *fixture) byOthers(id jobs.ID, actor string) []jobs.Command {
	all := []jobs.Command{
		f.claim(id, actor, time.Hour), draft(id, actor, `{}`), unclaim(id, actor),
		{Kind: jobs.Complete, Job: id, Result: result(), Actor: actor},
		{Kind: jobs.Reject, Job: id, Actor: actor}, {Kind: jobs.SendBack, Job: id, Actor: actor},
	}
	if actor == "" {
		all = all[1:] // nobody claims
	}
	return all
}

func claimExclusive(f *fixture) {
	j := f.bring(jobs.InReview)
	f.apply(f.claim(j.ID, "ada", lease))
	for _, who := range []string{"bob", "Ada", "ada ", ""} {
		for _, c := range f.byOthers(j.ID, who) {
			f.refuses(c)
		}
	}
	f.clock.Advance(lease - time.Millisecond)
	for _, c := range f.byOthers(j.ID, "bob") {
		f.refuses(c)
	}
}

func claimRace(f *fixture) {
	const people = 8
	for range 5 {
		j := f.bring(jobs.InReview)
		var errs [people]error
		var all sync.WaitGroup
		for i := range people {
			all.Go(func() { _, errs[i] = f.Apply(f.ctx(), f.claim(j.ID, fmt.Sprint("p", i), lease)) })
		}
		all.Wait()
		holder := f.get(j.ID).Review.ClaimedBy
		for i, err := range errs {
			if who := fmt.Sprint("p", i); (err == nil) != (who == holder) || err != nil && !errors.Is(err, jobs.ErrConflict) {
				f.t.Errorf("%s was answered %v, and %s holds the job", who, err, holder)
			}
		}
	}
}

func claimEnds(f *fixture) {
	want := map[jobs.CommandKind]jobs.State{
		jobs.Claim: jobs.InReview, jobs.Unclaim: jobs.InReview,
		jobs.Complete: jobs.Succeeded, jobs.Reject: jobs.Failed, jobs.SendBack: jobs.Queued,
	}
	for i, c := range f.byOthers("", "bob") {
		name := fmt.Sprint("t", i)
		j := f.bring(jobs.InReview, tenant(name))
		f.apply(f.claim(j.ID, "ada", lease))
		f.clock.Advance(lease)
		c.Job, c.Until = j.ID, f.clock.Now().Add(lease)
		if c.Kind == jobs.Draft {
			f.refuses(c) // bob has no claim either
			continue
		}
		if got := f.apply(c); got.State != want[c.Kind] {
			f.t.Errorf("%s led to %s", c.Kind, got.State)
		}
		f.bulkheads(jobs.Bulkhead{Tenant: name, Paused: true})
		if c.Kind == jobs.Claim {
			f.refuses(unclaim(j.ID, "ada"))
		}
	}
}

func claimDecides(f *fixture) {
	for _, c := range f.byOthers("", "ada")[3:] {
		name := "t_" + string(c.Kind)
		c.Job = f.bring(jobs.InReview, tenant(name)).ID
		f.apply(f.claim(c.Job, "ada", lease))
		got := f.apply(c)
		if got.State == jobs.InReview || got.Review != nil {
			f.t.Errorf("%s led to %+v", c.Kind, got)
		}
		f.bulkheads(jobs.Bulkhead{Tenant: name, Paused: true})
	}
}

func claimCancelled(f *fixture) {
	j := f.bring(jobs.InReview)
	f.apply(f.claim(j.ID, "ada", lease))
	c := cancel(j.ID)
	c.Actor = "bob"
	if got := f.apply(c); got.State != jobs.Cancelled || got.Review != nil {
		f.t.Errorf("a claimed job cancelled: %+v", got)
	}
	f.refuses(f.claim(j.ID, "ada", lease))
}

func claimStored(f *fixture) {
	want := f.bring(jobs.InReview, key("k"))
	since := f.clock.Now()
	f.clock.Advance(time.Minute)
	now := f.clock.Now()
	c := f.claim(want.ID, "ada", lease+999)
	c.Reason, c.Version = "mine", want.Version
	got := f.apply(c)
	want.Version, want.UpdatedAt = 4, now
	want.Review.ClaimedBy, want.Review.ClaimedUntil = "ada", now.Add(lease)
	f.same("the answer", want, got)
	f.same("the stored job", want, f.get(want.ID))
	f.same("the listed job", want.Review.ClaimedBy, f.listed(want.ID).Review.ClaimedBy)
	f.same("the event", jobs.Event{
		Job: want.ID, Tenant: "acme", Version: 4, Type: jobs.EventClaimed, At: now, State: jobs.InReview,
		Lane: jobs.Standard, Generation: 1, Tier: 3, Reason: "mine", Actor: "ada",
	}, f.history(want.ID)[3])
	if !got.Review.Since.Equal(since) {
		f.t.Errorf("the review began at %s, want %s", got.Review.Since, since)
	}
	if j, err := f.ByKey(f.ctx(), "acme", "k"); err != nil || j.Review == nil || j.Review.ClaimedBy != "ada" {
		f.t.Errorf("by key: %+v, %v", j.Review, err)
	}
}

// listed is a job as it stands in the list.
func (f *fixture) listed(id jobs.ID) jobs.Job {
	f.t.Helper()
	all, err := f.List(f.ctx(), jobs.Filter{}, jobs.Page{Limit: jobs.MaxPage})
	if err != nil {
		f.t.Fatalf("list: %v", err)
	}
	for _, j := range all {
		if j.ID == id {
			return j
		}
	}
	f.t.Fatalf("job %s is not listed", id)
	return jobs.Job{}
}

func claimAnew(f *fixture) {
	j := f.bring(jobs.InReview)
	f.apply(f.claim(j.ID, "ada", lease))
	f.ignores(f.claim(j.ID, "ada", lease))
	f.clock.Advance(lease - time.Millisecond)
	if got := f.apply(f.claim(j.ID, "ada", lease)); !got.Review.ClaimedUntil.Equal(f.clock.Now().Add(lease)) {
		f.t.Errorf("the claim lasts until %s", got.Review.ClaimedUntil)
	}
	f.clock.Advance(time.Millisecond)
	f.refuses(unclaim(j.ID, "bob"))
	f.apply(f.claim(j.ID, "ada", time.Millisecond)) // sooner than before
	f.clock.Advance(time.Millisecond)
	f.apply(f.claim(j.ID, "bob", lease))
	f.refuses(f.claim(j.ID, "ada", lease))
	f.same("its events", []jobs.EventType{
		jobs.EventQueued, jobs.EventStarted, jobs.EventInReview,
		jobs.EventClaimed, jobs.EventClaimed, jobs.EventClaimed, jobs.EventClaimed,
	}, f.types(j.ID))
}

func claimGivenBack(f *fixture) {
	j := f.bring(jobs.InReview)
	f.ignores(unclaim(j.ID, "ada"))
	f.apply(f.claim(j.ID, "ada", lease))
	got := f.apply(unclaim(j.ID, "ada"))
	if r := got.Review; r == nil || r.ClaimedBy != "" || !r.ClaimedUntil.IsZero() {
		f.t.Errorf("the review given back: %+v", r)
	}
	f.same("the stored job", got, f.get(j.ID))
	f.ignores(unclaim(j.ID, "ada"))
	f.refuses(draft(j.ID, "ada", `{}`))
	f.apply(f.claim(j.ID, "bob", lease))
	events := f.history(j.ID)
	if ev := events[len(events)-2]; ev.Type != jobs.EventUnclaimed || ev.Actor != "ada" || len(events) != 6 {
		f.t.Errorf("%d events with %+v", len(events), ev)
	}
}

func claimFresh(f *fixture) {
	j := f.bring(jobs.InReview)
	f.apply(f.claim(j.ID, "ada", lease))
	f.apply(draft(j.ID, "ada", `{"total":1}`))
	f.apply(jobs.Command{Kind: jobs.SendBack, Job: j.ID, Actor: "ada"})
	f.clock.Advance(time.Minute)
	got := f.finish(f.lendOne(), review())
	want := f.get(j.ID)
	f.same("the answer", want, got)
	if r := want.Review; r.ClaimedBy != "" || len(r.Draft) != 0 || !r.ClaimedUntil.IsZero() || !r.Since.Equal(f.clock.Now()) {
		f.t.Errorf("the next review begins with %+v", r)
	}
	f.apply(f.claim(j.ID, "bob", lease))
}

func draftNeedsClaim(f *fixture) {
	j := f.bring(jobs.InReview)
	f.refuses(draft(j.ID, "ada", `{}`))
	f.refuses(draft(j.ID, "", `{}`))
	f.apply(f.claim(j.ID, "ada", lease))
	f.refuses(draft(j.ID, "bob", `{}`))
	f.apply(draft(j.ID, "ada", `{"total":1}`))
	f.clock.Advance(lease)
	f.apply(draft(j.ID, "ada", `{"total":2}`)) // late, and nobody else came
	f.refuses(draft(j.ID, "bob", `{}`))
	f.apply(f.claim(j.ID, "bob", lease))
	f.clock.Advance(lease)
	f.refuses(draft(j.ID, "ada", `{}`)) // the last to claim was bob
	f.same("the draft", json.RawMessage(`{"total":2}`), f.get(j.ID).Review.Draft)
}

func draftSurvives(f *fixture) {
	j := f.bring(jobs.InReview)
	f.apply(f.claim(j.ID, "ada", lease))
	f.clock.Advance(time.Second)
	want := f.apply(draft(j.ID, "ada", `{"total":1}`))
	f.same("the stored job", want, f.get(j.ID))
	kept := func(when string) {
		f.t.Helper()
		f.same("the draft "+when, json.RawMessage(`{"total":1}`), f.get(j.ID).Review.Draft)
	}
	f.apply(unclaim(j.ID, "ada"))
	kept("given back")
	f.apply(f.claim(j.ID, "bob", lease))
	kept("claimed by another")
	f.clock.Advance(lease)
	kept("after the claim")
	f.apply(f.claim(j.ID, "cleo", lease))
	kept("after all")
	last := f.apply(draft(j.ID, "cleo", `{"total":2}`))
	f.same("the last draft", json.RawMessage(`{"total":2}`), last.Review.Draft)
	if last.Version != 9 || !last.Review.Since.Equal(j.Review.Since) || len(last.Review.Candidates) != len(review().Candidates) {
		f.t.Errorf("the review is %+v in version %d", last.Review, last.Version)
	}
}

func draftDigits(f *fixture) {
	j := f.bring(jobs.InReview)
	f.apply(f.claim(j.ID, "ada", lease))
	for _, data := range []string{
		`{"big":123456789012345678901234567890,"exact":0.10,"text":"<a&b>\u2028 ü","deep":[[{"x":null}]]}`,
		`null`, `""`, ` [ 1 ] `, `"` + strings.Repeat("x", jobs.MaxDraftBytes-2) + `"`,
	} {
		c := draft(j.ID, "ada", data)
		got := f.apply(c)
		clear(c.Draft)
		f.same("the answer", json.RawMessage(data), got.Review.Draft)
		clear(got.Review.Draft)
		f.same("the stored draft", json.RawMessage(data), f.get(j.ID).Review.Draft)
	}
}

func draftNotListed(f *fixture) {
	want := f.bring(jobs.InReview)
	f.apply(f.claim(want.ID, "ada", lease))
	want = f.apply(draft(want.ID, "ada", `{"total":1}`))
	want.Review.Draft, want.Review.Candidates = nil, nil
	f.same("the listed job", want, f.listed(want.ID))
}

func claimInvalid(f *fixture) {
	j := f.bring(jobs.InReview)
	long := strings.Repeat("x", jobs.MaxActorBytes+1)
	f.apply(f.claim(j.ID, long[1:], lease))
	large := `"` + strings.Repeat("x", jobs.MaxDraftBytes-1) + `"`
	f.unchanged(j.ID, func() {
		for name, c := range map[string]jobs.Command{
			"a claim without an actor": f.claim(j.ID, "", lease),
			"a claim without an end":   {Kind: jobs.Claim, Job: j.ID, Actor: "ada"},
			"a long actor":             f.claim(j.ID, long, lease),
			"no draft":                 draft(j.ID, long[1:], ""),
			"a draft that is no JSON":  draft(j.ID, long[1:], "{"),
			"a large draft":            draft(j.ID, long[1:], large),
			"a long class":             {Kind: jobs.Reject, Job: j.ID, Class: jobs.Class(long)},
			"an ill-formed operation":  {Kind: jobs.Reject, Job: j.ID, Operation: "a b"},
		} {
			_, err := f.Apply(f.ctx(), c)
			f.wantKind(name, err, jobs.ErrInvalid)
		}
	})
}
