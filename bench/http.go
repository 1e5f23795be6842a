//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/sluicehq/sluice/bench/internal/child"
	"github.com/sluicehq/sluice/bench/internal/drive"
	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/bench/internal/httpload"
	"github.com/sluicehq/sluice/bench/internal/queue"
	"github.com/sluicehq/sluice/internal/pause"
)

// The contestants over HTTP.
const (
	overHTTP    = "Sluice over HTTP"
	withoutHTTP = "the same route without a store"
	noOpHTTP    = "Sluice over HTTP, no-op processor"
	rulesHTTP   = "Sluice over HTTP, rule parser"
)

// served enters an API in a process of its own.
func (a *arena) served(name string, store child.Store, workers child.Workers, slots int) error {
	dir, err := a.b.newDir("api")
	if err != nil {
		return err
	}
	s, err := httpload.Serve(httpload.Options{Store: store, Workers: workers, Dir: dir, Slots: slots, Document: queue.Payload()})
	if err != nil {
		return err
	}
	a.onClose(func(ctx context.Context) error {
		var err error
		if store == child.SQLite {
			err = verify(ctx, dir)
		}
		return errors.Join(err, os.RemoveAll(dir))
	})
	a.enter(name, s)
	return nil
}

// http measures the API.
func (b *bench) http(ctx context.Context) error {
	for _, callers := range b.plan.callers {
		if err := b.httpIntake(ctx, callers); err != nil {
			return err
		}
	}
	return b.httpWhole(ctx)
}

func (b *bench) httpIntake(ctx context.Context, callers int) (err error) {
	a, err := b.newArena("http-intake")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close(ctx)) }()
	err = errors.Join(a.served(overHTTP, child.SQLite, child.Nobody, 0), a.served(withoutHTTP, child.Nowhere, child.Nobody, 0), a.raw(ctx))
	if err != nil {
		return err
	}
	results, err := a.contest(ctx, fmt.Sprintf("durable intake over HTTP, %d callers", callers), func(ctx context.Context, q *queue.Counted) (drive.Sample, error) {
		return drive.Intake(ctx, q, callers, b.plan.window)
	})
	if err != nil {
		return err
	}
	t := compare(fmt.Sprintf("Durable intake over HTTP, %s", plural(callers, "caller")), results)
	share := results[0].Values.Over(figures.Least(results[1].Values, results[2].Values))
	t.Notes = append(t.Notes, fmt.Sprintf("Against the slower of the two: %s ×. Processor time over HTTP is the server's alone, without the load generator's.", share.Spread()))
	b.tables = append(b.tables, t)
	if callers == slices.Max(b.plan.callers) {
		b.reached(intakeHTTP, share.Median() >= 0.8, "%s × with %d callers, %s µs of processor a job",
			share.Spread(), callers, figures.Number(results[0].CPU.Median()))
	}
	return nil
}

// waiters is how many callers wait for their jobs at once, and slots how many
// jobs the server runs.
const waiters = 64

// httpWhole measures jobs from the request to the answer that has their result.
func (b *bench) httpWhole(ctx context.Context) (err error) {
	a, err := b.newArena("http-whole")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close(ctx)) }()
	err = errors.Join(a.served(noOpHTTP, child.SQLite, child.NoOp, waiters), a.served(rulesHTTP, child.SQLite, child.Rules, waiters), a.asynq(ctx, always, 1))
	if err != nil {
		return err
	}
	for _, q := range a.queues {
		if err := b.warmUp(ctx, q); err != nil {
			return err
		}
	}
	results, err := a.contest(ctx, "whole jobs over HTTP", func(ctx context.Context, q *queue.Counted) (drive.Sample, error) {
		if _, ok := q.Queue.(*httpload.Served); ok {
			return drive.Intake(ctx, q, waiters, b.plan.window) // a put ends with its job
		}
		return drive.Whole(ctx, q, b.wholeLoad())
	})
	if err != nil {
		return err
	}
	t := compare(fmt.Sprintf("Whole jobs over HTTP, %d callers that wait for the result", waiters), results)
	t.Notes = append(t.Notes, "asynq takes part without HTTP, driven as under whole jobs. The rule parser reads the invoice in full.")
	b.tables = append(b.tables, t)
	return nil
}

// Before it has seen a job done, an API takes every job for a model call of
// seconds and lets in no more than would be done in time. So it gets a few,
// slowly, until its worker has told how fast it is.
const (
	warmUpJobs = 100
	warmUpGap  = 30 * time.Millisecond
)

// warmUp lets an API learn how fast its worker is.
func (b *bench) warmUp(ctx context.Context, q *queue.Counted) error {
	if _, ok := q.Queue.(*httpload.Served); !ok {
		return nil
	}
	for range warmUpJobs {
		if err := errors.Join(q.Put(ctx), pause.For(ctx, warmUpGap)); err != nil {
			return err
		}
	}
	return nil
}

// verify opens the data directory of an API that has ended and compares its
// rows.
func verify(ctx context.Context, dir string) error {
	s, err := queue.OpenSluice(ctx, child.DataDir(dir), 1, 0)
	if err != nil {
		return err
	}
	return errors.Join(s.Verify(ctx), s.Close())
}
