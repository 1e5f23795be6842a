package jobstest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func acceptBehaviours() []behaviour {
	return []behaviour{
		{name: "a created job carries all of its submission", test: acceptCarriesAll},
		{name: "the engine keeps copies of what it is given and gives", test: acceptCopies},
		{name: "an empty group has no answers", test: func(f *fixture) { f.answers() }},
		{name: "a group is answered in order, each after those before it", test: acceptGroup},
		{name: "a key repeated answers the first job as it is now", test: acceptReplay},
		{name: "a key with another payload makes no job", test: acceptKeyReused},
		{name: "a key belongs to its tenant", test: acceptKeyPerTenant},
		{name: "a key is kept for its time from the first use", policy: jobs.Policy{KeyTTL: time.Hour}, test: acceptKeyExpires},
		{name: "an ID repeated answers its job", test: acceptSameID},
		{name: "a key is asked before an ID", test: acceptKeyBeforeID},
		{name: "fifty submissions of one key at once make one job", test: acceptConcurrentKey},
		{name: "fifty submissions of one ID at once make one job", test: acceptConcurrentID},
		{name: "a tenant is full by queued and parked jobs", test: acceptTenantFull},
		{name: "limits count within a group", test: acceptFullInGroup},
		{name: "an engine is full by queued and parked jobs", policy: jobs.Policy{MaxWaiting: 3}, test: acceptEngineFull},
		{name: "what goes back to a queue may exceed the limits", policy: jobs.Policy{MaxWaiting: 1}, test: acceptLimitsBoundIntake},
		{name: "one invalid submission refuses the whole group", test: acceptInvalid},
		{name: "a key is found while it is kept", policy: jobs.Policy{KeyTTL: time.Hour}, test: acceptByKey},
	}
}

func acceptCarriesAll(f *fixture) {
	now := f.clock.Now()
	parent := f.submit()
	s := f.submission(tenant("globex"), lane(jobs.Interactive), key("a key, with ~punctuation~"))
	s.Parent = parent.ID
	s.Spec = jobs.Spec{
		SchemaJSON: []byte(`{"type":"object","minProperties":1}`), Risk: jobs.RiskHigh,
		RequireFull: true, MaxTier: 3, MaxCostMicroUSD: 1500,
	}
	s.Labels = map[string]string{"team": "Zoë & Co", "empty": ""}
	s.Admission = jobs.Admission{Mode: jobs.AdmitDegraded, Reason: "busy", TierStart: 2}
	s.DeadlineAt = now.Add(time.Hour + 1234567).In(time.FixedZone("elsewhere", 3600))
	s.Cost = 1500*time.Millisecond + 999*time.Microsecond
	made := f.accept(s)[0]

	want := jobs.Job{
		ID: s.ID, Tenant: "globex", Lane: jobs.Interactive, State: jobs.Queued, Version: 1, Generation: 1,
		Spec: s.Spec, Labels: s.Labels, Document: s.Document, Key: s.Key, Fingerprint: s.Fingerprint,
		Parent: parent.ID, Admission: s.Admission, Cost: 1500 * time.Millisecond, Seq: made.Seq,
		AcceptedAt: now, EnqueuedAt: now, UpdatedAt: now, DeadlineAt: now.Add(time.Hour + time.Millisecond),
	}
	f.same("the created job", want, made)
	f.same("the stored job", want, f.get(s.ID))
	if made.Seq <= parent.Seq {
		f.t.Errorf("the second job has seq %d, the first %d", made.Seq, parent.Seq)
	}
	if made.DeadlineAt.Location() != time.UTC {
		f.t.Errorf("the deadline is in %s, want UTC", made.DeadlineAt.Location())
	}
	f.same("its history", []jobs.Event{{
		Job: s.ID, Tenant: "globex", Version: 1, Type: jobs.EventQueued, At: now, State: jobs.Queued,
		Lane: jobs.Interactive, Generation: 1, Reason: "busy",
	}}, f.history(s.ID))
	f.same("its ledger", []jobs.Attempt(nil), f.attempts(s.ID))

	s = f.submission()
	s.Cost = 0
	if got := f.accept(s)[0].Cost; got != time.Millisecond {
		f.t.Errorf("a job without an estimate costs %s, want 1ms", got)
	}
}

func acceptCopies(f *fixture) {
	s := f.submission()
	s.Labels = map[string]string{"a": "1"}
	body := string(s.Body)
	made := f.accept(s)[0]
	s.Labels["a"] = "2"
	s.Body[0] = 'X'
	made.Labels["a"] = "3"
	f.get(s.ID).Labels["a"] = "4"
	f.same("labels", map[string]string{"a": "1"}, f.get(s.ID).Labels)
	got, err := f.Document(f.ctx(), "", s.ID)
	if err != nil || string(got) != body {
		f.t.Errorf("document: got %q, %v; want %q", got, err, body)
	}

	l := f.lendOne()
	o := succeed()
	done := f.finish(l, o)
	o.Result.Data[0], o.Result.Fields["/total"].Citations[0].Box[0] = 'X', 9
	done.Result.Data[1], done.Result.Fields["/total"].Citations[0].Text = 'Y', "forged"
	f.same("the result", result(), f.get(s.ID).Result)
}

func acceptGroup(f *fixture) {
	known := f.submit(key("known"))
	first := f.submission(key("new"))
	again := f.submission(key("new"))
	again.Fingerprint = first.Fingerprint
	twin := first
	twin.Key = ""
	other := f.submission(key("new"))
	replay := f.submission(key("known"))
	replay.Fingerprint = known.Fingerprint
	last := f.submission()

	as := f.answers(first, again, twin, other, replay, last)
	want := []jobs.Acceptance{
		{Status: jobs.Created, Job: jobs.Job{ID: first.ID}},
		{Status: jobs.Existing, Job: jobs.Job{ID: first.ID}},
		{Status: jobs.Existing, Job: jobs.Job{ID: first.ID}},
		{Status: jobs.KeyReused},
		{Status: jobs.Existing, Job: jobs.Job{ID: known.ID}},
		{Status: jobs.Created, Job: jobs.Job{ID: last.ID}},
	}
	for i := range as {
		as[i].Job = jobs.Job{ID: as[i].Job.ID}
	}
	f.same("the answers", want, as)
}

func acceptReplay(f *fixture) {
	s := f.submission(key("k"))
	s.Admission = jobs.Admission{Mode: jobs.AdmitDegraded, Reason: "busy"}
	f.accept(s)
	f.finish(f.lendOne(), succeed())

	replay := f.submission(key("k"), lane(jobs.Batch))
	replay.Fingerprint = s.Fingerprint
	replay.Admission = jobs.Admission{Mode: jobs.AdmitNormal}
	a := f.answers(replay)[0]
	if a.Status != jobs.Existing {
		f.t.Fatalf("a replay is %s", a.Status)
	}
	f.same("the job of a replay", f.get(s.ID), a.Job)
	if a.Job.State != jobs.Succeeded || a.Job.Admission != s.Admission {
		f.t.Errorf("a replay answers %s with admission %+v", a.Job.State, a.Job.Admission)
	}
	if got := f.list(jobs.Filter{}, jobs.Page{}); len(got) != 1 {
		f.t.Errorf("there are %d jobs, want 1", len(got))
	}
}

func acceptKeyReused(f *fixture) {
	f.submit(key("k"))
	s := f.submission(key("k"))
	f.same("statuses", []jobs.AcceptStatus{jobs.KeyReused}, f.statuses(s))
	_, err := f.Get(f.ctx(), "", s.ID)
	f.wantKind("the job of a refused submission", err, jobs.ErrNotFound)
}

func acceptKeyPerTenant(f *fixture) {
	mine, theirs := f.submission(key("k")), f.submission(key("k"), tenant("globex"))
	theirs.Fingerprint = mine.Fingerprint
	f.same("statuses", []jobs.AcceptStatus{jobs.Created, jobs.Created}, f.statuses(mine, theirs))
}

func acceptKeyExpires(f *fixture) {
	first := f.submit(key("k"))
	replay := func() jobs.Acceptance {
		s := f.submission(key("k"))
		s.Fingerprint = first.Fingerprint
		return f.answers(s)[0]
	}
	f.clock.Advance(time.Hour - time.Millisecond)
	if a := replay(); a.Status != jobs.Existing {
		f.t.Fatalf("a key that is kept is %s", a.Status)
	}
	f.clock.Advance(time.Millisecond)
	second := replay()
	if second.Status != jobs.Created {
		f.t.Fatalf("a key used an hour ago and replayed since is %s, want it forgotten", second.Status)
	}
	f.clock.Advance(time.Minute)
	if a := replay(); a.Status != jobs.Existing || a.Job.ID != second.Job.ID {
		f.t.Errorf("a key used anew is %s for %s, want %s", a.Status, a.Job.ID, second.Job.ID)
	}
}

func acceptSameID(f *fixture) {
	s := f.submission()
	made := f.accept(s)[0]
	f.same("the answer to a repeat", []jobs.Acceptance{{Status: jobs.Existing, Job: made}}, f.answers(s))
	other := s
	other.Fingerprint = "another"
	foreign := s
	foreign.Tenant = "globex"
	f.same("statuses", []jobs.AcceptStatus{jobs.KeyReused, jobs.KeyReused}, f.statuses(other, foreign))
}

func acceptKeyBeforeID(f *fixture) {
	keyed, plain := f.submit(key("k")), f.submit()
	s := f.submission(key("k"))
	s.ID, s.Fingerprint = plain.ID, keyed.Fingerprint
	if a := f.answers(s)[0]; a.Status != jobs.Existing || a.Job.ID != keyed.ID {
		f.t.Errorf("got %s with %s, want the key's job %s", a.Status, a.Job.ID, keyed.ID)
	}
	// The replay of an ID under a new key is answered, and keeps no key.
	s.Key, s.Fingerprint = "new", plain.Fingerprint
	if a := f.answers(s)[0]; a.Status != jobs.Existing || a.Job.ID != plain.ID {
		f.t.Errorf("got %s with %s, want the ID's job %s", a.Status, a.Job.ID, plain.ID)
	}
	f.submit(key("new"))
}

// race accepts each of subs in a call of its own, all at once, and returns how
// many were created and the IDs of the jobs answered.
func (f *fixture) race(subs []jobs.Submission) (created int, ids map[jobs.ID]bool) {
	f.t.Helper()
	var wg sync.WaitGroup
	as := make([]jobs.Acceptance, len(subs))
	for i := range subs {
		wg.Go(func() {
			got, err := f.Accept(f.ctx(), subs[i:i+1])
			if err != nil || len(got) != 1 {
				f.t.Errorf("accept: %v, %v", got, err)
				return
			}
			as[i] = got[0]
		})
	}
	wg.Wait()
	ids = make(map[jobs.ID]bool)
	for _, a := range as {
		ids[a.Job.ID] = true
		switch a.Status {
		case jobs.Created:
			created++
			f.ids = append(f.ids, a.Job.ID)
		case jobs.Existing:
		case jobs.KeyReused, jobs.TenantFull, jobs.EngineFull:
			f.t.Errorf("a repeat is %s", a.Status)
		}
	}
	return created, ids
}

func acceptConcurrentKey(f *fixture) {
	subs := make([]jobs.Submission, 50)
	for i := range subs {
		subs[i] = f.submission(key("one"))
		subs[i].Fingerprint = "same"
	}
	if created, ids := f.race(subs); created != 1 || len(ids) != 1 {
		f.t.Errorf("%d jobs were created and %d answered, want 1 and 1", created, len(ids))
	}
}

func acceptConcurrentID(f *fixture) {
	subs := make([]jobs.Submission, 50)
	s := f.submission()
	for i := range subs {
		subs[i] = s
	}
	if created, ids := f.race(subs); created != 1 || len(ids) != 1 {
		f.t.Errorf("%d jobs were created and %d answered, want 1 and 1", created, len(ids))
	}
}

func limit(n int) func(*jobs.Submission) {
	return func(s *jobs.Submission) { s.MaxQueued = n }
}

func acceptTenantFull(f *fixture) {
	f.bring(jobs.Parked)
	f.bring(jobs.Running)
	f.bring(jobs.Succeeded)
	f.submit(limit(2), lane(jobs.Batch), key("k"))
	full := f.submission(limit(2))
	replay := f.submission(limit(2), key("k"))
	replay.Fingerprint = "print-4"
	got := f.statuses(full, replay, f.submission(limit(2), tenant("globex")), f.submission(limit(3)), f.submission())
	f.same("statuses", []jobs.AcceptStatus{jobs.TenantFull, jobs.Existing, jobs.Created, jobs.Created, jobs.Created}, got)
	_, err := f.Get(f.ctx(), "", full.ID)
	f.wantKind("the job of a refused submission", err, jobs.ErrNotFound)
}

func acceptFullInGroup(f *fixture) {
	got := f.statuses(f.submission(limit(2)), f.submission(limit(2)), f.submission(limit(2)))
	f.same("statuses", []jobs.AcceptStatus{jobs.Created, jobs.Created, jobs.TenantFull}, got)
}

func acceptEngineFull(f *fixture) {
	f.bring(jobs.Parked)
	f.bring(jobs.Running)
	f.submit()
	got := f.statuses(f.submission(tenant("globex")), f.submission(limit(2)), f.submission(limit(100)), f.submission(tenant("globex")))
	f.same("statuses", []jobs.AcceptStatus{jobs.Created, jobs.TenantFull, jobs.EngineFull, jobs.EngineFull}, got)
	f.lendOne()
	f.same("statuses after a loan", []jobs.AcceptStatus{jobs.Created, jobs.EngineFull}, f.statuses(f.submission(), f.submission()))
}

func acceptLimitsBoundIntake(f *fixture) {
	f.submit(limit(1))
	l := f.lendOne()
	f.submit()
	f.finish(l, release())
	f.state(l.Job.ID, jobs.Queued)
	f.same("statuses", []jobs.AcceptStatus{jobs.EngineFull}, f.statuses(f.submission()))
}

func acceptInvalid(f *fixture) {
	breaks := map[string]func(*jobs.Submission){
		"no ID":           func(s *jobs.Submission) { s.ID = "" },
		"ID with a slash": func(s *jobs.Submission) { s.ID = "a/b" },
		"long ID":         func(s *jobs.Submission) { s.ID = jobs.ID(strings.Repeat("x", 65)) },
		"tenant":          func(s *jobs.Submission) { s.Tenant = "a tenant" },
		"parent":          func(s *jobs.Submission) { s.Parent = "a parent" },
		"lane":            func(s *jobs.Submission) { s.Lane = jobs.NumLanes },
		"spec":            func(s *jobs.Submission) { s.Spec = jobs.Spec{} },
		"schema":          func(s *jobs.Submission) { s.Spec = jobs.Spec{SchemaJSON: []byte(`{`)} },
		"key":             func(s *jobs.Submission) { s.Key = "line\nbreak" },
		"fingerprint":     func(s *jobs.Submission) { s.Fingerprint = "" },
		"size":            func(s *jobs.Submission) { s.Document.Size++ },
		"deadline":        func(s *jobs.Submission) { s.DeadlineAt = time.Time{} },
		"cost":            func(s *jobs.Submission) { s.Cost = -1 },
		"limit":           func(s *jobs.Submission) { s.MaxQueued = -1 },
		"labels":          func(s *jobs.Submission) { s.Labels = map[string]string{"a": "\xff"} },
	}
	for name, wrong := range breaks {
		f.run(name, func() {
			good, bad := f.submission(key(fmt.Sprint("k", f.n))), f.submission(wrong)
			as, err := f.Accept(f.t.Context(), []jobs.Submission{good, bad})
			if !errors.Is(err, jobs.ErrInvalid) || as != nil {
				f.t.Errorf("got %v, %v; want ErrInvalid", as, err)
			}
			_, err = f.Get(f.t.Context(), "", good.ID)
			f.wantKind("the good job beside it", err, jobs.ErrNotFound)
		})
	}
}

func acceptByKey(f *fixture) {
	made := f.submit(key("k"))
	f.submit() // without a key
	got, err := f.ByKey(f.ctx(), "acme", "k")
	if err != nil {
		f.t.Fatalf("by key: %v", err)
	}
	f.same("the job of a key", made, got)
	for _, other := range []struct{ tenant, key string }{
		{"globex", "k"}, {"acme", "K"}, {"acme", ""}, {"", "k"}, {"", ""}, {"not a tenant", "k"}, {"acme", "no\x00key"},
	} {
		_, err := f.ByKey(f.ctx(), other.tenant, other.key)
		f.wantKind(fmt.Sprintf("key %q of %q", other.key, other.tenant), err, jobs.ErrNotFound)
	}
	f.clock.Advance(time.Hour)
	_, err = f.ByKey(f.ctx(), "acme", "k")
	f.wantKind("a key that is no longer kept", err, jobs.ErrNotFound)
}
