package jobstest

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func finishBehaviours() []behaviour {
	return []behaviour{
		{name: "each outcome moves its job", policy: jobs.Policy{ReviewDue: 10 * time.Hour}, test: finishMoves},
		{name: "an outcome repeated changes nothing", test: finishRepeated},
		{name: "an outcome repeated after the job moved on answers the job", test: finishRepeatedLater},
		{name: "a malformed outcome is refused", test: finishInvalid},
		{name: "stopped is refused when nobody asked", test: finishStopped},
		{name: "a released job goes back to the head and its loan does not count", policy: jobs.Policy{MaxLoans: 2}, test: finishReleases},
		{name: "a parked job starts its loans anew", policy: jobs.Policy{MaxLoans: 2}, test: finishParksAnew},
		{name: "record writes happen with the outcome", test: finishWrites},
		{name: "one record write that does not fit stops all of it", test: finishWritesConflict},
		{name: "record writes of one outcome see those before them", test: finishWritesInOrder},
		{name: "record writes are not done twice", test: finishWritesOnce},
	}
}

func finishMoves(f *fixture) {
	for _, c := range []struct {
		name    string
		outcome func() jobs.Outcome
		want    func(j *jobs.Job, now time.Time)
		event   jobs.Event
	}{
		{"succeed", succeed, func(j *jobs.Job, now time.Time) {
			j.State, j.Tier, j.Result, j.EndedAt = jobs.Succeeded, 1, result(), now
		}, jobs.Event{Type: jobs.EventSucceeded, Tier: 1}},
		{"fail", fail, func(j *jobs.Job, now time.Time) {
			j.State, j.Tier, j.Failure, j.EndedAt = jobs.Failed, 1, fail().Failure, now
		}, jobs.Event{Type: jobs.EventFailed, Tier: 1, Reason: "corrupt"}},
		{"review", review, func(j *jobs.Job, now time.Time) {
			j.State, j.Tier, j.Reason = jobs.InReview, 3, "all_tiers_failed"
			j.Review = &jobs.Review{Reason: j.Reason, Since: now, DueAt: now.Add(10 * time.Hour), Candidates: review().Candidates}
		}, jobs.Event{Type: jobs.EventInReview, Tier: 3, Reason: "all_tiers_failed"}},
		{"park", func() jobs.Outcome { return park(f.clock.Now().Add(time.Minute + 999)) }, func(j *jobs.Job, now time.Time) {
			j.State, j.Tier, j.Reason, j.Gate, j.Loans = jobs.Parked, 1, "gated", "primary", 0
			j.ParkedUntil = now.Add(time.Minute)
		}, jobs.Event{Type: jobs.EventParked, Tier: 1, Reason: "gated"}},
		{"release", release, func(j *jobs.Job, _ time.Time) {
			j.State, j.Reason, j.Loans = jobs.Queued, "shutdown", 0
		}, jobs.Event{Type: jobs.EventReleased, Reason: "shutdown"}},
	} {
		f.run(c.name, func() {
			f.submit()
			l := f.lendOne()
			f.clock.Advance(time.Second)
			now := f.clock.Now()
			want := l.Job
			want.Version, want.UpdatedAt = 3, now
			want.Lease = jobs.Lease{Job: l.Job.ID, Token: l.Lease.Token}
			c.want(&want, now)
			f.same("the answer", want, f.finish(l, c.outcome()))
			f.same("the stored job", want, f.get(l.Job.ID))

			ev := c.event
			ev.Job, ev.Tenant, ev.Version, ev.At, ev.State = want.ID, want.Tenant, 3, now, want.State
			ev.Lane, ev.Generation, ev.Actor = want.Lane, 1, "worker-1"
			f.same("the event", ev, f.history(l.Job.ID)[2])
			if want.State == jobs.Queued {
				f.finish(f.lendOne(), succeed()) // out of the next case's way
			}
		})
	}
}

// outcomes are one of each kind that needs nobody to ask.
func (f *fixture) outcomes() []jobs.Outcome {
	return []jobs.Outcome{succeed(), fail(), review(), park(f.clock.Now().Add(time.Minute)), release()}
}

func finishRepeated(f *fixture) {
	for i, o := range f.outcomes() {
		f.submit(tenant("t" + string(o.Kind)))
		f.bulkheads(jobs.Bulkhead{Tenant: "t" + string(o.Kind)})
		l := f.lendOne()
		first := f.finish(l, o)
		f.bulkheads(jobs.Bulkhead{Tenant: "t" + string(o.Kind), Paused: true})
		f.clock.Advance(time.Second)
		f.unchanged(l.Job.ID, func() {
			f.same("the answer to the same again", first, f.finish(l, o))
			other := f.outcomes()[(i+1)%5]
			f.same("the answer to another outcome", first, f.finish(l, other))
			f.same("the answer to stopped", first, f.finish(l, jobs.Outcome{Kind: jobs.Stopped}))
		})
	}
	f.submit()
	l := f.lendOne()
	f.apply(jobs.Command{Kind: jobs.Cancel, Job: l.Job.ID})
	first := f.finish(l, jobs.Outcome{Kind: jobs.Stopped})
	f.same("the answer to stopped again", first, f.finish(l, jobs.Outcome{Kind: jobs.Stopped}))
}

func finishRepeatedLater(f *fixture) {
	f.submit()
	l := f.lendOne()
	o := park(f.clock.Now().Add(time.Minute))
	f.finish(l, o)
	f.clock.Advance(time.Minute)
	f.sweep()
	f.unchanged(l.Job.ID, func() { f.same("the woken job", f.get(l.Job.ID), f.finish(l, o)) })
	f.apply(jobs.Command{Kind: jobs.Cancel, Job: l.Job.ID})
	f.unchanged(l.Job.ID, func() { f.same("the cancelled job", f.get(l.Job.ID), f.finish(l, o)) })

	f.submit()
	l = f.lendOne()
	f.finish(l, review())
	f.apply(jobs.Command{Kind: jobs.Complete, Job: l.Job.ID, Result: result()})
	f.unchanged(l.Job.ID, func() { f.same("the completed job", f.get(l.Job.ID), f.finish(l, review())) })
}

func finishInvalid(f *fixture) {
	f.submit()
	l := f.lendOne()
	with := func(o jobs.Outcome, change func(*jobs.Outcome)) jobs.Outcome {
		change(&o)
		return o
	}
	f.unchanged(l.Job.ID, func() {
		for name, o := range map[string]jobs.Outcome{
			"no kind":            {},
			"unknown kind":       {Kind: "vanish"},
			"no result":          {Kind: jobs.Succeed},
			"result not JSON":    {Kind: jobs.Succeed, Result: &jobs.Result{Data: []byte("{")}},
			"no failure":         {Kind: jobs.Fail},
			"no class":           {Kind: jobs.Fail, Failure: &jobs.Failure{}},
			"no reason":          {Kind: jobs.ToReview},
			"candidate not JSON": {Kind: jobs.ToReview, Reason: "r", Candidates: []jobs.Candidate{{Tier: 1, Data: []byte("}")}}},
			"no end":             {Kind: jobs.Park, Gate: "primary"},
			"tier":               with(succeed(), func(o *jobs.Outcome) { o.Tier = 5 }),
			"service":            with(succeed(), func(o *jobs.Outcome) { o.Service = -1 }),
			"write":              with(succeed(), func(o *jobs.Outcome) { o.Writes = []jobs.Write{{}} }),
			"deletion": with(succeed(), func(o *jobs.Outcome) {
				o.Writes = []jobs.Write{{Record: jobs.Record{Kind: "k", ID: "a/b"}, Delete: true}}
			}),
		} {
			_, err := f.Finish(f.ctx(), l.Lease, o)
			f.wantKind(name, err, jobs.ErrInvalid)
		}
	})
	f.finish(l, succeed())
}

func finishStopped(f *fixture) {
	f.submit()
	l := f.lendOne()
	o := jobs.Outcome{
		Kind: jobs.Stopped, Attempts: []jobs.Attempt{call(1, f.clock.Now())},
		Writes: []jobs.Write{{Record: jobs.Record{Kind: "k", ID: "r"}}},
	}
	f.unchanged(l.Job.ID, func() {
		_, err := f.Finish(f.ctx(), l.Lease, o)
		f.wantKind("stopped", err, jobs.ErrConflict)
		_, err = f.Records().Get(f.ctx(), "k", "r")
		f.wantKind("its record", err, jobs.ErrNotFound)
	})
	f.finish(l, succeed())
}

func finishReleases(f *fixture) {
	first, second := f.submit(), f.submit()
	for range 5 {
		l := f.lendOne()
		if l.Job.ID != first.ID || l.Job.Loans != 1 {
			f.t.Fatalf("lent %s with %d loans, want the released job with 1", l.Job.ID, l.Job.Loans)
		}
		f.finish(l, release())
	}
	f.same("lent", []jobs.ID{first.ID, second.ID}, f.lendAll())
}

func finishParksAnew(f *fixture) {
	first, second := f.submit(), f.submit()
	for range 5 {
		l := f.lendOne()
		if l.Job.ID != first.ID || l.Job.Loans != 1 {
			f.t.Fatalf("lent %s with %d loans, want the woken job with 1", l.Job.ID, l.Job.Loans)
		}
		f.finish(l, park(f.clock.Now().Add(time.Second)))
		f.clock.Advance(time.Second)
		f.same("a sweep", jobs.Swept{Woken: 1}, f.sweep())
	}
	f.same("lent", []jobs.ID{first.ID, second.ID}, f.lendAll())
}

func (f *fixture) put(r jobs.Record) jobs.Record {
	f.t.Helper()
	got, err := f.Records().Put(f.ctx(), r)
	if err != nil {
		f.t.Fatalf("put record %s: %v", r.ID, err)
	}
	return got
}

func (f *fixture) record(kind string, id jobs.ID) jobs.Record {
	f.t.Helper()
	r, err := f.Records().Get(f.ctx(), kind, id)
	if err != nil {
		f.t.Fatalf("get record %s: %v", id, err)
	}
	return r
}

func finishWrites(f *fixture) {
	f.put(jobs.Record{Kind: "batch", ID: "b1", Value: []byte("1")})
	f.put(jobs.Record{Kind: "batch", ID: "b2"})
	f.put(jobs.Record{Kind: "batch", ID: "b3"})
	f.submit()
	l := f.lendOne()
	f.clock.Advance(time.Second)
	o := succeed()
	o.Writes = []jobs.Write{
		{Record: jobs.Record{Kind: "delivery", ID: "d1", Index: map[string]string{"due": "now"}, Value: []byte("x")}},
		{Record: jobs.Record{Kind: "batch", ID: "b1", Version: 1, Value: []byte("2")}},
		{Record: jobs.Record{Kind: "batch", ID: "b2", Version: jobs.AnyVersion, Value: []byte("3")}},
		{Record: jobs.Record{Kind: "batch", ID: "b3", Version: 1}, Delete: true},
		{Record: jobs.Record{Kind: "batch", ID: "b4"}, Delete: true},
		{Record: jobs.Record{Kind: "batch", ID: "b5", Version: jobs.AnyVersion}, Delete: true},
		{Record: jobs.Record{Kind: "batch", ID: "b6", Version: jobs.AnyVersion}},
	}
	f.finish(l, o)
	now := f.clock.Now()
	got, err := f.Records().List(f.ctx(), jobs.RecordQuery{Kind: "batch"})
	if err != nil {
		f.t.Fatalf("list: %v", err)
	}
	f.same("the records", []jobs.Record{
		{Kind: "batch", ID: "b1", Version: 2, Value: []byte("2"), UpdatedAt: now},
		{Kind: "batch", ID: "b2", Version: 2, Value: []byte("3"), UpdatedAt: now},
		{Kind: "batch", ID: "b6", Version: 1, UpdatedAt: now},
	}, got)
	f.same("the new record", jobs.Record{
		Kind: "delivery", ID: "d1", Version: 1, Index: map[string]string{"due": "now"}, Value: []byte("x"), UpdatedAt: now,
	}, f.record("delivery", "d1"))
}

func finishWritesConflict(f *fixture) {
	before := f.put(jobs.Record{Kind: "batch", ID: "b1", Value: []byte("1")})
	gone := f.put(jobs.Record{Kind: "batch", ID: "b2"})
	f.submit()
	l := f.lendOne()
	for name, misfit := range map[string]jobs.Write{
		"old version":         {Record: jobs.Record{Kind: "batch", ID: "b1", Version: 2}},
		"made already":        {Record: jobs.Record{Kind: "batch", ID: "b1"}},
		"not there":           {Record: jobs.Record{Kind: "batch", ID: "b9", Version: 1}},
		"deletes old version": {Record: jobs.Record{Kind: "batch", ID: "b1", Version: 2}, Delete: true},
		"deletes what is not": {Record: jobs.Record{Kind: "batch", ID: "b9", Version: 3}, Delete: true},
	} {
		f.run(name, func() {
			o := succeed()
			o.Attempts = []jobs.Attempt{call(1, f.clock.Now())}
			o.Writes = []jobs.Write{
				{Record: jobs.Record{Kind: "delivery", ID: "d1"}},
				{Record: jobs.Record{Kind: "batch", ID: "b2", Version: 1}, Delete: true},
				misfit,
				{Record: jobs.Record{Kind: "delivery", ID: "d2"}},
			}
			f.unchanged(l.Job.ID, func() {
				_, err := f.Finish(f.ctx(), l.Lease, o)
				f.wantKind("the outcome", err, jobs.ErrConflict)
			})
			for _, id := range []jobs.ID{"d1", "d2"} {
				_, err := f.Records().Get(f.ctx(), "delivery", id)
				f.wantKind("a record beside it", err, jobs.ErrNotFound)
			}
			f.same("the record", before, f.record("batch", "b1"))
			f.same("the record to delete", gone, f.record("batch", "b2"))
		})
	}
	f.finish(l, succeed())
}

func finishWritesInOrder(f *fixture) {
	f.submit()
	l := f.lendOne()
	o := succeed()
	o.Writes = []jobs.Write{
		{Record: jobs.Record{Kind: "k", ID: "r", Value: []byte("1")}},
		{Record: jobs.Record{Kind: "k", ID: "r", Version: 1, Value: []byte("2")}},
		{Record: jobs.Record{Kind: "k", ID: "s"}},
		{Record: jobs.Record{Kind: "k", ID: "s", Version: 1}, Delete: true},
		{Record: jobs.Record{Kind: "k", ID: "s", Value: []byte("3")}},
	}
	f.finish(l, o)
	if r := f.record("k", "r"); r.Version != 2 || string(r.Value) != "2" {
		f.t.Errorf("a record written twice: %+v", r)
	}
	if r := f.record("k", "s"); r.Version != 1 || string(r.Value) != "3" {
		f.t.Errorf("a record made anew: %+v", r)
	}
}

func finishWritesOnce(f *fixture) {
	f.submit()
	l := f.lendOne()
	o := succeed()
	o.Writes = []jobs.Write{{Record: jobs.Record{Kind: "k", ID: "r", Version: jobs.AnyVersion}}}
	for range 3 {
		f.finish(l, o)
	}
	if v := f.record("k", "r").Version; v != 1 {
		f.t.Errorf("the record of an outcome repeated has version %d, want 1", v)
	}
}
