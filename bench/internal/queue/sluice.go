//go:build linux

package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/bench/internal/machine"
	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// Sluice is the default engine with bulkheads on every tenant.
type Sluice struct {
	engine  *sqlitejobs.Engine
	tenants int64
	made    atomic.Int64
	body    []byte
}

var _ Queue = (*Sluice)(nil)

// OpenSluice opens the default engine in dir, with a number of tenants that
// take turns, each with a weight and caps. made is how many jobs earlier
// openings of dir have made.
func OpenSluice(ctx context.Context, dir string, tenants int, made int64) (*Sluice, error) {
	e, err := sqlitejobs.Open(ctx, sqlitejobs.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	s := &Sluice{engine: e, tenants: int64(tenants), body: []byte(Payload())}
	s.made.Store(made)
	if err := e.SetBulkheads(ctx, s.bulkheads()...); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return s, nil
}

// Engine is the engine itself.
func (s *Sluice) Engine() *sqlitejobs.Engine { return s.engine }

// bulkheads give each tenant a weight and a cap. The cap is what one tenant
// may take of all slots, so it is counted for every job and binds nobody.
func (s *Sluice) bulkheads() []jobs.Bulkhead {
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
func (s *Sluice) Submissions(n int) []jobs.Submission {
	subs := make([]jobs.Submission, n)
	for i := range subs {
		n := s.made.Add(1)
		subs[i] = s.submission(n, tenant(n%s.tenants), jobs.Lanes()[n/s.tenants%jobs.NumLanes])
	}
	return subs
}

// SubmissionOf makes the next job for a tenant and a lane.
func (s *Sluice) SubmissionOf(tenant string, lane jobs.Lane) jobs.Submission {
	return s.submission(s.made.Add(1), tenant, lane)
}

func (s *Sluice) submission(n int64, tenant string, lane jobs.Lane) jobs.Submission {
	return jobs.Submission{
		ID: jobs.ID(fmt.Sprintf("job_%026d", n)), Tenant: tenant, Lane: lane,
		Spec: jobs.Spec{Schema: "invoice@1"}, Fingerprint: fmt.Sprintf("%064x", n),
		Document:  jobs.Document{SHA256: fmt.Sprintf("%064x", n), Size: int64(len(s.body)), MediaType: "text/plain"},
		Admission: jobs.Admission{Mode: jobs.AdmitNormal}, Body: s.body,
		DeadlineAt: time.Now().Add(24 * time.Hour), Cost: time.Millisecond, MaxQueued: maxQueued,
	}
}

// Put implements [Queue].
func (s *Sluice) Put(ctx context.Context) error { return s.accept(ctx, s.Submissions(1)) }

// fillGroup is how many jobs Fill accepts in one call.
const fillGroup = 500

// Fill accepts n jobs, many in one commit.
func (s *Sluice) Fill(ctx context.Context, n int) error {
	for left := n; left > 0; left -= fillGroup {
		if err := s.accept(ctx, s.Submissions(min(left, fillGroup))); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sluice) accept(ctx context.Context, subs []jobs.Submission) error {
	answers, err := s.engine.Accept(ctx, subs)
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

// LendAndSettle lends one job and settles it.
func (s *Sluice) LendAndSettle(ctx context.Context) error {
	l, err := s.lendOne(ctx)
	if err != nil {
		return err
	}
	return s.finish(ctx, l)
}

// Work implements [Queue]. The worker is the one that ships.
func (s *Sluice) Work(ctx context.Context, done func()) (stop func() error, err error) {
	var trouble firstError
	w, err := worker.New(worker.Config{
		Name: "bench", Slots: Slots,
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
	}, s.engine, NoOp{s.engine})
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
func (s *Sluice) Check(ctx context.Context, put, done int64) error {
	stats, err := s.engine.Stats(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		counts("accepted", stats.Accepted, put),
		counts("succeeded", stats.States[jobs.Succeeded], done),
		counts("queued", stats.States[jobs.Queued], put-done),
	)
}

// Verify compares the engine's memory with all its rows, which takes a while.
func (s *Sluice) Verify(ctx context.Context) error { return s.engine.Verify(ctx) }

// CPU implements [Queue]: the engine lives in this process.
func (s *Sluice) CPU() (time.Duration, error) { return machine.Self(), nil }

// Close implements [Queue].
func (s *Sluice) Close() error { return s.engine.Close() }

// Ledger is the part of an engine that a processor needs.
type Ledger interface {
	PutAttempts(ctx context.Context, l jobs.Lease, rows ...jobs.Attempt) error
}

// NoOp processes a job as one model call would that takes no time: the attempt
// is durable before the call, and closed with the outcome.
type NoOp struct{ Ledger Ledger }

// Process implements [worker.Processor].
func (p NoOp) Process(ctx context.Context, loan jobs.Loan, _ worker.Holding) (jobs.Outcome, error) {
	now := time.Now()
	a := jobs.Attempt{N: len(loan.Attempts) + 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "primary", Model: "large", StartedAt: now}
	if err := p.Ledger.PutAttempts(ctx, loan.Lease, a); err != nil {
		return jobs.Outcome{}, err
	}
	a.EndedAt, a.Outcome, a.Status, a.Billed = now, jobs.AttemptOK, 200, jobs.BilledYes
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
