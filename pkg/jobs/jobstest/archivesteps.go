package jobstest

import (
	"errors"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// The steps of tests that need an archive.

// batch puts a submission into a batch.
func batch(id jobs.ID) func(*jobs.Submission) {
	return func(s *jobs.Submission) { s.Batch = id }
}

// schema asks for a registered schema.
func schema(name string) func(*jobs.Submission) {
	return func(s *jobs.Submission) { s.Spec = jobs.Spec{Schema: name} }
}

func labelled(labels map[string]string) func(*jobs.Submission) {
	return func(s *jobs.Submission) { s.Labels = labels }
}

// claim is actor's claim on a job that ends after d.
func (f *fixture) claim(id jobs.ID, actor string, d time.Duration) jobs.Command {
	return jobs.Command{Kind: jobs.Claim, Job: id, Actor: actor, Until: f.clock.Now().Add(d)}
}

func draft(id jobs.ID, actor, data string) jobs.Command {
	return jobs.Command{Kind: jobs.Draft, Job: id, Actor: actor, Draft: []byte(data)}
}

func unclaim(id jobs.ID, actor string) jobs.Command {
	return jobs.Command{Kind: jobs.Unclaim, Job: id, Actor: actor}
}

func erase(id jobs.ID) jobs.Command { return jobs.Command{Kind: jobs.Erase, Job: id} }

func requeue(id jobs.ID) jobs.Command { return jobs.Command{Kind: jobs.Requeue, Job: id} }

// refuses wants a command to be refused and to change nothing.
func (f *fixture) refuses(c jobs.Command) {
	f.t.Helper()
	f.unchanged(c.Job, func() {
		f.t.Helper()
		_, err := f.Apply(f.ctx(), c)
		f.wantKind(string(c.Kind)+" by "+c.Actor, err, jobs.ErrConflict)
	})
}

// ignores wants a command to be answered with the job as it is.
func (f *fixture) ignores(c jobs.Command) {
	f.t.Helper()
	before := f.get(c.Job)
	f.unchanged(c.Job, func() {
		f.t.Helper()
		f.same("the answer to "+string(c.Kind), before, f.apply(c))
	})
}

// counted is how many jobs a filter selects.
func (f *fixture) counted(filter jobs.Filter) int64 {
	f.t.Helper()
	n, err := f.archive.Count(f.ctx(), filter)
	if err != nil {
		f.t.Fatalf("count: %v", err)
	}
	return n
}

func (f *fixture) groups(filter jobs.Filter) []jobs.Group {
	f.t.Helper()
	gs, err := f.archive.Groups(f.ctx(), filter)
	if err != nil {
		f.t.Fatalf("groups: %v", err)
	}
	return gs
}

func (f *fixture) spent(tenant string, day time.Time) int64 {
	f.t.Helper()
	cost, err := f.archive.Spent(f.ctx(), tenant, day)
	if err != nil {
		f.t.Fatalf("spent: %v", err)
	}
	return cost
}

// retain removes what r does not keep and returns the answer. The jobs that
// are gone are as many as it says.
func (f *fixture) retain(r jobs.Retention) jobs.Retained {
	f.t.Helper()
	done, err := f.archive.Retain(f.ctx(), r)
	if err != nil {
		f.t.Fatalf("retain: %v", err)
	}
	f.forget(done)
	return done
}

// forget notes what retention removed.
func (f *fixture) forget(done jobs.Retained) {
	f.t.Helper()
	sum := 0
	for s, n := range done.Removed {
		f.removed[s] += n
		sum += int(n)
	}
	var there []jobs.ID
	before := len(f.gone)
	for _, id := range f.ids {
		if _, err := f.Get(f.ctx(), "", id); errors.Is(err, jobs.ErrNotFound) {
			f.gone = append(f.gone, id)
		} else {
			there = append(there, id)
		}
	}
	f.ids = there
	if got := len(f.gone) - before; got != sum {
		f.t.Fatalf("%d jobs are gone, the answer was %v", got, done.Removed)
	}
}

// keepNone keeps no job that has ended.
func keepNone() jobs.Retention {
	r := jobs.Retention{MaxCount: make(map[jobs.State]int64)}
	for _, s := range jobs.States() {
		if s.Terminal() {
			r.MaxCount[s] = 0
		}
	}
	return r
}
