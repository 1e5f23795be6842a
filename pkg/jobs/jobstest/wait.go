package jobstest

import (
	"context"
	"runtime"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func waitBehaviours() []behaviour {
	return []behaviour{
		{name: "a wait that is over gives nothing, without an error", test: waitOver},
		{name: "a wait ends with its context", test: waitContext},
		{name: "a context that has ended lends nothing", test: waitEndedContext},
		{name: "a wait ends when work comes", test: waitWakes},
		{name: "each of many that wait gets a job of its own", test: waitMany},
		{name: "a worker counts while it waits", test: waitCounts},
	}
}

const (
	// longWait is longer than any test: a wait of that length ends for another
	// reason or the test fails.
	longWait = time.Hour
	// patience is how long a test waits for what should come at once.
	patience = 20 * time.Second
)

// lent is the answer of a Lend that waited.
type lent struct {
	loans []jobs.Loan
	err   error
}

// await starts a Lend that waits, for a worker of that name, and returns when
// the engine knows of it. The test's end closes the engine, which ends the
// wait.
func (f *fixture) await(ctx context.Context, worker string, wait time.Duration) <-chan lent {
	f.t.Helper()
	before := f.stats().Workers
	answer := make(chan lent, 1)
	go func() {
		loans, err := f.Lend(ctx, jobs.LendRequest{Worker: worker, Max: 1, Slots: 1, Wait: wait})
		answer <- lent{loans, err}
	}()
	for f.stats().Workers == before {
		if len(answer) > 0 {
			a := <-answer
			f.t.Fatalf("a lend that had to wait answered %d loans, %v", len(a.loans), a.err)
		}
		runtime.Gosched()
	}
	return answer
}

// take waits for the answer of a Lend that should not wait any longer.
func (f *fixture) take(answer <-chan lent) lent {
	f.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case a := <-answer:
		return a
	case <-timer.C:
		f.t.Fatalf("a lend still waits after %s", patience)
		return lent{}
	}
}

// gets wants a waiting Lend to answer with the job.
func (f *fixture) gets(answer <-chan lent, id jobs.ID) {
	f.t.Helper()
	a := f.take(answer)
	if a.err != nil || len(a.loans) != 1 || a.loans[0].Job.ID != id {
		f.t.Errorf("a waiting lend got %d loans, %v; want job %s", len(a.loans), a.err, id)
	}
}

func waitOver(f *fixture) {
	req := request(1)
	req.Wait = 20 * time.Millisecond
	start := time.Now()
	loans, err := f.Lend(f.ctx(), req)
	if err != nil || len(loans) != 0 {
		f.t.Errorf("got %d loans, %v; want neither loans nor an error", len(loans), err)
	}
	if took := time.Since(start); took < req.Wait {
		f.t.Errorf("waited %s, want %s", took, req.Wait)
	}
}

func waitContext(f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx())
	answer := f.await(ctx, "patient", longWait)
	cancel()
	a := f.take(answer)
	f.isContext("a wait whose context ended", a.err, context.Canceled)
	j := f.submit()
	f.state(j.ID, jobs.Queued)
}

func waitEndedContext(f *fixture) {
	j := f.submit()
	ctx, cancel := context.WithCancel(f.ctx())
	cancel()
	_, err := f.Lend(ctx, request(1))
	f.isContext("lend", err, context.Canceled)
	f.state(j.ID, jobs.Queued)
}

func waitWakes(f *fixture) {
	// Each case readies the engine so that nothing can be lent, and returns
	// what makes one job ready, which a Lend that waits must then get.
	for _, c := range []struct {
		name  string
		ready func() (id jobs.ID, wake func())
	}{
		{"accept", func() (jobs.ID, func()) {
			s := f.submission()
			return s.ID, func() { f.accept(s) }
		}},
		{"a parked job's time", func() (jobs.ID, func()) {
			return f.bring(jobs.Parked).ID, func() { f.clock.Advance(time.Minute); f.sweep() }
		}},
		{"the end of a lease", func() (jobs.ID, func()) {
			return f.bring(jobs.Running).ID, func() { f.clock.Advance(jobs.DefaultLease); f.sweep() }
		}},
		{"release", func() (jobs.ID, func()) {
			l := loanOf(f.bring(jobs.Running))
			return l.Job.ID, func() { f.finish(l, release()) }
		}},
		{"a permit that is freed", func() (jobs.ID, func()) {
			f.bulkheads(jobs.Bulkhead{Tenant: "capped", MaxRunning: 1})
			l := loanOf(f.bring(jobs.Running, tenant("capped")))
			return f.submit(tenant("capped")).ID, func() { f.finish(l, succeed()) }
		}},
		{"a cap that is raised", func() (jobs.ID, func()) {
			f.bulkheads(jobs.Bulkhead{Tenant: "capped", MaxRunning: 1})
			f.bring(jobs.Running, tenant("capped"))
			return f.submit(tenant("capped")).ID, func() { f.bulkheads(jobs.Bulkhead{Tenant: "capped", MaxRunning: 2}) }
		}},
		{"the end of a pause", func() (jobs.ID, func()) {
			f.bulkheads(jobs.Bulkhead{Tenant: "idle", Paused: true})
			return f.submit(tenant("idle")).ID, func() { f.bulkheads(jobs.Bulkhead{Tenant: "idle"}) }
		}},
		{"requeue", func() (jobs.ID, func()) {
			id := f.bring(jobs.Failed).ID
			return id, func() { f.apply(jobs.Command{Kind: jobs.Requeue, Job: id}) }
		}},
		{"send back", func() (jobs.ID, func()) {
			id := f.bring(jobs.InReview).ID
			return id, func() { f.apply(jobs.Command{Kind: jobs.SendBack, Job: id}) }
		}},
	} {
		f.run(c.name, func() {
			id, wake := c.ready()
			answer := f.await(f.ctx(), "patient "+c.name, longWait)
			wake()
			f.gets(answer, id)
			// What still runs or is known must not be in the next case's way.
			f.clock.Advance(jobs.WorkerMemory)
			for _, j := range allJobs(f.t, f) {
				if j.State == jobs.Running {
					f.finish(loanOf(j), succeed())
				}
			}
		})
	}
}

func waitMany(f *fixture) {
	const n = 8
	var answers []<-chan lent
	for i := range n {
		answers = append(answers, f.await(f.ctx(), "patient "+string(rune('a'+i)), longWait))
	}
	// Of more than three slots one is kept for the critical lane.
	ids := f.submitMany(n, lane(jobs.Critical))
	got := make(map[jobs.ID]bool)
	for _, answer := range answers {
		a := f.take(answer)
		if a.err != nil || len(a.loans) != 1 {
			f.t.Fatalf("a waiting lend got %d loans, %v", len(a.loans), a.err)
		}
		got[a.loans[0].Job.ID] = true
	}
	if len(got) != len(ids) {
		f.t.Errorf("%d jobs went to %d waiting workers", len(got), n)
	}
}

func waitCounts(f *fixture) {
	answer := f.await(f.ctx(), "patient", longWait)
	f.clock.Advance(10 * jobs.WorkerMemory)
	if s := f.stats(); s.Workers != 1 || s.Slots != 1 {
		f.t.Errorf("%d workers with %d slots are known while one waits", s.Workers, s.Slots)
	}
	j := f.submit()
	f.gets(answer, j.ID)
	f.clock.Advance(jobs.WorkerMemory - time.Millisecond)
	if s := f.stats(); s.Workers != 1 {
		f.t.Errorf("%d workers are known shortly after one waited", s.Workers)
	}
}
