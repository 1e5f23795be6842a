package jobstest

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// restartArchive adds what archives keep over a restart.
func restartArchive(add func(name string, p jobs.Policy, test func(f *fixture, restart func()))) {
	add("a claim holds", jobs.Policy{}, restartClaim)
	add("an operation repeated is not done twice", jobs.Policy{}, restartOperation)
	add("what was removed stays removed", jobs.Policy{KeyTTL: time.Hour}, restartRemoved)
	add("a mean service time begins anew", jobs.Policy{}, restartService)
}

// archived makes jobs with all that an archive keeps.
func (f *fixture) archived() {
	now := f.clock.Now()
	for range 3 {
		l := loanOf(f.bring(jobs.Running, batch("b"), key(fmt.Sprint("archived", f.n)), labelled(map[string]string{"a": "1"})))
		f.putAttempts(l, paid(1, now, 7))
		f.finish(l, fail())
	}
	f.retain(atMost(jobs.Failed, 2))
	f.apply(erase(f.list(jobs.Filter{Batch: "b"}, jobs.Page{Limit: 1})[0]))
	j := f.bring(jobs.InReview, batch("b"))
	f.apply(f.claim(j.ID, "ada", lease))
	f.apply(draft(j.ID, "ada", `{"total":0.10}`))
	f.apply(of("op_1", move(f.bring(jobs.Parked).ID, jobs.Batch)))
}

func restartClaim(f *fixture, restart func()) {
	j := f.bring(jobs.InReview)
	f.apply(f.claim(j.ID, "ada", lease))
	f.apply(draft(j.ID, "ada", `{"total":1}`))
	restart()
	for _, c := range f.byOthers(j.ID, "bob") {
		f.refuses(c)
	}
	f.apply(draft(j.ID, "ada", `{"total":2}`))
	f.clock.Advance(lease)
	restart()
	if got := f.apply(f.claim(j.ID, "bob", lease)); string(got.Review.Draft) != `{"total":2}` {
		f.t.Errorf("the draft is %s", got.Review.Draft)
	}
}

func restartOperation(f *fixture, restart func()) {
	j := f.bring(jobs.Failed)
	c := of("op_1", requeue(j.ID))
	f.apply(c)
	restart()
	f.ignores(c)
	f.finish(f.lendOne(), fail())
	f.apply(erase(j.ID))
	restart()
	f.ignores(c)
	f.ignores(erase(j.ID))
}

func restartRemoved(f *fixture, restart func()) {
	s := f.submission(key("k"))
	f.accept(s)
	l := f.lendOne()
	f.putAttempts(l, paid(1, f.clock.Now(), 7))
	f.finish(l, fail())
	f.bring(jobs.Failed)
	f.retain(atMost(jobs.Failed, 1))
	for range 2 {
		restart()
		for what, err := range f.reads("", s.ID) {
			f.wantKind(what, err, jobs.ErrNotFound)
		}
		f.same("removed", map[jobs.State]int64{jobs.Failed: 1}, f.stats().Removed)
		f.wantSpent(f.clock.Now(), map[string]int64{"acme": 7, "": 7})
		f.wantGroups(jobs.Filter{})
		f.same("retained", jobs.Retained{}, f.retain(atMost(jobs.Failed, 1)))
	}
	f.retain(keepNone())
	restart()
	f.same("removed", map[jobs.State]int64{jobs.Failed: 2}, f.stats().Removed)
	f.same("groups", []jobs.Group{}, f.groups(jobs.Filter{}))
	f.same("the key", []jobs.AcceptStatus{jobs.Created}, f.statuses(f.submission(key("k"))))
}

func restartService(f *fixture, restart func()) {
	f.bring(jobs.Parked)
	f.serve(9*time.Second, succeed())
	restart()
	if got := f.service(jobs.Standard, "acme"); got != 0 {
		f.t.Errorf("the mean is %s before the first loan", got)
	}
	f.serve(time.Second, succeed())
	if got := f.service(jobs.Standard, "acme"); got != time.Second {
		f.t.Errorf("the mean is %s, want 1s", got)
	}
}
