//go:build linux

// Package queue puts the systems that are compared behind one interface: this
// project's default engine, asynq on Redis, River on PostgreSQL, and the bare
// group commit of SQLite that bounds the first.
package queue

import (
	"context"
	_ "embed"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/bench/internal/machine"
)

// Slots is how many jobs a system runs at once, over all its servers.
const Slots = 256

// invoice is a document of 2 KiB that the rule parser can read in full.
//
//go:embed invoice.txt
var invoice string //nolint:gochecknoglobals // embedding needs a variable

// Payload is the document of every job: an invoice as text, 2 KiB, which
// compresses as texts do.
func Payload() string { return invoice }

// Queue is a job system under load. Its methods are safe for concurrent use.
type Queue interface {
	// Put makes one job and returns when the system calls it durable.
	Put(ctx context.Context) error
	// Work runs workers that do nothing with each job, and calls done when a
	// job is through. stop ends them once the jobs at hand are settled; its
	// error is what went wrong meanwhile.
	Work(ctx context.Context, done func()) (stop func() error, err error)
	// Check is an error unless the system knows of exactly as many jobs put
	// and done.
	Check(ctx context.Context, put, done int64) error
	// CPU is the processor time that the system has used up to now, over all
	// processes that belong to it and to its callers.
	CPU() (time.Duration, error)
	Close() error
}

// Counted counts what goes through a queue.
type Counted struct {
	Queue
	put, done atomic.Int64
}

// Put implements [Queue].
func (c *Counted) Put(ctx context.Context) error {
	err := c.Queue.Put(ctx)
	if err == nil {
		c.put.Add(1)
	}
	return err
}

// Work implements [Queue].
func (c *Counted) Work(ctx context.Context, done func()) (stop func() error, err error) {
	return c.Queue.Work(ctx, func() {
		c.done.Add(1)
		done()
	})
}

// Counts are the jobs put and done so far.
func (c *Counted) Counts() (put, done int64) { return c.put.Load(), c.done.Load() }

// settleWithin is how long a system may take to write down what it did last.
const settleWithin = 20 * time.Second

// Settled checks that the system's own counts are ours. Systems that write
// their counts after the fact get some time.
func (c *Counted) Settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		put, done := c.Counts()
		err := c.Check(ctx, put, done)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d jobs put and %d done: %w", put, done, err)
		case <-ticker.C:
		}
	}
}

// counts compares one count of a system with ours.
func counts(what string, got, want int64) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%d jobs %s, want %d", got, what, want)
}

// withServer is the processor time of this process and of a server with all
// its children.
func withServer(pid int) (time.Duration, error) {
	server, err := machine.Processors(pid)
	return machine.Self() + server, err
}
