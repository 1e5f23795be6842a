package jobstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func concurrencyBehaviours() []behaviour {
	return []behaviour{
		{name: "workers, clients and commands at once lose and double nothing", test: concurrencyStress},
	}
}

// stress is a busy hour: clients submit, workers lend and settle, and people
// command, all at once.
type stress struct {
	f *fixture

	mu   sync.Mutex
	held map[jobs.ID]jobs.Token // by those who hold loans
}

func concurrencyStress(f *fixture) {
	const clients, each, workers = 3, 60, 4
	s := &stress{f: f, held: make(map[jobs.ID]jobs.Token)}
	ctx, done := context.WithCancel(f.ctx())
	defer done()
	var groups [][]jobs.Submission
	for c := range clients {
		var group []jobs.Submission
		for range each {
			group = append(group, f.accepted(f.submission(tenant(fmt.Sprint("tenant", c)), lane(jobs.Lane(f.n%4)))))
		}
		groups = append(groups, group)
	}
	f.bulkheads(jobs.Bulkhead{Tenant: "tenant0", MaxRunning: 2}, jobs.Bulkhead{Tenant: "tenant1", Weight: 3})

	var client, worker sync.WaitGroup
	for i, group := range groups {
		client.Go(func() { s.submit(ctx, group, rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	for i := range workers {
		worker.Go(func() { s.work(ctx, fmt.Sprint("worker", i), rand.New(rand.NewPCG(2, uint64(i)))) })
	}
	client.Wait()
	for !s.settled(ctx) {
		s.sweep(ctx)
	}
	done()
	worker.Wait()
}

// submit accepts a client's jobs in groups and cancels some of them.
func (s *stress) submit(ctx context.Context, group []jobs.Submission, random *rand.Rand) {
	for len(group) > 0 {
		n := min(1+random.IntN(8), len(group))
		if _, err := s.f.Accept(ctx, group[:n]); err != nil {
			s.f.t.Errorf("accept: %v", err)
		}
		if random.IntN(3) == 0 {
			_, err := s.f.Apply(ctx, cancel(group[0].ID))
			if err != nil && !errors.Is(err, jobs.ErrConflict) {
				s.f.t.Errorf("cancel: %v", err)
			}
		}
		group = group[n:]
	}
}

// work lends and settles until ctx ends.
func (s *stress) work(ctx context.Context, name string, random *rand.Rand) {
	for {
		loans, err := s.f.Lend(ctx, jobs.LendRequest{Worker: name, Max: 3, Slots: 3, Wait: longWait})
		if err != nil {
			if ctx.Err() == nil {
				s.f.t.Errorf("lend: %v", err)
			}
			return
		}
		for _, l := range loans {
			s.hold(l)
		}
		for _, l := range loans {
			s.settle(ctx, l, random)
		}
	}
}

// hold wants nobody else to hold the job.
func (s *stress) hold(l jobs.Loan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, ok := s.held[l.Job.ID]; ok {
		s.f.t.Errorf("job %s is lent as %d while %d holds it", l.Job.ID, l.Lease.Token, other)
	}
	s.held[l.Job.ID] = l.Lease.Token
}

func (s *stress) settle(ctx context.Context, l jobs.Loan, random *rand.Rand) {
	now := s.f.clock.Now()
	n := len(l.Attempts) + 1
	if err := s.f.PutAttempts(ctx, l.Lease, call(n, now)); err != nil {
		s.f.t.Errorf("put attempts: %v", err)
	}
	o := []jobs.Outcome{succeed(), succeed(), fail(), review(), release(), park(now)}[random.IntN(6)]
	o.Attempts = []jobs.Attempt{closed(call(n, now), now)}
	o.Service = time.Duration(random.IntN(5000)) * time.Millisecond
	s.mu.Lock()
	delete(s.held, l.Job.ID)
	s.mu.Unlock()
	if _, err := s.f.Finish(ctx, l.Lease, o); err != nil {
		s.f.t.Errorf("finish: %v", err)
	}
	if o.Kind == jobs.Park {
		s.sweep(ctx)
	}
}

func (s *stress) sweep(ctx context.Context) {
	if _, err := s.f.Sweep(ctx); err != nil {
		s.f.t.Errorf("sweep: %v", err)
	}
}

// settled reports whether no job waits or runs, or the test has failed.
func (s *stress) settled(ctx context.Context) bool {
	stats, err := s.f.Stats(ctx)
	if err != nil {
		s.f.t.Errorf("stats: %v", err)
	}
	return s.f.t.Failed() ||
		stats.States[jobs.Queued]+stats.States[jobs.Running]+stats.States[jobs.Parked] == 0
}
