package jobstest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func repeatBehaviours() []behaviour {
	return []behaviour{
		{name: "who repeats unclear calls has each effect once", policy: jobs.Policy{MaxLoans: 100}, test: repeatExactlyOnce},
		{name: "a command repeated is done or refused, not doubled", test: repeatCommands},
	}
}

// again makes a call until its answer is clear.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, jobs.ErrUnavailable) {
			return err
		}
	}
}

// repeatExactlyOnce runs jobs to their end on an engine of which every third
// call fails, most of them after their effect.
func repeatExactlyOnce(f *fixture) {
	const groups, each = 10, 8
	faulty := &Faulty{Engine: f.Engine, Plan: Seeded(7, 1.0/3, ErrorBefore, ErrorAfter, Doubled, Torn)}
	for g := range groups {
		var group []jobs.Submission
		for range each {
			s := f.submission(key(fmt.Sprint("key", f.n)), tenant(fmt.Sprint("tenant", g%3)))
			group = append(group, f.accepted(s))
		}
		f.repeatAccept(faulty, group)
	}
	for settled := 0; settled < groups*each; {
		settled += f.repeatLend(faulty)
	}
	for _, id := range f.ids {
		f.state(id, jobs.Succeeded)
		if r := f.record("delivery", id); r.Version != 1 {
			f.t.Errorf("the delivery of %s was written %d times", id, r.Version)
		}
		rows := f.attempts(id)
		if last := rows[len(rows)-1]; last.Outcome != jobs.AttemptOK || len(rows) != last.N {
			f.t.Errorf("the ledger of %s ends with %+v", id, last)
		}
	}
	if n := len(allJobs(f.t, f)); n != groups*each {
		f.t.Errorf("%d jobs came of %d submissions", n, groups*each)
	}
	if injected := faulty.Injected(); len(injected) != 4 {
		f.t.Errorf("only these faults came up: %v", injected)
	}
}

// repeatAccept wants each of group to be accepted, by this call or one before
// it whose answer was unclear.
func (f *fixture) repeatAccept(e jobs.Engine, group []jobs.Submission) {
	f.t.Helper()
	err := again(func() error {
		as, err := e.Accept(f.ctx(), group)
		for i, a := range as {
			if a.Status != jobs.Created && a.Status != jobs.Existing || a.Job.ID != group[i].ID {
				f.t.Fatalf("submission %s is %s as %q", group[i].ID, a.Status, a.Job.ID)
			}
		}
		return err
	})
	if err != nil {
		f.t.Fatalf("accept: %v", err)
	}
}

// repeatLend takes what loans it gets to their end and returns how many jobs
// it settled. Loans whose answer was lost come back when their lease ends.
func (f *fixture) repeatLend(e jobs.Engine) int {
	f.t.Helper()
	loans, err := e.Lend(f.ctx(), request(5))
	if errors.Is(err, jobs.ErrUnavailable) || len(loans) == 0 {
		f.clock.Advance(jobs.DefaultLease)
		err = again(func() error { _, err := e.Sweep(f.ctx()); return err })
	}
	if err != nil {
		f.t.Fatalf("lend or sweep: %v", err)
	}
	for _, l := range loans {
		f.repeatSettle(e, l)
	}
	return len(loans)
}

// repeatSettle does a loan's work with an effect that must happen once.
func (f *fixture) repeatSettle(e jobs.Engine, l jobs.Loan) {
	f.t.Helper()
	now := f.clock.Now()
	a := call(len(l.Attempts)+1, now)
	if err := again(func() error { return e.PutAttempts(f.ctx(), l.Lease, a) }); err != nil {
		f.t.Fatalf("put attempts: %v", err)
	}
	o := succeed()
	o.Attempts = []jobs.Attempt{closed(a, now)}
	o.Writes = []jobs.Write{{Record: jobs.Record{Kind: "delivery", ID: l.Job.ID, Version: jobs.AnyVersion}}}
	err := again(func() error { _, err := e.Finish(f.ctx(), l.Lease, o); return err })
	if err != nil {
		f.t.Fatalf("finish: %v", err)
	}
}

func repeatCommands(f *fixture) {
	faulty := &Faulty{Engine: f.Engine, Plan: Seeded(3, 0.5, ErrorBefore, ErrorAfter, Doubled)}
	for kind, from := range map[jobs.CommandKind]jobs.State{
		jobs.Cancel: jobs.InReview, jobs.Requeue: jobs.Failed, jobs.Complete: jobs.Expired,
		jobs.Reject: jobs.InReview, jobs.SendBack: jobs.InReview, jobs.Move: jobs.Parked,
		jobs.Claim: jobs.InReview, jobs.Erase: jobs.Succeeded,
	} {
		name := "t_" + string(kind)
		for range 5 {
			j := f.bring(from, tenant(name))
			all := f.commands(j.ID)
			i := slices.IndexFunc(all, func(c jobs.Command) bool { return c.Kind == kind })
			if i < 0 {
				continue // the features do not have it
			}
			c := all[i]
			c.Version = j.Version
			if err := again(func() error { _, err := faulty.Apply(f.ctx(), c); return err }); err != nil {
				f.wantKind(string(kind), err, jobs.ErrConflict)
			}
			if got := f.get(j.ID); got.Version != j.Version+1 {
				f.t.Errorf("%s repeated led from version %d to %d", kind, j.Version, got.Version)
			}
			f.bulkheads(jobs.Bulkhead{Tenant: name, Paused: true})
			f.clock.Advance(time.Hour) // what waits is late
			f.sweep()
			f.bulkheads(jobs.Bulkhead{Tenant: name})
		}
	}
}
