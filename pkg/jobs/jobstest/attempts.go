package jobstest

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func attemptBehaviours() []behaviour {
	return []behaviour{
		{name: "rows are kept in the order of N and carry their generation", test: attemptsKept},
		{name: "a row with the same N replaces", test: attemptsReplace},
		{name: "writing rows changes no version", test: attemptsChangeNothing},
		{name: "malformed rows are refused with all beside them", test: attemptsInvalid},
		{name: "an outcome writes its rows in the same commit", test: attemptsOfOutcome},
		{name: "rows of all generations stay", test: attemptsStay},
	}
}

func attemptsKept(f *fixture) {
	f.submit()
	l := f.lendOne()
	at := f.clock.Now().Add(999 * time.Microsecond)
	full := jobs.Attempt{
		Generation: 77, N: 2, Tier: 2, Kind: jobs.RepairAttempt, Provider: "p", Model: "m", ServedModel: "m-1",
		StartedAt: at.In(time.FixedZone("elsewhere", 3600)), EndedAt: at.Add(time.Second), Outcome: jobs.AttemptError,
		Class: "rate", Status: 429, Why: "retry_after", BackoffMS: 1500, DeadlineLeftMS: 20000,
		Billed: jobs.BilledNo, Usage: jobs.Usage{InputTokens: 1, OutputTokens: 2, CostMicroUSD: 3},
	}
	skip := jobs.Attempt{N: 1000, Tier: 1, Kind: jobs.SkipAttempt, StartedAt: at, EndedAt: at, Outcome: jobs.AttemptSkipped, Why: "gated"}
	f.putAttempts(l, skip, full)
	f.putAttempts(l, call(1, at))

	now := f.clock.Now()
	full.Generation, full.StartedAt, full.EndedAt = 1, now, now.Add(time.Second)
	skip.Generation, skip.StartedAt, skip.EndedAt = 1, now, now
	open := call(1, now)
	open.Generation = 1
	f.same("the ledger", []jobs.Attempt{open, full, skip}, f.attempts(l.Job.ID))
}

func attemptsReplace(f *fixture) {
	f.submit()
	l := f.lendOne()
	now := f.clock.Now()
	f.putAttempts(l, call(1, now), call(2, now), call(1, now.Add(time.Second)))
	f.putAttempts(l, closed(call(2, now), now))
	first, second := call(1, now.Add(time.Second)), closed(call(2, now), now)
	first.Generation, second.Generation = 1, 1
	f.same("the ledger", []jobs.Attempt{first, second}, f.attempts(l.Job.ID))
}

func attemptsChangeNothing(f *fixture) {
	f.submit()
	l := f.lendOne()
	f.clock.Advance(time.Second)
	f.putAttempts(l, call(1, f.clock.Now()))
	f.putAttempts(l)
	f.same("the job", l.Job, f.get(l.Job.ID))
	f.finish(l, succeed())
}

func attemptsInvalid(f *fixture) {
	f.submit()
	l := f.lendOne()
	now := f.clock.Now()
	high, tier := call(3, now), call(4, now)
	high.N, tier.Tier = jobs.MaxAttempts+1, 5
	for _, wrong := range []jobs.Attempt{call(0, now), call(-1, now), high, tier} {
		f.wantKind("a row", f.PutAttempts(f.ctx(), l.Lease, call(1, now), wrong), jobs.ErrInvalid)
		o := succeed()
		o.Attempts = []jobs.Attempt{call(1, now), wrong}
		_, err := f.Finish(f.ctx(), l.Lease, o)
		f.wantKind("an outcome", err, jobs.ErrInvalid)
	}
	f.same("the ledger", []jobs.Attempt(nil), f.attempts(l.Job.ID))
	f.state(l.Job.ID, jobs.Running)
}

func attemptsOfOutcome(f *fixture) {
	f.submit()
	l := f.lendOne()
	now := f.clock.Now()
	f.putAttempts(l, call(1, now))
	o := succeed()
	o.Attempts = []jobs.Attempt{closed(call(1, now), now), closed(call(2, now), now)}
	f.finish(l, o)
	want := o.Attempts
	want[0].Generation, want[1].Generation = 1, 1
	f.same("the ledger", want, f.attempts(l.Job.ID))
}

func attemptsStay(f *fixture) {
	j := f.submit()
	now := f.clock.Now()
	var want []jobs.Attempt
	for g := 1; g <= 3; g++ {
		o := fail()
		for n := 1; n <= 2; n++ {
			a := closed(call(n, now), now)
			a.Generation = g
			want = append(want, a)
			o.Attempts = append(o.Attempts, a)
		}
		f.finish(f.lendOne(), o)
		f.apply(jobs.Command{Kind: jobs.Requeue, Job: j.ID})
	}
	f.same("the ledger", want, f.attempts(j.ID))
}
