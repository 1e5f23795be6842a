package jobstest

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func leaseBehaviours() []behaviour {
	return []behaviour{
		{name: "a lease is extended from now and changes no version", test: leaseExtends},
		{name: "leases are answered in order", test: leaseOrder},
		{name: "an extension must be positive", test: leaseInvalid},
		{name: "an extension may end a lease sooner", test: leaseShortens},
		{name: "an extension tells of a cancellation", test: leaseTellsCancel},
		{name: "a late holder goes on until its loan is taken back", test: leaseLate},
		{name: "a holder whose loan was taken back is refused", test: leaseTakenBack},
		{name: "a holder whose job was lent again is refused", test: leaseLentAgain},
		{name: "a holder that settled may not write", test: leaseSettled},
		{name: "a lease that was never given is refused", test: leaseForged},
		{name: "a holder is refused once the job runs anew", test: leaseRerun},
	}
}

func leaseExtends(f *fixture) {
	f.submit()
	l := f.lendOne()
	f.unchanged(l.Job.ID, func() {
		for range 5 {
			f.clock.Advance(jobs.DefaultLease - time.Millisecond)
			want := jobs.LeaseState{Held: true, Until: f.clock.Now().Add(jobs.DefaultLease)}
			f.same("the extension", want, f.extend(l, jobs.DefaultLease))
			f.same("a sweep", jobs.Swept{}, f.sweep())
		}
	})
	f.clock.Advance(jobs.DefaultLease)
	f.same("a sweep at its end", jobs.Swept{Reaped: 1}, f.sweep())
}

func leaseOrder(f *fixture) {
	f.submitMany(3)
	loans := f.lend(3)
	f.finish(loans[1], succeed())
	leases := []jobs.Lease{loans[2].Lease, loans[1].Lease, {Job: "unknown", Token: 1}, loans[0].Lease}
	got, err := f.Extend(f.ctx(), leases, time.Minute)
	if err != nil {
		f.t.Fatalf("extend: %v", err)
	}
	held := jobs.LeaseState{Held: true, Until: f.clock.Now().Add(time.Minute)}
	f.same("the answers", []jobs.LeaseState{held, {}, {}, held}, got)
	if got, err := f.Extend(f.ctx(), nil, time.Minute); err != nil || len(got) != 0 {
		f.t.Errorf("no leases: got %v, %v", got, err)
	}
}

func leaseInvalid(f *fixture) {
	f.submit()
	l := f.lendOne()
	for _, d := range []time.Duration{0, -time.Second} {
		_, err := f.Extend(f.ctx(), []jobs.Lease{l.Lease}, d)
		f.wantKind(d.String(), err, jobs.ErrInvalid)
	}
}

func leaseShortens(f *fixture) {
	f.submit()
	l := f.lendOne()
	f.extend(l, time.Second)
	f.clock.Advance(time.Second)
	f.same("a sweep", jobs.Swept{Reaped: 1}, f.sweep())
}

func leaseTellsCancel(f *fixture) {
	f.submit()
	l := f.lendOne()
	f.apply(jobs.Command{Kind: jobs.Cancel, Job: l.Job.ID})
	if s := f.extend(l, time.Minute); !s.Held || !s.CancelAsked {
		f.t.Errorf("a job told to stop extends to %+v", s)
	}
	f.finish(l, jobs.Outcome{Kind: jobs.Stopped})
	f.same("a stopped job's lease", jobs.LeaseState{}, f.extend(l, time.Minute))
}

func leaseLate(f *fixture) {
	f.submit()
	l := f.lendOne()
	f.clock.Advance(2 * jobs.DefaultLease)
	f.putAttempts(l, call(1, f.clock.Now()))
	if !f.extend(l, time.Second).Held {
		f.t.Fatal("a late holder lost its lease to nobody")
	}
	f.same("a sweep", jobs.Swept{}, f.sweep())
	f.clock.Advance(time.Minute)
	f.finish(l, succeed())
	f.state(l.Job.ID, jobs.Succeeded)
}

// refused wants all that a holder may do to be refused and change nothing.
func (f *fixture) refused(l jobs.Loan) {
	f.t.Helper()
	write := jobs.Write{Record: jobs.Record{Kind: "delivery", ID: "forged"}}
	for _, o := range []jobs.Outcome{
		succeed(), fail(), review(), park(f.clock.Now().Add(time.Minute)), release(), {Kind: jobs.Stopped},
	} {
		o.Attempts, o.Writes = []jobs.Attempt{call(7, f.clock.Now())}, []jobs.Write{write}
		_, err := f.Finish(f.ctx(), l.Lease, o)
		f.wantKind("outcome "+string(o.Kind), err, jobs.ErrStaleLease)
	}
	_, err := f.Records().Get(f.ctx(), "delivery", "forged")
	f.wantKind("the record of a refused outcome", err, jobs.ErrNotFound)
	f.mayNotWrite(l)
}

// mayNotWrite wants a holder neither to write attempts nor to extend.
func (f *fixture) mayNotWrite(l jobs.Loan) {
	f.t.Helper()
	err := f.PutAttempts(f.ctx(), l.Lease, call(7, f.clock.Now()))
	f.wantKind("an attempt", err, jobs.ErrStaleLease)
	f.wantKind("no attempts", f.PutAttempts(f.ctx(), l.Lease), jobs.ErrStaleLease)
	f.same("an extension", jobs.LeaseState{}, f.extend(l, time.Minute))
}

func leaseTakenBack(f *fixture) {
	f.submit()
	l := f.lendOne()
	f.clock.Advance(jobs.DefaultLease)
	f.same("a sweep", jobs.Swept{Reaped: 1}, f.sweep())
	f.unchanged(l.Job.ID, func() { f.refused(l) })
}

func leaseLentAgain(f *fixture) {
	f.submit()
	old := f.lendOne()
	f.clock.Advance(jobs.DefaultLease)
	f.sweep()
	held := f.lendOne()
	f.unchanged(held.Job.ID, func() { f.refused(old) })
	f.finish(held, succeed())
	f.unchanged(held.Job.ID, func() { f.refused(old) })

	f.submit()
	released := f.lendOne()
	f.finish(released, release())
	held = f.lendOne()
	f.unchanged(held.Job.ID, func() { f.refused(released) })
	f.finish(held, succeed())
}

func leaseSettled(f *fixture) {
	for _, s := range []jobs.State{jobs.Parked, jobs.InReview, jobs.Failed, jobs.Succeeded} {
		f.submit()
		l := f.lendOne()
		switch s {
		case jobs.Parked:
			f.finish(l, park(f.clock.Now().Add(time.Minute)))
		case jobs.InReview:
			f.finish(l, review())
		case jobs.Failed:
			f.finish(l, fail())
		default:
			f.finish(l, succeed())
		}
		f.unchanged(l.Job.ID, func() { f.mayNotWrite(l) })
	}
}

func leaseForged(f *fixture) {
	f.submitMany(2)
	a, b := f.lendOne(), f.lendOne()
	queued := f.submit()
	forge := func(id jobs.ID, token jobs.Token) {
		f.t.Helper()
		l := a
		l.Lease.Job, l.Lease.Token = id, token
		f.refused(l)
	}
	f.unchanged(a.Job.ID, func() {
		forge(a.Job.ID, b.Lease.Token)
		forge(a.Job.ID, 0)
		forge(a.Job.ID, -a.Lease.Token)
		forge("no_such_job", a.Lease.Token)
		forge("not a job'; --", a.Lease.Token)
	})
	f.unchanged(queued.ID, func() {
		forge(queued.ID, a.Lease.Token)
		forge(queued.ID, 0)
	})
}

func leaseRerun(f *fixture) {
	f.submit()
	l := f.lendOne()
	f.finish(l, fail())
	f.apply(jobs.Command{Kind: jobs.Requeue, Job: l.Job.ID})
	f.unchanged(l.Job.ID, func() { f.refused(l) })
}
