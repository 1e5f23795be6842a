package jobstest

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func moneyBehaviours() []behaviour {
	return []behaviour{
		{name: "money is counted by tenant and day", test: moneyByDay},
		{name: "a call counts on the day it ended", test: moneyOverMidnight},
		{name: "a row written again counts once, as it is now", test: moneyRewritten},
		{name: "lost calls count what is known of them", test: moneyLost},
		{name: "every generation and outcome counts", test: moneyGenerations},
		{name: "money outlives erasure and retention", test: moneyOutlives},
	}
}

// paid is a call that ended at a moment and cost this much.
func paid(n int, at time.Time, cost int64) jobs.Attempt {
	a := closed(call(n, at), at)
	a.Usage.CostMicroUSD = cost
	return a
}

// wantSpent wants what was spent on a day, by tenant; "" is for all.
func (f *fixture) wantSpent(day time.Time, want map[string]int64) {
	f.t.Helper()
	for who, cost := range want {
		if got := f.spent(who, day); got != cost {
			f.t.Errorf("%q spent %d on %s, want %d", who, got, day, cost)
		}
	}
}

func moneyByDay(f *fixture) {
	today := f.clock.Now()
	tomorrow := today.Add(24 * time.Hour)
	spend := func(who string, at time.Time, cost int64) {
		f.submit(tenant(who))
		f.putAttempts(f.lendOne(), paid(1, at, cost))
	}
	spend("acme", today, 7)
	spend("acme", today.Add(time.Hour), 100)
	spend("acme", tomorrow, 1000)
	spend("globex", today, 5)
	spend("ac", today, 2)
	f.wantSpent(today, map[string]int64{"acme": 107, "globex": 5, "ac": 2, "": 114, "initech": 0, "acm%": 0, "*": 0})
	f.wantSpent(tomorrow, map[string]int64{"acme": 1000, "globex": 0, "": 1000})
	f.wantSpent(today.Add(-24*time.Hour), map[string]int64{"acme": 0, "": 0})
	f.wantSpent(time.Time{}, map[string]int64{"acme": 0, "": 0})
}

func moneyOverMidnight(f *fixture) {
	midnight := f.clock.Now().Truncate(24 * time.Hour).Add(24 * time.Hour)
	f.submit()
	l := f.lendOne()
	last := paid(1, midnight.Add(-1), 1) // stamped to the millisecond before
	first := paid(2, midnight, 10)
	first.StartedAt = midnight.Add(-time.Hour)
	f.putAttempts(l, last, first, paid(3, midnight.Add(24*time.Hour-1), 100), paid(4, midnight.Add(24*time.Hour), 1000))
	west := time.FixedZone("west", -8*3600)
	for _, at := range []time.Time{midnight, midnight.Add(24*time.Hour - 1), midnight.Add(time.Hour).In(west)} {
		f.wantSpent(at, map[string]int64{"acme": 110, "": 110})
	}
	f.wantSpent(midnight.Add(-1), map[string]int64{"acme": 1})
	f.wantSpent(midnight.Add(24*time.Hour).In(west), map[string]int64{"acme": 1000})
}

func moneyRewritten(f *fixture) {
	today := f.clock.Now()
	tomorrow := today.Add(24 * time.Hour)
	f.submit()
	l := f.lendOne()
	want := func(now, later int64) {
		f.t.Helper()
		f.wantSpent(today, map[string]int64{"acme": now, "": now})
		f.wantSpent(tomorrow, map[string]int64{"acme": later, "": later})
	}
	open := call(1, today)
	open.Usage.CostMicroUSD = 500 // set aside, not spent
	f.putAttempts(l, open)
	want(0, 0)
	f.putAttempts(l, paid(1, today, 7))
	want(7, 0)
	f.putAttempts(l, paid(1, today, 7))
	want(7, 0)
	f.putAttempts(l, paid(1, today, 5), paid(2, today, 20))
	want(25, 0)
	f.putAttempts(l, paid(2, today, 1), paid(2, today, 40)) // twice in one call: the last stands
	want(45, 0)
	f.putAttempts(l, paid(1, tomorrow, 5))
	want(40, 5)
	o := succeed()
	o.Attempts = []jobs.Attempt{paid(1, today, 6), paid(3, tomorrow, 100)}
	f.finish(l, o)
	want(46, 100)
	f.finish(l, o) // repeated
	want(46, 100)
}

func moneyLost(f *fixture) {
	f.submit()
	l := f.lendOne()
	open, free := call(1, f.clock.Now()), call(2, f.clock.Now())
	open.Usage.CostMicroUSD = 30 // maybe billed, by the estimate
	f.putAttempts(l, open, free)
	f.clock.Advance(24 * time.Hour)
	f.sweep() // it is late now, and goes to an end
	yesterday, today := f.clock.Now().Add(-24*time.Hour), f.clock.Now()
	j := f.get(l.Job.ID)
	f.wantSpent(today, map[string]int64{"acme": 0})
	f.apply(requeue(j.ID))
	f.lendOne()
	f.wantSpent(today, map[string]int64{"acme": 0}) // of another generation

	f.submit(due(100 * time.Hour))
	l = f.lendOne()
	f.putAttempts(l, open)
	f.clock.Advance(24 * time.Hour)
	f.sweep()
	today = f.clock.Now()
	f.wantSpent(today, map[string]int64{"acme": 0})
	for f.lendOne().Job.ID != l.Job.ID { // the next loan finds it lost
	}
	f.wantSpent(today, map[string]int64{"acme": 30, "": 30})
	f.wantSpent(yesterday, map[string]int64{"acme": 0})
}

func moneyGenerations(f *fixture) {
	today := f.clock.Now()
	j := f.submit()
	total := int64(0)
	settle := func(o jobs.Outcome, a jobs.Attempt) {
		f.t.Helper()
		o.Attempts = []jobs.Attempt{a}
		f.finish(f.lendOne(), o)
		total += a.Usage.CostMicroUSD
		f.wantSpent(today, map[string]int64{"acme": total})
	}
	settle(release(), paid(1, today, 1))
	settle(fail(), paid(2, today, 10))
	f.apply(requeue(j.ID))
	settle(review(), paid(1, today, 100))
	f.apply(jobs.Command{Kind: jobs.SendBack, Job: j.ID})
	failed := paid(1, today, 1000)
	failed.Outcome, failed.Class = jobs.AttemptError, "rate"
	settle(park(today.Add(time.Minute)), failed)
	f.clock.Advance(time.Minute)
	f.sweep()
	l := f.lendOne()
	f.apply(cancel(j.ID))
	o := jobs.Outcome{Kind: jobs.Stopped, Attempts: []jobs.Attempt{paid(2, today, 10000)}}
	f.finish(l, o)
	f.wantSpent(today, map[string]int64{"acme": 11111, "": 11111})
}

func moneyOutlives(f *fixture) {
	today := f.clock.Now()
	tomorrow := today.Add(24 * time.Hour)
	for _, who := range []string{"acme", "acme", "globex"} {
		f.submit(tenant(who))
		o := succeed()
		o.Attempts = []jobs.Attempt{paid(1, today, 7), paid(2, tomorrow, 50)}
		f.finish(f.lendOne(), o)
	}
	check := func(when string) {
		f.t.Helper()
		f.wantSpent(today, map[string]int64{"acme": 14, "globex": 7, "": 21})
		f.wantSpent(tomorrow, map[string]int64{"acme": 100, "globex": 50, "": 150})
		if f.t.Failed() {
			f.t.Fatalf("after %s", when)
		}
	}
	check("the outcomes")
	f.apply(erase(f.ids[0]))
	check("erasure")
	f.retain(atMost(jobs.Erased, 0))
	check("retention of the erased")
	f.retain(keepNone())
	check("retention")
	f.submit()
	f.putAttempts(f.lendOne(), paid(1, today, 1))
	f.wantSpent(today, map[string]int64{"acme": 15, "": 22})
}
