package jobstest

import (
	"bytes"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func eraseBehaviours() []behaviour {
	return []behaviour{
		{name: "an erased job leaves a tombstone", test: eraseTombstone},
		{name: "history and ledger outlive the document", test: eraseKeepsLedger},
		{name: "an erased job has no document", test: eraseDocument},
		{name: "a live job is not erased", test: eraseLive},
		{name: "an erased job stays erased", test: eraseFinal},
		{name: "an erased job answers replays", policy: jobs.Policy{KeyTTL: time.Hour}, test: eraseReplays},
		{name: "bytes that others share stay", test: eraseShared},
		{name: "an outcome repeated answers the tombstone", test: eraseOutcome},
		{name: "an erased job is listed without what it lost", test: eraseListed},
	}
}

func eraseTombstone(f *fixture) {
	whole := func(s *jobs.Submission) {
		s.Spec = jobs.Spec{SchemaJSON: []byte(`{"type":"object"}`), Risk: jobs.RiskHigh, MaxTier: 3}
		s.Labels = map[string]string{"patient": "Ada"}
		s.Key, s.Batch, s.Parent = "k_"+string(s.ID), "batch_1", "job_0"
	}
	for _, from := range []jobs.State{jobs.Succeeded, jobs.Failed, jobs.Expired, jobs.Cancelled} {
		want := f.bring(from, whole)
		f.clock.Advance(time.Second)
		now := f.clock.Now()
		c := erase(want.ID)
		c.Actor, c.Reason = "ops", "on request"
		got := f.apply(c)
		want.State, want.Version, want.UpdatedAt = jobs.Erased, want.Version+1, now
		want.Result, want.Labels, want.Spec.SchemaJSON, want.Document = nil, nil, nil, jobs.Document{}
		f.same("the answer from "+string(from), want, got)
		f.same("the stored job", want, f.get(want.ID))
		events := f.history(want.ID)
		f.same("the event", jobs.Event{
			Job: want.ID, Tenant: "acme", Version: want.Version, Type: jobs.EventErased, At: now, State: jobs.Erased,
			Lane: want.Lane, Generation: 1, Tier: want.Tier, Reason: "on request", Actor: "ops",
		}, events[len(events)-1])
		if (from == jobs.Failed) != (got.Failure != nil && got.Failure.Class == "corrupt") {
			f.t.Errorf("the failure of a job that was %s: %+v", from, got.Failure)
		}
	}
}

func eraseKeepsLedger(f *fixture) {
	j := f.submit()
	now := f.clock.Now()
	l := f.lendOne()
	o := fail()
	o.Attempts = []jobs.Attempt{closed(call(1, now), now)}
	f.finish(l, o)
	f.apply(requeue(j.ID))
	o = succeed()
	o.Attempts = []jobs.Attempt{closed(call(1, now), now), closed(call(2, now), now)}
	f.finish(f.lendOne(), o)
	rows, events := f.attempts(j.ID), f.history(j.ID)
	f.apply(erase(j.ID))
	f.same("the ledger", rows, f.attempts(j.ID))
	f.same("the history before", events, f.history(j.ID)[:len(events)])
	if len(rows) != 3 || len(f.history(j.ID)) != len(events)+1 {
		f.t.Errorf("%d attempts and %d events", len(rows), len(events))
	}
}

func eraseDocument(f *fixture) {
	for _, size := range []int{0, 10, 100 << 10} {
		s := f.submission()
		withBody(&s, make([]byte, size))
		f.accept(s)
		f.apply(cancel(s.ID))
		f.apply(erase(s.ID))
		for _, who := range []string{"", "acme", "globex"} {
			data, err := f.Document(f.ctx(), who, s.ID)
			f.wantKind("the document for "+who, err, jobs.ErrNotFound)
			if len(data) != 0 {
				f.t.Errorf("%d bytes of %d are left", len(data), size)
			}
		}
	}
}

func eraseLive(f *fixture) {
	for _, s := range []jobs.State{jobs.Running, jobs.Parked, jobs.InReview, jobs.Queued} {
		j := f.bring(s)
		f.refuses(erase(j.ID))
		if data, err := f.Document(f.ctx(), "acme", j.ID); err != nil || len(data) == 0 {
			f.t.Errorf("the document of a job that is %s: %d bytes, %v", s, len(data), err)
		}
	}
}

func eraseFinal(f *fixture) {
	j := f.bring(jobs.Erased)
	f.clock.Advance(time.Hour)
	f.ignores(erase(j.ID))
	for _, c := range f.commands(j.ID) {
		if c.Kind != jobs.Erase {
			f.refuses(c)
		}
	}
	c := erase(j.ID)
	c.Version = j.Version - 1
	f.refuses(c)
	c.Tenant = "globex"
	_, err := f.Apply(f.ctx(), c)
	f.wantKind("by another tenant", err, jobs.ErrNotFound)
	f.same("a sweep", jobs.Swept{}, f.sweep())
	f.lendsNone()
}

func eraseReplays(f *fixture) {
	s := f.submission(key("k"))
	f.accept(s)
	f.apply(cancel(s.ID))
	want := f.apply(erase(s.ID))
	byKey, byID := f.submission(key("k")), s
	byKey.Fingerprint, byID.Key = s.Fingerprint, ""
	for i, a := range f.answers(byKey, byID) {
		if a.Status != jobs.Existing {
			f.t.Errorf("replay %d is %s", i, a.Status)
		}
		f.same("the job", want, a.Job)
	}
	f.same("other payloads", []jobs.AcceptStatus{jobs.KeyReused}, f.statuses(f.submission(key("k"))))
	j, err := f.ByKey(f.ctx(), "acme", "k")
	if err != nil {
		f.t.Fatalf("by key: %v", err)
	}
	f.same("by key", want, j)
	f.clock.Advance(time.Hour)
	_, err = f.ByKey(f.ctx(), "acme", "k")
	f.wantKind("a key that is no longer kept", err, jobs.ErrNotFound)
	f.same("the key anew", []jobs.AcceptStatus{jobs.Created}, f.statuses(byKey))
}

func eraseShared(f *fixture) {
	for _, size := range []int{10, 100 << 10} {
		body := bytes.Repeat([]byte("x"), size)
		var ids []jobs.ID
		share := func() {
			s := f.submission()
			withBody(&s, body)
			f.accept(s)
			f.apply(cancel(s.ID))
			ids = append(ids, s.ID)
		}
		readable := func(id jobs.ID) {
			f.t.Helper()
			if data, err := f.Document(f.ctx(), "acme", id); err != nil || !bytes.Equal(data, body) {
				f.t.Errorf("a document of %d bytes that was shared: %d bytes, %v", size, len(data), err)
			}
		}
		share()
		share()
		share()
		f.apply(erase(ids[0]))
		readable(ids[1])
		f.apply(erase(ids[1]))
		readable(ids[2])
		f.apply(erase(ids[2]))
		share() // the same bytes come again
		readable(ids[3])
	}
}

func eraseOutcome(f *fixture) {
	f.submit()
	l := f.lendOne()
	f.finish(l, succeed())
	want := f.apply(erase(l.Job.ID))
	f.unchanged(l.Job.ID, func() {
		f.same("the answer", want, f.finish(l, succeed()))
		f.wantKind("an attempt", f.PutAttempts(f.ctx(), l.Lease, call(1, f.clock.Now())), jobs.ErrStaleLease)
	})
	if f.extend(l, time.Minute).Held {
		f.t.Error("its lease is held")
	}
}

func eraseListed(f *fixture) {
	labels := map[string]string{"a": "1"}
	kept, erased := f.bring(jobs.Failed, labelled(labels), batch("b")), f.bring(jobs.Failed, labelled(labels), batch("b"))
	want := f.apply(erase(erased.ID))
	f.same("the listed job", want, f.listed(erased.ID))
	for name, c := range map[string]struct {
		filter jobs.Filter
		want   []jobs.ID
	}{
		"state":  {jobs.Filter{States: []jobs.State{jobs.Erased}}, []jobs.ID{erased.ID}},
		"before": {jobs.Filter{States: []jobs.State{jobs.Failed}}, []jobs.ID{kept.ID}},
		"label":  {jobs.Filter{Labels: labels}, []jobs.ID{kept.ID}},
		"batch":  {jobs.Filter{Batch: "b"}, []jobs.ID{erased.ID, kept.ID}},
		"class":  {jobs.Filter{Classes: []jobs.Class{"corrupt"}}, []jobs.ID{erased.ID, kept.ID}},
		"schema": {jobs.Filter{Schema: "invoice@1", Tenant: "acme"}, []jobs.ID{erased.ID, kept.ID}},
	} {
		f.same(name, c.want, f.list(c.filter, jobs.Page{}))
	}
}
