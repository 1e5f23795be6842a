package jobstest

import (
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func statsBehaviours() []behaviour {
	return []behaviour{
		{name: "an empty engine counts nothing", test: statsEmpty},
		{name: "every state is counted and the sum is what was accepted", test: statsStates},
		{name: "queues are exact by lane and tenant", test: statsQueues},
		{name: "the oldest is the head of its queue", test: statsOldest},
		{name: "the books balance at every moment", test: statsBalance},
	}
}

func statsEmpty(f *fixture) {
	f.same("stats", jobs.Stats{At: f.clock.Now()}, f.stats())
}

func statsStates(f *fixture) {
	want := make(map[jobs.State]int64)
	all := jobs.States()
	// Queued comes last: it would be lent in the place of others.
	all = append(all[1:], jobs.Queued)
	for i, s := range all {
		for range i + 1 {
			f.bring(s)
			want[s]++
			if s == jobs.Queued {
				continue
			}
			checkBooks(f.t, f)
		}
	}
	got := f.stats()
	f.same("states", want, got.States)
	if n := int64(len(all)); got.Accepted != n*(n+1)/2 {
		f.t.Errorf("accepted %d, want %d", got.Accepted, n*(n+1)/2)
	}
}

func statsQueues(f *fixture) {
	at := f.clock.Now()
	f.bring(jobs.Parked, tenant("globex"), lane(jobs.Batch))
	f.bring(jobs.Running, lane(jobs.Critical))
	f.submitMany(3, lane(jobs.Critical))
	f.submitMany(2, tenant("globex"))
	f.submit()
	f.same("queues", []jobs.QueueStats{
		{Lane: jobs.Critical, Tenant: "acme", Queued: 3, Running: 1, OldestAt: at},
		{Lane: jobs.Standard, Tenant: "acme", Queued: 1, OldestAt: at},
		{Lane: jobs.Standard, Tenant: "globex", Queued: 2, OldestAt: at},
		{Lane: jobs.Batch, Tenant: "globex", Parked: 1},
	}, f.stats().Queues)
	for _, id := range f.list(jobs.Filter{States: []jobs.State{jobs.Queued, jobs.Parked}}, jobs.Page{}) {
		f.apply(cancel(id))
	}
	f.same("queues", []jobs.QueueStats{{Lane: jobs.Critical, Tenant: "acme", Running: 1}}, f.stats().Queues)
}

func statsOldest(f *fixture) {
	var at []time.Time
	for range 3 {
		at = append(at, f.clock.Now())
		f.submit()
		f.clock.Advance(time.Second)
	}
	oldest := func() time.Time {
		f.t.Helper()
		return f.stats().Lane(jobs.Standard).OldestAt
	}
	if got := oldest(); !got.Equal(at[0]) {
		f.t.Errorf("the oldest is of %s, want %s", got, at[0])
	}
	l := f.lendOne()
	if got := oldest(); !got.Equal(at[1]) {
		f.t.Errorf("with the head lent, the oldest is of %s, want %s", got, at[1])
	}
	f.finish(l, release())
	if got := oldest(); !got.Equal(at[0]) {
		f.t.Errorf("with the head back, the oldest is of %s, want %s", got, at[0])
	}
	f.apply(move(l.Job.ID, jobs.Batch))
	if got := f.stats().Lane(jobs.Batch).OldestAt; !got.Equal(at[0]) {
		f.t.Errorf("in its new lane the oldest is of %s, want %s", got, at[0])
	}
	if got := oldest(); !got.Equal(at[1]) {
		f.t.Errorf("with the head moved, the oldest is of %s, want %s", got, at[1])
	}
}

func statsBalance(f *fixture) {
	outcomes := f.outcomes()
	f.busy(40, func(n int) jobs.Outcome { return outcomes[n%4] }, f.balanced)
}

// busy takes n jobs from their submission to their outcomes, and watches again
// and again meanwhile.
func (f *fixture) busy(n int, outcome func(n int) jobs.Outcome, watch func()) {
	subs := make([]jobs.Submission, n)
	for i := range subs {
		subs[i] = f.accepted(f.submission())
	}
	var work, watching sync.WaitGroup
	done := make(chan struct{})
	watching.Go(func() {
		for {
			watch()
			select {
			case <-done:
				return
			default:
			}
		}
	})
	work.Go(func() {
		for i := range subs {
			if _, err := f.Accept(f.ctx(), subs[i:i+1]); err != nil {
				f.t.Errorf("accept: %v", err)
			}
		}
	})
	work.Go(func() {
		req := request(3)
		req.Wait = longWait
		for settled := 0; settled < n && !f.t.Failed(); {
			loans, err := f.Lend(f.ctx(), req)
			if err != nil {
				f.t.Errorf("lend: %v", err)
			}
			for _, l := range loans {
				if _, err := f.Finish(f.ctx(), l.Lease, outcome(settled)); err != nil {
					f.t.Errorf("finish: %v", err)
				}
				settled++
			}
		}
	})
	work.Wait()
	close(done)
	watching.Wait()
}

// balanced wants the sums of one snapshot to agree.
func (f *fixture) balanced() {
	s, err := f.Stats(f.ctx())
	if err != nil {
		f.t.Errorf("stats: %v", err)
		return
	}
	var sum, waiting, running int64
	for _, n := range s.States {
		sum += n
	}
	for _, q := range s.Queues {
		waiting += int64(q.Queued + q.Parked)
		running += int64(q.Running)
	}
	if sum != s.Accepted || waiting != s.States[jobs.Queued]+s.States[jobs.Parked] || running != s.States[jobs.Running] {
		f.t.Errorf("the books do not balance: %+v", s)
	}
}
