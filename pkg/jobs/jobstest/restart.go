package jobstest

import (
	"crypto/sha256"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// restartBehaviours are those of persistent engines, each after a close and
// after a crash.
func restartBehaviours(f Features) []behaviour {
	both := []struct {
		name    string
		restart func(*fixture)
	}{
		{" after a close", (*fixture).reopen},
		{" after a crash", (*fixture).crash},
	}
	var all []behaviour
	for _, r := range both {
		add := func(name string, p jobs.Policy, test func(f *fixture, restart func())) {
			all = append(all, behaviour{name: name + r.name, policy: p, test: func(f *fixture) {
				test(f, func() { r.restart(f) })
			}})
		}
		add("everything that was answered is there", jobs.Policy{}, restartKeeps)
		add("queued jobs are lent in order", jobs.Policy{}, restartOrder)
		add("tokens do not repeat", jobs.Policy{}, restartTokens)
		add("running jobs come back", jobs.Policy{}, restartRunning)
		add("a running job told to stop is not run again", jobs.Policy{}, restartCancelAsked)
		add("loans that ended with the store count", jobs.Policy{MaxLoans: 2}, restartCrashLoop)
		add("attempts left open are lost", jobs.Policy{}, restartMarksLost)
		add("keys and IDs are kept", jobs.Policy{KeyTTL: time.Hour}, restartKeys)
		add("an outcome repeated is recognised", jobs.Policy{}, restartRepeats)
		add("what waits is woken and expires", jobs.Policy{}, restartDue)
		restartArchive(add)
	}
	return all
}

// everything is all that an engine answers about its jobs and records.
type everything struct {
	Jobs      []jobs.Job
	Documents [][sha256.Size]byte
	Attempts  [][]jobs.Attempt
	Events    [][]jobs.Event
	Records   []jobs.Record
	Stats     jobs.Stats
	Groups    []jobs.Group
	Spent     int64
}

func (f *fixture) everything() everything {
	f.t.Helper()
	var all everything
	for _, id := range f.ids {
		j := f.get(id)
		document, err := f.Document(f.ctx(), "", id)
		if err != nil && j.State != jobs.Erased {
			f.t.Fatalf("document: %v", err)
		}
		all.Jobs = append(all.Jobs, j)
		all.Documents = append(all.Documents, sha256.Sum256(document))
		all.Attempts = append(all.Attempts, f.attempts(id))
		all.Events = append(all.Events, f.history(id))
	}
	var err error
	if all.Records, err = f.Records().List(f.ctx(), jobs.RecordQuery{Kind: "k", Index: "a", Value: "1"}); err != nil {
		f.t.Fatalf("list records: %v", err)
	}
	all.Stats = f.stats()
	all.Stats.Slots, all.Stats.Workers = 0, 0
	for i := range all.Stats.Queues {
		all.Stats.Queues[i].Service = 0 // is of one opening
	}
	all.Groups, all.Spent = f.groups(jobs.Filter{}), f.spent("acme", f.clock.Now())
	return all
}

func restartKeeps(f *fixture, restart func()) {
	for _, s := range []jobs.State{jobs.Parked, jobs.InReview, jobs.Succeeded, jobs.Failed, jobs.Expired, jobs.Cancelled} {
		f.bring(s)
	}
	f.archived()
	large := f.submission()
	withBody(&large, make([]byte, 100<<10))
	f.accept(large)
	l := f.lendOne()
	o := fail()
	o.Attempts = []jobs.Attempt{closed(call(1, f.clock.Now()), f.clock.Now())}
	o.Writes = []jobs.Write{{Record: jobs.Record{Kind: "k", ID: "r", Index: map[string]string{"a": "1"}, Value: []byte("v")}}}
	f.finish(l, o)
	f.apply(jobs.Command{Kind: jobs.Requeue, Job: l.Job.ID, Actor: "ops"})
	f.put(jobs.Record{Kind: "k", ID: "s", Index: map[string]string{"a": "1"}})
	before := f.everything()
	for range 3 {
		f.clock.Advance(time.Millisecond)
		restart()
		before.Stats.At = f.clock.Now()
		f.same("everything", before, f.everything())
		f.judge()
	}
}

func restartOrder(f *fixture, restart func()) {
	ids := f.submitMany(5)
	first := f.lendOne()
	f.finish(first, release())
	f.apply(move(ids[3], jobs.Batch))
	f.apply(move(ids[3], jobs.Standard))
	failed := f.lendOne()
	f.finish(failed, fail())
	f.apply(jobs.Command{Kind: jobs.Requeue, Job: failed.Job.ID})
	restart()
	last := f.submit().ID
	want := append(append([]jobs.ID{}, ids[1:]...), ids[0], last)
	f.same("lent", want, f.lendAll())
}

func restartTokens(f *fixture, restart func()) {
	seen := make(map[jobs.Token]bool)
	j := f.submit()
	for range 5 {
		for range 3 {
			l := f.lendOne()
			if seen[l.Lease.Token] || l.Lease.Token <= 0 || l.Lease.Token >= 1<<53 {
				f.t.Fatalf("token %d was used before or is out of range", l.Lease.Token)
			}
			seen[l.Lease.Token] = true
			f.finish(l, release())
		}
		restart()
	}
	f.state(j.ID, jobs.Queued)
}

func restartRunning(f *fixture, restart func()) {
	ids := f.submitMany(3)
	loans := f.lend(2)
	f.extend(loans[1], time.Hour)
	f.clock.Advance(time.Minute)
	restart()
	if f.h.Features.HoldersDieWithStore {
		for _, l := range loans {
			j := f.state(l.Job.ID, jobs.Queued)
			if j.Reason != "lease_ended" || j.Version != 3 || !j.UpdatedAt.Equal(f.clock.Now()) {
				f.t.Errorf("a job taken back at the start: %+v", j)
			}
			f.unchanged(l.Job.ID, func() { f.refused(l) })
		}
		f.same("lent", ids, f.lendAll())
		return
	}
	// Their holders may live. Each lease gets another period, however long the
	// store was away.
	f.same("a sweep after the start", jobs.Swept{}, f.sweep())
	f.finish(loans[0], succeed())
	f.clock.Advance(jobs.DefaultLease)
	f.same("a sweep after a period", jobs.Swept{Reaped: 1}, f.sweep())
	f.unchanged(loans[1].Job.ID, func() { f.refused(loans[1]) })
	f.same("lent", ids[1:], f.lendAll())
}

// endHolders ends what runs the way a restart does.
func (f *fixture) endHolders(restart func()) {
	f.t.Helper()
	restart()
	if !f.h.Features.HoldersDieWithStore {
		f.clock.Advance(jobs.DefaultLease)
		f.sweep()
	}
}

func restartCancelAsked(f *fixture, restart func()) {
	j := f.bring(jobs.Running)
	f.apply(cancel(j.ID))
	f.endHolders(restart)
	f.state(j.ID, jobs.Cancelled)
	f.lendsNone()
}

func restartCrashLoop(f *fixture, restart func()) {
	j := f.submit()
	for range 2 {
		f.lendOne()
		f.endHolders(restart)
	}
	if got := f.state(j.ID, jobs.Failed); got.Failure == nil || got.Failure.Class != jobs.ClassCrashedWorkers {
		f.t.Errorf("the failure is %+v", got.Failure)
	}
}

func restartMarksLost(f *fixture, restart func()) {
	f.submit()
	f.putAttempts(f.lendOne(), call(1, f.clock.Now()))
	f.endHolders(restart)
	l := f.lendOne()
	if len(l.Attempts) != 1 || l.Attempts[0].Outcome != jobs.AttemptLost || l.Attempts[0].Billed != jobs.BilledMaybe {
		f.t.Errorf("the ledger is %+v", l.Attempts)
	}
	restart()
	f.same("the stored ledger", l.Attempts, f.attempts(l.Job.ID))
}

func restartKeys(f *fixture, restart func()) {
	s := f.submission(key("k"))
	f.accept(s)
	replay := f.submission(key("k"))
	replay.Fingerprint = s.Fingerprint
	plain := s
	plain.Key = ""
	f.clock.Advance(time.Hour - time.Millisecond)
	restart()
	want := []jobs.AcceptStatus{jobs.Existing, jobs.Existing, jobs.KeyReused}
	f.same("statuses", want, f.statuses(replay, plain, f.submission(key("k"))))
	if j, err := f.ByKey(f.ctx(), "acme", "k"); err != nil || j.ID != s.ID {
		f.t.Errorf("by key: %s, %v", j.ID, err)
	}
	f.clock.Advance(time.Millisecond)
	f.same("statuses later", []jobs.AcceptStatus{jobs.Created}, f.statuses(replay))
	restart()
	if j, err := f.ByKey(f.ctx(), "acme", "k"); err != nil || j.ID != replay.ID {
		f.t.Errorf("by key used anew: %s, %v", j.ID, err)
	}
}

func restartRepeats(f *fixture, restart func()) {
	f.submit()
	l := f.lendOne()
	o := succeed()
	o.Writes = []jobs.Write{{Record: jobs.Record{Kind: "k", ID: "r"}}}
	done := f.finish(l, o)
	restart()
	f.unchanged(l.Job.ID, func() { f.same("the answer", done, f.finish(l, o)) })
}

func restartDue(f *fixture, restart func()) {
	parked := f.bring(jobs.Parked)
	f.submit(due(30 * time.Second))
	running := f.submit(due(time.Minute))
	restart()
	f.clock.Advance(30 * time.Second)
	f.same("a sweep at the deadline", jobs.Swept{Expired: 1}, f.sweep())
	if l := f.lendOne(); l.Job.ID != running.ID {
		f.t.Fatalf("lent %s, want %s", l.Job.ID, running.ID)
	}
	f.clock.Advance(30*time.Second - time.Millisecond)
	f.same("a sweep before its time", jobs.Swept{}, f.sweep())
	f.clock.Advance(time.Millisecond)
	f.same("a sweep at its time", jobs.Swept{Reaped: 1, Woken: 1, Expired: 1}, f.sweep())
	f.same("lent", []jobs.ID{parked.ID}, f.lendAll())
}
