package jobstest

import (
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func sweepBehaviours() []behaviour {
	return []behaviour{
		{name: "an ended lease puts its job back in its place", test: sweepReaps},
		{name: "a job whose holders keep dying fails as crashed_workers", policy: jobs.Policy{MaxLoans: 3}, test: sweepCrashLoop},
		{name: "a parked job is woken at its time and goes to its place", test: sweepWakes},
		{name: "a parked job holds no permit", test: sweepParkedPermit},
		{name: "what waits past its deadline expires", test: sweepExpires},
		{name: "what runs past its deadline and the backstop goes to review", policy: jobs.Policy{ReviewDue: time.Hour}, test: sweepBackstop},
		{name: "what one kind puts back the next finds due", test: sweepInOrder},
		{name: "each kind goes by time and then by place", test: sweepByTime},
		{name: "a sweep works through a thousand jobs a kind", test: sweepBounded},
		{name: "several sweepers at once do nothing twice", test: sweepTogether},
	}
}

func sweepReaps(f *fixture) {
	ids := f.submitMany(3)
	l := f.lendOne()
	f.clock.Advance(jobs.DefaultLease - time.Millisecond)
	f.same("a sweep before the end", jobs.Swept{}, f.sweep())
	f.clock.Advance(time.Millisecond)
	f.same("a sweep at the end", jobs.Swept{Reaped: 1}, f.sweep())

	want := l.Job
	want.State, want.Version, want.Reason, want.Lease = jobs.Queued, 3, "lease_ended", jobs.Lease{}
	want.UpdatedAt = f.clock.Now()
	f.same("the job", want, f.get(l.Job.ID))
	f.same("its event", jobs.Event{
		Job: want.ID, Tenant: "acme", Version: 3, Type: jobs.EventLeaseEnded, At: f.clock.Now(), State: jobs.Queued,
		Lane: jobs.Standard, Generation: 1,
	}, f.history(want.ID)[2])
	f.same("lent", ids, f.lendAll())
}

func sweepCrashLoop(f *fixture) {
	j := f.submit()
	crash := func(n int) {
		f.t.Helper()
		l := f.lendOne()
		if l.Job.Loans != n {
			f.t.Fatalf("the loan counts %d, want %d", l.Job.Loans, n)
		}
		f.clock.Advance(jobs.DefaultLease)
		f.same("a sweep", jobs.Swept{Reaped: 1}, f.sweep())
	}
	for n := 1; n <= 3; n++ {
		crash(n)
	}
	got := f.state(j.ID, jobs.Failed)
	if got.Failure == nil || got.Failure.Class != jobs.ClassCrashedWorkers || !got.EndedAt.Equal(f.clock.Now()) {
		f.t.Errorf("the failure is %+v, ended at %s", got.Failure, got.EndedAt)
	}
	events := f.history(j.ID)
	if last := events[len(events)-1]; last.Type != jobs.EventFailed || last.Reason != string(jobs.ClassCrashedWorkers) {
		f.t.Errorf("the last event is %+v", last)
	}
	f.apply(jobs.Command{Kind: jobs.Requeue, Job: j.ID})
	crash(1)
	f.state(j.ID, jobs.Queued)
}

func sweepWakes(f *fixture) {
	ids := f.submitMany(2)
	l := f.lendOne()
	parked := f.finish(l, park(f.clock.Now().Add(time.Minute)))
	f.clock.Advance(time.Minute - time.Millisecond)
	f.same("a sweep before its time", jobs.Swept{}, f.sweep())
	f.clock.Advance(time.Millisecond)
	f.same("a sweep at its time", jobs.Swept{Woken: 1}, f.sweep())

	want := parked
	want.State, want.Version, want.UpdatedAt = jobs.Queued, 4, f.clock.Now()
	want.ParkedUntil, want.Gate, want.Reason = time.Time{}, "", ""
	f.same("the woken job", want, f.get(l.Job.ID))
	if got := f.types(l.Job.ID); got[3] != jobs.EventWoken {
		f.t.Errorf("its events are %v", got)
	}
	f.same("lent", ids, f.lendAll())
}

func sweepParkedPermit(f *fixture) {
	f.bulkheads(jobs.Bulkhead{Tenant: "acme", MaxRunning: 1})
	ids := f.submitMany(2)
	f.finish(f.lendOne(), park(f.clock.Now().Add(time.Minute)))
	f.same("lent", ids[1:], f.lendAll())
	f.lendsNone()
}

func sweepExpires(f *fixture) {
	parked := f.bring(jobs.Parked, due(time.Minute))
	queued := f.submit(due(time.Minute))
	f.clock.Advance(time.Minute - time.Millisecond)
	f.same("a sweep before the deadline", jobs.Swept{}, f.sweep())
	f.clock.Advance(time.Millisecond)
	// The parked job's time has come as well: it is woken first.
	f.same("a sweep at the deadline", jobs.Swept{Woken: 1, Expired: 2}, f.sweep())
	for _, id := range []jobs.ID{queued.ID, parked.ID} {
		j := f.state(id, jobs.Expired)
		if j.Failure == nil || j.Failure.Class != jobs.ClassDeadline || !j.EndedAt.Equal(f.clock.Now()) {
			f.t.Errorf("an expired job: %+v", j)
		}
	}
	l := loanOf(f.bring(jobs.Running, due(time.Minute)))
	f.finish(l, park(f.clock.Now().Add(time.Hour)))
	f.clock.Advance(time.Minute)
	f.same("a sweep", jobs.Swept{Expired: 1}, f.sweep())
	f.lendsNone()
}

func sweepBackstop(f *fixture) {
	l := loanOf(f.bring(jobs.Running, due(time.Minute)))
	f.extend(l, time.Hour)
	f.clock.Advance(time.Minute + jobs.Backstop - time.Millisecond)
	f.same("a sweep before the backstop", jobs.Swept{}, f.sweep())
	f.clock.Advance(time.Millisecond)
	f.same("a sweep at the backstop", jobs.Swept{Backstopped: 1}, f.sweep())
	j := f.state(l.Job.ID, jobs.InReview)
	now := f.clock.Now()
	f.same("its review", &jobs.Review{Reason: "deadline_backstop", Since: now, DueAt: now.Add(time.Hour)}, j.Review)
	f.unchanged(j.ID, func() { f.refused(l) })
}

func sweepInOrder(f *fixture) {
	// One job's loan and deadline ended, another's rest and deadline, and a
	// third runs on past both, lent only after the others.
	reaped := f.bring(jobs.Running, due(time.Second))
	parked := f.bring(jobs.Parked, due(time.Second))
	l := loanOf(f.bring(jobs.Running, due(time.Second)))
	f.extend(l, 24*time.Hour)
	f.clock.Advance(time.Hour)
	heard := len(f.heard.events())
	f.same("a sweep", jobs.Swept{Reaped: 1, Woken: 1, Expired: 2, Backstopped: 1}, f.sweep())
	var order []jobs.EventType
	for _, ev := range f.heard.events()[heard:] {
		order = append(order, ev.Type)
	}
	f.same("its order", []jobs.EventType{
		jobs.EventLeaseEnded, jobs.EventWoken, jobs.EventExpired, jobs.EventExpired, jobs.EventInReview,
	}, order)
	f.same("reaped", []jobs.EventType{jobs.EventLeaseEnded, jobs.EventExpired}, f.types(reaped.ID)[2:])
	f.same("parked", []jobs.EventType{jobs.EventWoken, jobs.EventExpired}, f.types(parked.ID)[3:])
	f.same("ran", []jobs.EventType{jobs.EventInReview}, f.types(l.Job.ID)[2:])
	f.same("a second sweep", jobs.Swept{}, f.sweep())
}

func sweepByTime(f *fixture) {
	f.submitMany(4)
	loans := f.lend(4)
	// By the end of the lease: 2, then 0 and 3 together, then 1.
	for i, d := range []time.Duration{2 * time.Second, 3 * time.Second, time.Second, 2 * time.Second} {
		f.extend(loans[i], d)
	}
	f.clock.Advance(time.Minute)
	heard := len(f.heard.events())
	f.same("a sweep", jobs.Swept{Reaped: 4}, f.sweep())
	var got []jobs.ID
	for _, ev := range f.heard.events()[heard:] {
		got = append(got, ev.Job)
	}
	want := []jobs.ID{loans[2].Job.ID, loans[0].Job.ID, loans[3].Job.ID, loans[1].Job.ID}
	f.same("the order", want, got)
}

func sweepBounded(f *fixture) {
	f.submitMany(jobs.MaxSweep, due(time.Second))
	f.clock.Advance(time.Second)
	f.same("a full sweep", jobs.Swept{Expired: jobs.MaxSweep}, f.sweep())
	last := f.submitMany(jobs.MaxSweep+1, due(time.Second))
	f.clock.Advance(time.Second)
	f.same("a sweep with more to do", jobs.Swept{Expired: jobs.MaxSweep, More: true}, f.sweep())
	f.state(last[jobs.MaxSweep], jobs.Queued)
	f.same("the next sweep", jobs.Swept{Expired: 1}, f.sweep())
}

func sweepTogether(f *fixture) {
	f.submitMany(50, due(time.Second))
	f.clock.Advance(time.Second)
	var wg sync.WaitGroup
	counts := make([]int, 4)
	for i := range counts {
		wg.Go(func() {
			s, err := f.Sweep(f.ctx())
			if err != nil {
				f.t.Errorf("sweep: %v", err)
			}
			counts[i] = s.Expired
		})
	}
	wg.Wait()
	if sum := counts[0] + counts[1] + counts[2] + counts[3]; sum != 50 {
		f.t.Errorf("four sweepers expired %v of 50 jobs", counts)
	}
}
