package jobstest

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// submission makes the next submission, changed by each of with.
func (f *fixture) submission(with ...func(*jobs.Submission)) jobs.Submission {
	f.n++
	s := submission(f.n, f.clock.Now())
	for _, change := range with {
		change(&s)
	}
	return s
}

func tenant(name string) func(*jobs.Submission) {
	return func(s *jobs.Submission) { s.Tenant = name }
}

func lane(l jobs.Lane) func(*jobs.Submission) {
	return func(s *jobs.Submission) { s.Lane = l }
}

func key(k string) func(*jobs.Submission) {
	return func(s *jobs.Submission) { s.Key = k }
}

// due sets the deadline, counted from the time of the submission.
func due(d time.Duration) func(*jobs.Submission) {
	return func(s *jobs.Submission) { s.DeadlineAt = s.DeadlineAt.Add(d - time.Hour) }
}

// submit makes one job that must be created.
func (f *fixture) submit(with ...func(*jobs.Submission)) jobs.Job {
	f.t.Helper()
	return f.accept(f.submission(with...))[0]
}

// submitMany makes n such jobs in one call and returns their IDs in order.
func (f *fixture) submitMany(n int, with ...func(*jobs.Submission)) []jobs.ID {
	f.t.Helper()
	subs := make([]jobs.Submission, n)
	for i := range subs {
		subs[i] = f.submission(with...)
	}
	ids := make([]jobs.ID, n)
	for i, j := range f.accept(subs...) {
		ids[i] = j.ID
	}
	return ids
}

// accept accepts subs, all of which must be created.
func (f *fixture) accept(subs ...jobs.Submission) []jobs.Job {
	f.t.Helper()
	made := make([]jobs.Job, 0, len(subs))
	for i, a := range f.answers(subs...) {
		if a.Status != jobs.Created {
			f.t.Fatalf("submission %d: got %s, want it created", i, a.Status)
		}
		made = append(made, a.Job)
	}
	return made
}

// answers accepts subs and returns what became of each.
func (f *fixture) answers(subs ...jobs.Submission) []jobs.Acceptance {
	f.t.Helper()
	as, err := f.Accept(f.ctx(), subs)
	if err != nil {
		f.t.Fatalf("accept: %v", err)
	}
	if len(as) != len(subs) {
		f.t.Fatalf("accept answered %d of %d submissions", len(as), len(subs))
	}
	for i, a := range as {
		if answered := a.Status == jobs.Created || a.Status == jobs.Existing; answered != (a.Job.ID != "") {
			f.t.Fatalf("submission %d: %s with job %q", i, a.Status, a.Job.ID)
		}
		if a.Status == jobs.Created {
			f.ids = append(f.ids, a.Job.ID)
		}
	}
	return as
}

// statuses accepts subs and returns the statuses alone.
func (f *fixture) statuses(subs ...jobs.Submission) []jobs.AcceptStatus {
	f.t.Helper()
	var all []jobs.AcceptStatus
	for _, a := range f.answers(subs...) {
		all = append(all, a.Status)
	}
	return all
}

// request asks for up to n loans now, for a worker with two slots.
func request(n int) jobs.LendRequest {
	return jobs.LendRequest{Worker: "worker-1", Max: n, Slots: 2}
}

// lend lends up to n jobs now.
func (f *fixture) lend(n int) []jobs.Loan {
	f.t.Helper()
	loans, err := f.Lend(f.ctx(), request(n))
	if err != nil {
		f.t.Fatalf("lend: %v", err)
	}
	return loans
}

// lendOne lends the one job that there must be to lend.
func (f *fixture) lendOne() jobs.Loan {
	f.t.Helper()
	loans := f.lend(1)
	if len(loans) != 1 {
		f.t.Fatalf("lent %d jobs, want 1", len(loans))
	}
	return loans[0]
}

// lendsNone wants nothing to lend.
func (f *fixture) lendsNone() {
	f.t.Helper()
	if loans := f.lend(1); len(loans) != 0 {
		f.t.Fatalf("lent job %s, want none", loans[0].Job.ID)
	}
}

// lendAll lends and returns the IDs of the jobs in the order lent.
func (f *fixture) lendAll() []jobs.ID {
	f.t.Helper()
	var ids []jobs.ID
	for _, l := range f.lend(jobs.MaxLend) {
		ids = append(ids, l.Job.ID)
	}
	return ids
}

func (f *fixture) finish(l jobs.Loan, o jobs.Outcome) jobs.Job {
	f.t.Helper()
	j, err := f.Finish(f.ctx(), l.Lease, o)
	if err != nil {
		f.t.Fatalf("finish %s as %s: %v", l.Job.ID, o.Kind, err)
	}
	return j
}

func (f *fixture) apply(c jobs.Command) jobs.Job {
	f.t.Helper()
	j, err := f.Apply(f.ctx(), c)
	if err != nil {
		f.t.Fatalf("%s %s: %v", c.Kind, c.Job, err)
	}
	return j
}

func (f *fixture) sweep() jobs.Swept {
	f.t.Helper()
	s, err := f.Sweep(f.ctx())
	if err != nil {
		f.t.Fatalf("sweep: %v", err)
	}
	return s
}

func (f *fixture) bulkheads(bs ...jobs.Bulkhead) {
	f.t.Helper()
	if err := f.SetBulkheads(f.ctx(), bs...); err != nil {
		f.t.Fatalf("set bulkheads: %v", err)
	}
}

func (f *fixture) putAttempts(l jobs.Loan, rows ...jobs.Attempt) {
	f.t.Helper()
	if err := f.PutAttempts(f.ctx(), l.Lease, rows...); err != nil {
		f.t.Fatalf("put attempts: %v", err)
	}
}

func (f *fixture) extend(l jobs.Loan, d time.Duration) jobs.LeaseState {
	f.t.Helper()
	states, err := f.Extend(f.ctx(), []jobs.Lease{l.Lease}, d)
	if err != nil {
		f.t.Fatalf("extend: %v", err)
	}
	if len(states) != 1 {
		f.t.Fatalf("extend answered %d leases of 1", len(states))
	}
	return states[0]
}

func (f *fixture) get(id jobs.ID) jobs.Job {
	f.t.Helper()
	j, err := f.Get(f.ctx(), "", id)
	if err != nil {
		f.t.Fatalf("get %s: %v", id, err)
	}
	return j
}

func (f *fixture) attempts(id jobs.ID) []jobs.Attempt {
	f.t.Helper()
	rows, err := f.Attempts(f.ctx(), "", id)
	if err != nil {
		f.t.Fatalf("attempts of %s: %v", id, err)
	}
	return rows
}

func (f *fixture) history(id jobs.ID) []jobs.Event {
	f.t.Helper()
	events, err := f.History(f.ctx(), "", id, 0)
	if err != nil {
		f.t.Fatalf("history of %s: %v", id, err)
	}
	return events
}

// types are the types of a job's events.
func (f *fixture) types(id jobs.ID) []jobs.EventType {
	f.t.Helper()
	var ts []jobs.EventType
	for _, ev := range f.history(id) {
		ts = append(ts, ev.Type)
	}
	return ts
}

func (f *fixture) list(filter jobs.Filter, p jobs.Page) []jobs.ID {
	f.t.Helper()
	found, err := f.List(f.ctx(), filter, p)
	if err != nil {
		f.t.Fatalf("list: %v", err)
	}
	ids := make([]jobs.ID, len(found))
	for i, j := range found {
		ids[i] = j.ID
	}
	return ids
}

func (f *fixture) stats() jobs.Stats {
	f.t.Helper()
	s, err := f.Stats(f.ctx())
	if err != nil {
		f.t.Fatalf("stats: %v", err)
	}
	return normalStats(s)
}

// state wants the job to be in a state.
func (f *fixture) state(id jobs.ID, want jobs.State) jobs.Job {
	f.t.Helper()
	j := f.get(id)
	if j.State != want {
		f.t.Fatalf("job %s is %s, want %s", id, j.State, want)
	}
	return j
}

// bring makes a job and leads it to a state.
func (f *fixture) bring(to jobs.State, with ...func(*jobs.Submission)) jobs.Job {
	f.t.Helper()
	switch to {
	case jobs.Queued:
		return f.submit(with...)
	case jobs.Cancelled:
		return f.apply(jobs.Command{Kind: jobs.Cancel, Job: f.submit(with...).ID, Reason: "not needed"})
	case jobs.Expired:
		j := f.submit(append(with, due(time.Millisecond))...)
		f.clock.Advance(time.Millisecond)
		f.sweep()
		return f.state(j.ID, jobs.Expired)
	case jobs.Erased:
		return f.apply(jobs.Command{Kind: jobs.Erase, Job: f.bring(jobs.Succeeded, with...).ID})
	case jobs.Running, jobs.Parked, jobs.InReview, jobs.Succeeded, jobs.Failed:
	}
	j := f.submit(with...)
	l := f.lendOne()
	if l.Job.ID != j.ID {
		f.t.Fatalf("lent %s, want %s", l.Job.ID, j.ID)
	}
	switch to {
	case jobs.Parked:
		f.finish(l, park(f.clock.Now().Add(time.Minute)))
	case jobs.InReview:
		f.finish(l, review())
	case jobs.Succeeded:
		f.finish(l, succeed())
	case jobs.Failed:
		f.finish(l, fail())
	case jobs.Running, jobs.Queued, jobs.Cancelled, jobs.Expired, jobs.Erased: // there
	}
	return f.state(j.ID, to)
}

// loanOf is the loan of a job that runs, as its holder has it.
func loanOf(j jobs.Job) jobs.Loan {
	l := j.Lease
	l.Job = j.ID
	return jobs.Loan{Lease: l, Job: j}
}
