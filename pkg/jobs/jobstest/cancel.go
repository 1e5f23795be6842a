package jobstest

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func cancelBehaviours() []behaviour {
	return []behaviour{
		{name: "a job without a holder is cancelled at once", test: cancelAtOnce},
		{name: "a running job is told to stop and stays with its holder", test: cancelAsks},
		{name: "a cancellation repeated changes nothing", test: cancelRepeated},
		{name: "a job that ended otherwise cannot be cancelled", test: cancelEnded},
		{name: "a result or a failure stands against a cancellation", test: cancelLoses},
		{name: "any other outcome gives way to a cancellation", test: cancelWins},
		{name: "an outcome that gives way still writes attempts and records", test: cancelWrites},
		{name: "a told job whose holder is lost is cancelled", test: cancelHolderLost},
		{name: "a told job that runs past the backstop is cancelled", test: cancelBackstop},
		{name: "a cancelled job is not lent", test: cancelNotLent},
		{name: "a cancelled job frees its permit", test: cancelFreesPermit},
	}
}

func cancel(id jobs.ID) jobs.Command {
	return jobs.Command{Kind: jobs.Cancel, Job: id, Actor: "key_1", Reason: "sent twice"}
}

func cancelAtOnce(f *fixture) {
	for _, from := range []jobs.State{jobs.Queued, jobs.Parked, jobs.InReview} {
		want := f.bring(from, tenant(string("t_"+from)))
		f.clock.Advance(time.Second)
		now := f.clock.Now()
		want.State, want.EndedAt, want.UpdatedAt, want.CancelReason = jobs.Cancelled, now, now, "sent twice"
		want.Version++
		want.ParkedUntil, want.Gate, want.Reason, want.Review = time.Time{}, "", "", nil
		f.same("the answer from "+string(from), want, f.apply(cancel(want.ID)))
		f.same("the stored job", want, f.get(want.ID))
		events := f.history(want.ID)
		f.same("the event", jobs.Event{
			Job: want.ID, Tenant: want.Tenant, Version: want.Version, Type: jobs.EventCancelled, At: now,
			State: jobs.Cancelled, Lane: jobs.Standard, Generation: 1, Tier: want.Tier, Reason: "sent twice", Actor: "key_1",
		}, events[len(events)-1])
	}
	f.clock.Advance(time.Hour)
	f.same("a sweep later", jobs.Swept{}, f.sweep())
}

func cancelAsks(f *fixture) {
	want := f.bring(jobs.Running)
	l := loanOf(want)
	want.Version, want.CancelAsked, want.CancelReason = 3, true, "sent twice"
	f.same("the answer", want, f.apply(cancel(want.ID)))
	f.same("the stored job", want, f.get(want.ID))
	f.putAttempts(l, closed(call(1, f.clock.Now()), f.clock.Now()))

	done := f.finish(l, jobs.Outcome{Kind: jobs.Stopped})
	if done.State != jobs.Cancelled || done.CancelAsked || done.CancelReason != "sent twice" {
		f.t.Errorf("a stopped job is %s, asked %t, reason %q", done.State, done.CancelAsked, done.CancelReason)
	}
	want2 := []jobs.EventType{jobs.EventQueued, jobs.EventStarted, jobs.EventCancelAsked, jobs.EventCancelled}
	f.same("the history", want2, f.types(want.ID))
}

func cancelRepeated(f *fixture) {
	for _, from := range []jobs.State{jobs.Cancelled, jobs.Running} {
		j := f.bring(from)
		again := cancel(j.ID)
		again.Reason = "another reason"
		if from == jobs.Running {
			j = f.apply(cancel(j.ID))
		}
		f.unchanged(j.ID, func() { f.same("the answer to a repeat", j, f.apply(again)) })
	}
}

func cancelEnded(f *fixture) {
	for _, from := range []jobs.State{jobs.Succeeded, jobs.Failed, jobs.Expired} {
		j := f.bring(from)
		f.unchanged(j.ID, func() {
			_, err := f.Apply(f.ctx(), cancel(j.ID))
			f.wantKind(string(from), err, jobs.ErrConflict)
		})
	}
}

func cancelLoses(f *fixture) {
	for want, o := range map[jobs.State]jobs.Outcome{jobs.Succeeded: succeed(), jobs.Failed: fail()} {
		l := loanOf(f.bring(jobs.Running))
		f.apply(cancel(l.Job.ID))
		done := f.finish(l, o)
		if done.State != want || done.CancelAsked || done.CancelReason != "" {
			f.t.Errorf("outcome %s: the job is %s, asked %t, reason %q", o.Kind, done.State, done.CancelAsked, done.CancelReason)
		}
	}
}

func cancelWins(f *fixture) {
	for _, o := range []jobs.Outcome{review(), park(f.clock.Now().Add(time.Minute)), release(), {Kind: jobs.Stopped}} {
		l := loanOf(f.bring(jobs.Running))
		f.apply(cancel(l.Job.ID))
		done := f.finish(l, o)
		if done.State != jobs.Cancelled || done.Review != nil || done.Reason != "" || done.CancelReason != "sent twice" {
			f.t.Errorf("outcome %s: the job is %s, reason %q, review %v", o.Kind, done.State, done.Reason, done.Review)
		}
		f.unchanged(l.Job.ID, func() { f.same("the outcome again", done, f.finish(l, o)) })
	}
}

func cancelWrites(f *fixture) {
	l := loanOf(f.bring(jobs.Running))
	f.apply(cancel(l.Job.ID))
	o := release()
	o.Attempts = []jobs.Attempt{call(1, f.clock.Now())}
	o.Writes = []jobs.Write{{Record: jobs.Record{Kind: "k", ID: "r"}}}
	f.finish(l, o)
	if n := len(f.attempts(l.Job.ID)); n != 1 {
		f.t.Errorf("%d attempts, want 1", n)
	}
	f.record("k", "r")
}

func cancelHolderLost(f *fixture) {
	j := f.bring(jobs.Running)
	f.apply(cancel(j.ID))
	f.clock.Advance(jobs.DefaultLease)
	f.same("a sweep", jobs.Swept{Reaped: 1}, f.sweep())
	f.state(j.ID, jobs.Cancelled)
	f.unchanged(j.ID, func() { f.refused(loanOf(j)) })
}

func cancelBackstop(f *fixture) {
	l := loanOf(f.bring(jobs.Running))
	f.apply(cancel(l.Job.ID))
	f.extend(l, 2*time.Hour)
	f.clock.Advance(time.Hour + jobs.Backstop)
	f.same("a sweep", jobs.Swept{Backstopped: 1}, f.sweep())
	f.state(l.Job.ID, jobs.Cancelled)
}

func cancelNotLent(f *fixture) {
	ids := f.submitMany(3)
	f.apply(cancel(ids[1]))
	f.same("lent", []jobs.ID{ids[0], ids[2]}, f.lendAll())
}

func cancelFreesPermit(f *fixture) {
	f.bulkheads(jobs.Bulkhead{Tenant: "acme", MaxRunning: 1})
	l := loanOf(f.bring(jobs.Running))
	next := f.submit()
	f.apply(cancel(l.Job.ID))
	f.lendsNone()
	f.finish(l, jobs.Outcome{Kind: jobs.Stopped})
	f.same("lent", []jobs.ID{next.ID}, f.lendAll())
}
