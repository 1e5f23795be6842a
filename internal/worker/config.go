package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// Lender is the part of an engine that a worker uses.
type Lender interface {
	Lend(ctx context.Context, req jobs.LendRequest) ([]jobs.Loan, error)
	Extend(ctx context.Context, leases []jobs.Lease, d time.Duration) ([]jobs.LeaseState, error)
	Finish(ctx context.Context, l jobs.Lease, o jobs.Outcome) (jobs.Job, error)
}

// Processor takes one job as far as it gets.
type Processor interface {
	// Process works on a loan and says how it ended. It returns soon after
	// ctx ends; the cause is [ErrShutdown], [ErrCancelAsked] or
	// [ErrLeaseLost]. An error means trouble of our own and not of the job:
	// the worker gives the job back.
	Process(ctx context.Context, loan jobs.Loan, lease Holding) (jobs.Outcome, error)
}

// Holding tells a processor how firmly its job is held.
type Holding interface {
	// Firm reports whether the engine confirmed the lease within its last
	// half. Without that no new paid call may begin.
	Firm() bool
}

// Why a job's context ends early.
var (
	// ErrShutdown: the worker stops. It is the one that package tiers knows,
	// so that a call cut short counts against nobody.
	ErrShutdown = tiers.ErrShutdown
	// ErrCancelAsked: somebody cancelled the job.
	ErrCancelAsked = fmt.Errorf("the job was cancelled: %w", tiers.ErrShutdown)
	// ErrLeaseLost: the lease ended or another worker holds the job.
	ErrLeaseLost = fmt.Errorf("the lease was lost: %w", tiers.ErrShutdown)
)

// errNoName refuses a worker that could not be told from others.
var errNoName = errors.New("worker: a name must be given")

// Config describes a worker; zero fields mean their defaults.
type Config struct {
	// Name tells workers apart; required.
	Name string
	// Slots is how many jobs run at once: 16.
	Slots int
	// Lease is how long the engine waits for a sign of life: 30 s.
	Lease time.Duration
	// Poll is how long one request for loans waits for work: 5 s.
	Poll time.Duration
	// Backoff is the pause after an engine that did not answer: 250 ms.
	Backoff time.Duration
	// Pace is asked before each request for loans how many jobs may be held
	// at once, so that an outage of the models leaves jobs in their queues;
	// nil lets every slot be filled.
	Pace   func() tiers.Pace
	Events Events
}

func (c Config) withDefaults() Config {
	if c.Slots == 0 {
		c.Slots = 16
	}
	if c.Lease == 0 {
		c.Lease = jobs.DefaultLease
	}
	if c.Poll == 0 {
		c.Poll = 5 * time.Second
	}
	if c.Backoff == 0 {
		c.Backoff = 250 * time.Millisecond
	}
	return c
}

// Events tells what a worker does. Its functions may be nil, may be called
// from several goroutines and must not block.
type Events struct {
	// Started tells of a new loan.
	Started func(loan jobs.Loan)
	// Settled tells of a loan that was settled, with the time it held its
	// slot.
	Settled func(job jobs.Job, o jobs.Outcome, took time.Duration)
	// Lost tells of an outcome that was refused because another holder has
	// the job: a duplicate that did not happen.
	Lost func(lease jobs.Lease)
	// Trouble tells of an error of our own: the job was given back, or the
	// engine did not answer.
	Trouble func(id jobs.ID, err error)
}

func (e Events) started(l jobs.Loan) {
	if e.Started != nil {
		e.Started(l)
	}
}

func (e Events) settled(j jobs.Job, o jobs.Outcome, took time.Duration) {
	if e.Settled != nil {
		e.Settled(j, o, took)
	}
}

func (e Events) lost(l jobs.Lease) {
	if e.Lost != nil {
		e.Lost(l)
	}
}

func (e Events) trouble(id jobs.ID, err error) {
	if e.Trouble != nil {
		e.Trouble(id, err)
	}
}
