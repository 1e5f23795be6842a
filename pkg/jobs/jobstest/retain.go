package jobstest

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func retainBehaviours() []behaviour {
	return []behaviour{
		{name: "nothing is removed that nobody asked to remove", test: retainNothing},
		{name: "what is older than its age is removed", test: retainAge},
		{name: "more than the count is removed, the oldest first", test: retainCount},
		{name: "age and count work side by side by state", test: retainBoth},
		{name: "only what has ended is removed", test: retainLive},
		{name: "an age counts from the last end", test: retainLastEnd},
		{name: "a call removes a bounded number and says that there is more", test: retainBounded},
		{name: "nothing is left of what was removed", policy: jobs.Policy{KeyTTL: time.Hour}, test: retainGone},
		{name: "bytes that others share stay", test: retainShared},
		{name: "the removed are counted for ever", test: retainBooks},
		{name: "who repeats an unclear retention removes once", test: retainRepeated},
		{name: "what is removed while jobs end is counted once", test: retainBusy},
		{name: "a malformed retention is refused", test: retainInvalid},
	}
}

func age(s jobs.State, d time.Duration) jobs.Retention {
	return jobs.Retention{MaxAge: map[jobs.State]time.Duration{s: d}}
}

func atMost(s jobs.State, n int64) jobs.Retention {
	return jobs.Retention{MaxCount: map[jobs.State]int64{s: n}}
}

// left wants these jobs of a state to be left, and no others.
func (f *fixture) left(s jobs.State, want ...jobs.ID) {
	f.t.Helper()
	got := f.list(jobs.Filter{States: []jobs.State{s}}, jobs.Page{Limit: jobs.MaxPage})
	slices.Sort(got)
	f.same("the "+string(s)+" that are left", want, got)
}

func retainNothing(f *fixture) {
	all := jobs.States()
	for _, s := range append(all[1:], jobs.Queued) {
		f.bring(s)
	}
	f.clock.Advance(1000 * 24 * time.Hour)
	before := f.stats().States
	for _, keep := range []jobs.Retention{
		{}, {MaxAge: map[jobs.State]time.Duration{}, MaxCount: map[jobs.State]int64{}}, atMost(jobs.Succeeded, 1), atMost(jobs.Erased, 2),
	} {
		f.same("retained", jobs.Retained{}, f.retain(keep))
	}
	f.same("states", before, f.stats().States)
}

func retainAge(f *fixture) {
	for _, s := range []jobs.State{jobs.Succeeded, jobs.Failed, jobs.Cancelled, jobs.Expired, jobs.Erased} {
		first := f.bring(s)
		f.clock.Advance(time.Second)
		second := f.bring(s)
		f.clock.Advance(first.EndedAt.Add(time.Hour - time.Millisecond).Sub(f.clock.Now()))
		f.same("before its time", jobs.Retained{}, f.retain(age(s, time.Hour)))
		f.left(s, first.ID, second.ID)
		f.clock.Advance(time.Millisecond)
		f.same("at its time", jobs.Retained{Removed: map[jobs.State]int64{s: 1}}, f.retain(age(s, time.Hour)))
		f.left(s, second.ID)
		f.same("again", jobs.Retained{}, f.retain(age(s, time.Hour)))
		f.same("a millisecond", jobs.Retained{Removed: map[jobs.State]int64{s: 1}}, f.retain(age(s, time.Millisecond)))
		f.left(s)
	}
}

func retainCount(f *fixture) {
	waiting := f.submitMany(6)
	end := func(i int) {
		f.apply(cancel(waiting[i]))
		f.clock.Advance(time.Second)
	}
	// The order of ending counts, not that of coming.
	for _, i := range []int{4, 0, 5} {
		end(i)
	}
	f.apply(cancel(waiting[3])) // these two at one moment: the smaller ID first
	end(1)
	keep := func(n int64, removed int64, left ...int) {
		f.t.Helper()
		want := jobs.Retained{}
		if removed > 0 {
			want.Removed = map[jobs.State]int64{jobs.Cancelled: removed}
		}
		f.same("retained", want, f.retain(atMost(jobs.Cancelled, n)))
		var ids []jobs.ID
		for _, i := range left {
			ids = append(ids, waiting[i])
		}
		f.left(jobs.Cancelled, ids...)
	}
	keep(9, 0, 0, 1, 3, 4, 5)
	keep(5, 0, 0, 1, 3, 4, 5)
	keep(4, 1, 0, 1, 3, 5)
	keep(2, 2, 1, 3)
	keep(1, 1, 3)
	end(2)
	keep(1, 1, 2)
	keep(0, 1)
}

func retainBoth(f *fixture) {
	var failed, succeeded []jobs.ID
	for range 4 {
		failed, succeeded = append(failed, f.bring(jobs.Failed).ID), append(succeeded, f.bring(jobs.Succeeded).ID)
		f.clock.Advance(time.Minute)
	}
	keep := jobs.Retention{
		MaxAge:   map[jobs.State]time.Duration{jobs.Failed: 3 * time.Minute, jobs.Expired: time.Millisecond},
		MaxCount: map[jobs.State]int64{jobs.Failed: 3, jobs.Succeeded: 3},
	}
	f.same("retained", jobs.Retained{Removed: map[jobs.State]int64{jobs.Failed: 2, jobs.Succeeded: 1}}, f.retain(keep))
	f.left(jobs.Failed, failed[2:]...)
	f.left(jobs.Succeeded, succeeded[1:]...)
	keep.MaxCount[jobs.Failed] = 1 // stricter than the age
	f.same("retained", jobs.Retained{Removed: map[jobs.State]int64{jobs.Failed: 1}}, f.retain(keep))
	f.left(jobs.Failed, failed[3])
}

func retainLive(f *fixture) {
	states := []jobs.State{jobs.Running, jobs.Parked, jobs.InReview, jobs.Queued}
	for _, s := range states {
		f.bring(s)
	}
	f.clock.Advance(1000 * 24 * time.Hour)
	f.same("retained", jobs.Retained{}, f.retain(keepNone()))
	for _, s := range states {
		if n := f.stats().States[s]; n != 1 {
			f.t.Errorf("%d jobs are %s, want 1", n, s)
		}
	}
}

func retainLastEnd(f *fixture) {
	j := f.bring(jobs.Failed)
	erased := f.bring(jobs.Failed)
	f.clock.Advance(time.Hour)
	f.apply(requeue(j.ID))
	f.finish(f.lendOne(), fail())
	f.apply(erase(erased.ID))
	keep := jobs.Retention{MaxAge: map[jobs.State]time.Duration{jobs.Failed: time.Hour, jobs.Erased: time.Hour}}
	f.same("retained", jobs.Retained{Removed: map[jobs.State]int64{jobs.Erased: 1}}, f.retain(keep))
	f.left(jobs.Failed, j.ID)
	f.clock.Advance(time.Hour)
	f.same("an hour later", jobs.Retained{Removed: map[jobs.State]int64{jobs.Failed: 1}}, f.retain(keep))
}

func retainBounded(f *fixture) {
	const more = 25
	old := f.bring(jobs.Succeeded)
	young := f.submitMany(jobs.MaxSweep+more-1, due(time.Millisecond))
	f.clock.Advance(time.Millisecond)
	f.sweep()
	f.sweep()
	ended := int64(len(young))
	keep := keepNone()
	sum := func(r jobs.Retained) (n int64) {
		for _, of := range r.Removed {
			n += of
		}
		return n
	}
	first := f.retain(keep)
	if sum(first) != jobs.MaxSweep || !first.More {
		f.t.Errorf("the first call removed %d, more %t", sum(first), first.More)
	}
	// In each state the oldest went first: here they are the smallest IDs.
	f.left(jobs.Expired, young[first.Removed[jobs.Expired]:]...)
	second := f.retain(keep)
	if sum(second) != more || second.More {
		f.t.Errorf("the second call removed %d, more %t", sum(second), second.More)
	}
	f.same("removed", map[jobs.State]int64{jobs.Expired: ended, jobs.Succeeded: 1}, f.stats().Removed)
	_, err := f.Get(f.ctx(), "", old.ID)
	f.wantKind("the succeeded job", err, jobs.ErrNotFound)
}

func retainGone(f *fixture) {
	s := f.submission(key("k"), batch("b"))
	f.accept(s)
	l := f.lendOne()
	f.putAttempts(l, closed(call(1, f.clock.Now()), f.clock.Now()))
	f.finish(l, fail())
	f.retain(keepNone())
	for what, err := range f.reads("acme", s.ID) {
		f.wantKind(what, err, jobs.ErrNotFound)
	}
	_, err := f.ByKey(f.ctx(), "acme", "k")
	f.wantKind("by key", err, jobs.ErrNotFound)
	for _, c := range f.commands(s.ID) {
		_, err := f.Apply(f.ctx(), c)
		f.wantKind(string(c.Kind), err, jobs.ErrNotFound)
	}
	_, err = f.Finish(f.ctx(), l.Lease, fail())
	f.wantKind("an outcome repeated", err, jobs.ErrStaleLease)
	f.wantKind("an attempt", f.PutAttempts(f.ctx(), l.Lease, call(2, f.clock.Now())), jobs.ErrStaleLease)
	f.same("the list", []jobs.ID{}, f.list(jobs.Filter{Batch: "b"}, jobs.Page{}))
	f.same("groups", []jobs.Group{}, f.groups(jobs.Filter{}))
	if n := f.counted(jobs.Filter{}); n != 0 {
		f.t.Errorf("counted %d jobs", n)
	}
	// Its ID and key are free, also for another payload, and for one job each.
	s.Fingerprint, s.Key = "another", ""
	made := f.accept(s)[0]
	if made.Version != 1 || made.Failure != nil || len(f.history(s.ID)) != 1 || len(f.attempts(s.ID)) != 0 {
		f.t.Errorf("the job with the ID of a removed one: %+v", made)
	}
	f.gone = slices.DeleteFunc(f.gone, func(id jobs.ID) bool { return id == s.ID })
	_, err = f.ByKey(f.ctx(), "acme", "k")
	f.wantKind("by the key of a removed job", err, jobs.ErrNotFound)
	next := f.submit(key("k"))
	if j, err := f.ByKey(f.ctx(), "acme", "k"); err != nil || j.ID != next.ID {
		f.t.Errorf("by key: %q, %v", j.ID, err)
	}
}

func retainShared(f *fixture) {
	for _, size := range []int{10, 100 << 10} {
		body := bytes.Repeat([]byte("y"), size)
		old, young := f.submission(), f.submission()
		withBody(&old, body)
		withBody(&young, body)
		f.accept(old, young)
		f.apply(cancel(old.ID))
		f.retain(keepNone())
		if data, err := f.Document(f.ctx(), "acme", young.ID); err != nil || !bytes.Equal(data, body) {
			f.t.Errorf("a document of %d bytes that was shared: %d bytes, %v", size, len(data), err)
		}
		f.apply(cancel(young.ID))
		f.retain(keepNone())
		again := f.submission()
		withBody(&again, body)
		f.accept(again)
		if data, err := f.Document(f.ctx(), "acme", again.ID); err != nil || !bytes.Equal(data, body) {
			f.t.Errorf("a document of %d bytes that came again: %d bytes, %v", size, len(data), err)
		}
	}
}

func retainBooks(f *fixture) {
	want := make(map[jobs.State]int64)
	accepted := int64(0)
	for i, s := range []jobs.State{jobs.Succeeded, jobs.Failed, jobs.Cancelled, jobs.Expired, jobs.Erased} {
		for range i + 1 {
			f.bring(s)
			accepted++
		}
		f.retain(atMost(s, 1))
		if i > 0 {
			want[s] = int64(i)
		}
		f.same("removed", want, f.stats().Removed)
		checkBooks(f.t, f)
	}
	s := f.stats()
	var removed int64
	for _, n := range s.Removed {
		removed += n
	}
	if s.Accepted+removed != accepted {
		f.t.Errorf("%d jobs and %d removed of %d that were accepted", s.Accepted, removed, accepted)
	}
}

func retainRepeated(f *fixture) {
	for range 10 {
		f.bring(jobs.Cancelled)
	}
	faulty := &Faulty{Engine: f.Engine, Plan: Script(map[string][]Fault{"Retain": {ErrorBefore, ErrorAfter, ErrorAfter, Doubled}})}
	err := again(func() error { _, err := faulty.Retain(f.ctx(), atMost(jobs.Cancelled, 4)); return err })
	if err != nil {
		f.t.Errorf("retain: %v", err)
	}
	f.forget(jobs.Retained{Removed: map[jobs.State]int64{jobs.Cancelled: 6}})
}

func retainBusy(f *fixture) {
	var removed int64
	f.busy(60, func(int) jobs.Outcome { return succeed() }, func() {
		f.balanced()
		r, err := f.archive.Retain(f.ctx(), atMost(jobs.Succeeded, 3))
		if err != nil {
			f.t.Errorf("retain: %v", err)
		}
		removed += r.Removed[jobs.Succeeded]
	})
	f.forget(jobs.Retained{Removed: map[jobs.State]int64{jobs.Succeeded: removed}})
	f.retain(atMost(jobs.Succeeded, 3))
	f.same("left", 3, len(f.ids))
}

func retainInvalid(f *fixture) {
	f.bring(jobs.Succeeded)
	f.submit()
	for name, keep := range map[string]jobs.Retention{
		"an age of nothing":    age(jobs.Succeeded, 0),
		"a negative age":       age(jobs.Succeeded, -time.Second),
		"a negative count":     atMost(jobs.Failed, -1),
		"the age of a live":    age(jobs.Queued, time.Hour),
		"the count of a live":  atMost(jobs.InReview, 5),
		"the age of no state":  age("gone", time.Hour),
		"the count of nothing": atMost("", 0),
	} {
		keep.MaxCount = merged(keep.MaxCount, jobs.Succeeded)
		_, err := f.archive.Retain(f.ctx(), keep)
		f.wantKind(name, err, jobs.ErrInvalid)
	}
	f.same("states", map[jobs.State]int64{jobs.Succeeded: 1, jobs.Queued: 1}, f.stats().States)
}

// merged adds to a retention by count a state of which none is kept.
func merged(counts map[jobs.State]int64, s jobs.State) map[jobs.State]int64 {
	all := map[jobs.State]int64{s: 0}
	maps.Copy(all, counts)
	return all
}
