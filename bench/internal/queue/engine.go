//go:build linux

package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// onEngine puts jobs of many tenants into an engine of this project, and works
// on them.
type onEngine struct {
	shared  jobs.Engine
	task    Task
	tenants int64
	made    atomic.Int64
	body    []byte
}

func newOnEngine(e jobs.Engine, tenants int) *onEngine {
	return &onEngine{shared: e, task: Task{}.withDefaults(), tenants: int64(tenants), body: []byte(Payload())}
}

func (s *onEngine) setBulkheads(ctx context.Context) error {
	return s.shared.SetBulkheads(ctx, s.bulkheads()...)
}

// bulkheads give each tenant a weight and a cap. The cap is what one tenant
// may take of all slots, so it is counted for every job and binds nobody.
func (s *onEngine) bulkheads() []jobs.Bulkhead {
	all := make([]jobs.Bulkhead, s.tenants)
	for i := range all {
		all[i] = jobs.Bulkhead{Tenant: tenant(int64(i)), Weight: 1 + i%5, MaxRunning: Slots}
	}
	return all
}

func tenant(n int64) string { return fmt.Sprintf("tenant_%05d", n) }

// maxQueued is each tenant's limit: checked for every job, and never reached.
const maxQueued = 1 << 30

// Submissions makes the next n jobs. The tenants take turns, and so do the
// lanes.
func (s *onEngine) Submissions(n int) []jobs.Submission {
	subs := make([]jobs.Submission, n)
	for i := range subs {
		n := s.made.Add(1)
		subs[i] = s.submission(n, tenant(n%s.tenants), jobs.Lanes()[n/s.tenants%jobs.NumLanes])
	}
	return subs
}

// SubmissionOf makes the next job for a tenant and a lane.
func (s *onEngine) SubmissionOf(tenant string, lane jobs.Lane) jobs.Submission {
	return s.submission(s.made.Add(1), tenant, lane)
}

func (s *onEngine) submission(n int64, tenant string, lane jobs.Lane) jobs.Submission {
	return jobs.Submission{
		ID: jobs.ID(fmt.Sprintf("job_%026d", n)), Tenant: tenant, Lane: lane,
		Spec: jobs.Spec{Schema: "invoice@1"}, Fingerprint: fmt.Sprintf("%064x", n),
		Document:  jobs.Document{SHA256: fmt.Sprintf("%064x", n), Size: int64(len(s.body)), MediaType: "text/plain"},
		Admission: jobs.Admission{Mode: jobs.AdmitNormal}, Body: s.body,
		DeadlineAt: time.Now().Add(24 * time.Hour), Cost: time.Millisecond, MaxQueued: maxQueued,
	}
}

// Put implements [Queue].
func (s *onEngine) Put(ctx context.Context) error { return s.accept(ctx, s.Submissions(1)) }

// fillGroup is how many jobs Fill accepts in one call.
const fillGroup = 500

// Fill accepts n jobs, many in one commit.
func (s *onEngine) Fill(ctx context.Context, n int) error {
	for left := n; left > 0; left -= fillGroup {
		if err := s.accept(ctx, s.Submissions(min(left, fillGroup))); err != nil {
			return err
		}
	}
	return nil
}

func (s *onEngine) accept(ctx context.Context, subs []jobs.Submission) error {
	answers, err := s.shared.Accept(ctx, subs)
	if err != nil {
		return err
	}
	for _, a := range answers {
		if a.Status != jobs.Created {
			return fmt.Errorf("a new job is answered %s", a.Status)
		}
	}
	return nil
}

// Work implements [Queue]. The worker is the one that ships.
func (s *onEngine) Work(ctx context.Context, done func()) (stop func() error, err error) {
	var trouble firstError
	w, err := worker.New(worker.Config{
		Name: s.task.Worker, Slots: s.task.Slots,
		Events: worker.Events{
			Settled: func(j jobs.Job, _ jobs.Outcome, _ time.Duration) {
				if j.State != jobs.Succeeded {
					trouble.set(fmt.Errorf("job %s ended %s", j.ID, j.State))
				}
				done()
			},
			Lost:    func(l jobs.Lease) { trouble.set(fmt.Errorf("the lease of job %s was lost", l.Job)) },
			Trouble: func(_ jobs.ID, err error) { trouble.set(err) },
		},
	}, s.shared, NoOp{s.shared, s.task})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx, settleWithin) })
	return func() error {
		cancel()
		running.Wait()
		return trouble.get()
	}, nil
}

// Check implements [Queue].
func (s *onEngine) Check(ctx context.Context, put, done int64) error {
	stats, err := s.shared.Stats(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		counts("accepted", stats.Accepted, put),
		counts("succeeded", stats.States[jobs.Succeeded], done),
		counts("queued", stats.States[jobs.Queued], put-done),
	)
}

// Ledger is the part of an engine that a processor needs.
type Ledger interface {
	PutAttempts(ctx context.Context, l jobs.Lease, rows ...jobs.Attempt) error
}

// NoOp processes a job as one model call would that takes no time, or as long
// as the task says: the attempt is durable before the call, and closed with
// the outcome.
type NoOp struct {
	Ledger Ledger
	Task   Task
}

// Process implements [worker.Processor].
func (p NoOp) Process(ctx context.Context, loan jobs.Loan, _ worker.Holding) (jobs.Outcome, error) {
	p.Task.start()
	now := time.Now()
	a := jobs.Attempt{N: len(loan.Attempts) + 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "primary", Model: "large", StartedAt: now}
	if err := p.Ledger.PutAttempts(ctx, loan.Lease, a); err != nil {
		return jobs.Outcome{}, err
	}
	if err := p.Task.hold(ctx); err != nil {
		return jobs.Outcome{}, err
	}
	a.EndedAt, a.Outcome, a.Status, a.Billed = now.Add(p.Task.Takes), jobs.AttemptOK, 200, jobs.BilledYes
	return jobs.Outcome{
		Kind: jobs.Succeed, Tier: 1, Attempts: []jobs.Attempt{a},
		Result: &jobs.Result{Data: []byte(`{"total":"12.50"}`), Quality: jobs.Quality{Tier: 1, Review: "none"}},
	}, nil
}

// firstError keeps the first error it is given.
type firstError struct {
	mu  sync.Mutex
	err error
}

func (f *firstError) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
