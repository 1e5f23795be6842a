//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/bench/internal/drive"
	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/bench/internal/queue"
)

// severalTenants is how many tenants share the engine where their number is
// not the matter.
const severalTenants = 100

// intake measures how fast jobs become durable.
func (b *bench) intake(ctx context.Context) error {
	for _, callers := range b.plan.callers {
		if err := b.intakeWith(ctx, callers); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) intakeWith(ctx context.Context, callers int) (err error) {
	a, err := b.newArena("intake")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close(ctx)) }()
	err = errors.Join(a.sluice(ctx, ours, severalTenants), a.raw(ctx), a.asynq(ctx, always, 1), a.asynq(ctx, everysec, 1), a.river(ctx))
	if err != nil {
		return err
	}
	results, err := a.contest(ctx, fmt.Sprintf("durable intake, %d callers", callers), func(ctx context.Context, q *queue.Counted) (drive.Sample, error) {
		return drive.Intake(ctx, q, callers, b.plan.window)
	})
	if err != nil {
		return err
	}
	for i := range results { // no server takes part
		switch results[i].Name {
		case asynqName(1, always):
			results[i].Name = "asynq, " + always
		case asynqName(1, everysec):
			results[i].Name = "asynq, " + everysec
		}
	}
	b.tables = append(b.tables, compare(fmt.Sprintf("Durable intake, %s", plural(callers, "caller")), results))
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "s") {
		what += "e"
	}
	return figures.Count(n) + " " + what + "s"
}

// wholeLoad drives whole jobs: enough callers for large groups, and a backlog
// that never runs dry.
func (b *bench) wholeLoad() drive.Load {
	return drive.Load{Callers: 256, InFlight: 1024, Warm: b.plan.warm, Window: b.plan.window}
}

// asynqServers are the numbers of asynq servers, which share the slots.
func asynqServers() []int { return []int{1, 4, 16} }

// whole measures jobs that do nothing from their acceptance to their end.
func (b *bench) whole(ctx context.Context) (err error) {
	a, err := b.newArena("whole")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close(ctx)) }()
	err = errors.Join(a.sluice(ctx, ours, severalTenants), a.raw(ctx),
		a.asynq(ctx, always, asynqServers()...), a.asynq(ctx, everysec, asynqServers()...), a.river(ctx))
	if err != nil {
		return err
	}
	results, err := a.contest(ctx, "whole jobs", func(ctx context.Context, q *queue.Counted) (drive.Sample, error) {
		return drive.Whole(ctx, q, b.wholeLoad())
	})
	if err != nil {
		return err
	}
	b.tables = append(b.tables, compare("Whole jobs: accept, lend, one ledger row, outcome", results))
	b.judgeWhole(results)
	return nil
}

func (b *bench) judgeWhole(results []drive.Result) {
	one, four, sixteen := find(results, asynqName(1, always)), find(results, asynqName(4, always)), find(results, asynqName(16, always))
	if one == nil {
		b.unknown(wholeOne, "left out by -without redis")
		b.unknown(wholeBest, "left out by -without redis")
		return
	}
	engine := find(results, ours).Values
	r := engine.Over(one.Values)
	b.reached(wholeOne, r.Median() >= 5, "%s ×", r.Spread())
	r = engine.Over(figures.Greatest(four.Values, sixteen.Values))
	b.reached(wholeBest, r.Median() >= 2, "%s ×", r.Spread())
}

// tenants measures whole jobs of few and many tenants.
func (b *bench) tenants(ctx context.Context) (err error) {
	a, err := b.newArena("tenants")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close(ctx)) }()
	for _, n := range []int{1, 100, 10_000} {
		if err := a.sluice(ctx, plural(n, "tenant"), n); err != nil {
			return err
		}
	}
	results, err := a.contest(ctx, "whole jobs by tenants", func(ctx context.Context, q *queue.Counted) (drive.Sample, error) {
		return drive.Whole(ctx, q, b.wholeLoad())
	})
	if err != nil {
		return err
	}
	b.tables = append(b.tables, compare("Whole jobs by number of tenants", results))
	return nil
}
