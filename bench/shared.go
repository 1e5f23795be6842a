//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sluicehq/sluice/bench/internal/child"
	"github.com/sluicehq/sluice/bench/internal/drive"
	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/bench/internal/machine"
	"github.com/sluicehq/sluice/bench/internal/queue"
	"github.com/sluicehq/sluice/bench/internal/service"
)

// shared measures the engine for many machines beside raw asynq. All workers
// are processes of their own.
func (b *bench) shared(ctx context.Context) error {
	if b.redis == nil {
		for _, t := range []target{sharedOne, sharedBest, sharedDelay, sharedSecond} {
			b.unknown(t, "left out by -without redis")
		}
		return nil
	}
	return errors.Join(b.sharedWhole(ctx), b.sharedStart(ctx), b.sharedProcesses(ctx))
}

// store is a redis-server that syncs every write, and a contestant on it.
type store struct {
	*service.RedisServer
	name string
	// perJob is the server's processor time for each job, in microseconds, by
	// round. Jobs of the warm-up count as well.
	perJob figures.Series
}

// onRedis starts a redis-server for one contestant alone, so that what the
// server takes is known for each.
func (a *arena) onRedis(ctx context.Context, name string) (*store, error) {
	dir, err := a.b.newDir("redis")
	if err != nil {
		return nil, err
	}
	s, err := service.StartRedis(ctx, a.b.redis[0], dir, always)
	if err != nil {
		return nil, err
	}
	a.b.environment.redis = s.Version
	a.onClose(func(context.Context) error { return errors.Join(s.Stop(), os.RemoveAll(dir)) })
	return &store{RedisServer: s, name: name}, nil
}

// crew says how the workers of a contestant run.
type crew struct {
	processes int
	slots     int
	takes     time.Duration
	onStart   func(time.Time)
}

// sharedEngine enters the engine for many machines.
func (a *arena) sharedEngine(ctx context.Context, name string, tenants int, c crew) (*store, error) {
	s, err := a.onRedis(ctx, name)
	if err != nil {
		return nil, err
	}
	q, err := queue.OpenShared(ctx, queue.SharedConfig{Addr: s.Addr, PID: s.PID(), Tenants: tenants})
	if err != nil {
		return nil, err
	}
	w := child.Work{System: child.Shared, Addr: s.Addr, Slots: c.slots, Takes: c.takes, Starts: c.onStart != nil}
	a.enter(name, child.NewCrew(q, w, c.processes, c.onStart))
	return s, nil
}

// sharedAsynq enters raw asynq with a number of servers in one process.
func (a *arena) sharedAsynq(ctx context.Context, name string, servers int, c crew) (*store, error) {
	s, err := a.onRedis(ctx, name)
	if err != nil {
		return nil, err
	}
	q, err := queue.OpenAsynq(s.Addr, s.PID(), servers)
	if err != nil {
		return nil, err
	}
	w := child.Work{System: child.Asynq, Addr: s.Addr, Servers: servers, Slots: c.slots, Takes: c.takes, Starts: c.onStart != nil}
	a.enter(name, child.NewCrew(q, w, c.processes, c.onStart))
	return s, nil
}

// watched notes what the server takes for each job of a round.
func (s *store) watched(q *queue.Counted, round func() (drive.Sample, error)) (drive.Sample, error) {
	before, err := machine.Processors(s.PID())
	if err != nil {
		return drive.Sample{}, err
	}
	_, was := q.Counts()
	sample, err := round()
	if err != nil {
		return drive.Sample{}, err
	}
	after, err := machine.Processors(s.PID())
	_, is := q.Counts()
	s.perJob = append(s.perJob, figures.Microseconds(after-before)/float64(max(is-was, 1)))
	return sample, err
}

// duel measures contestants that have a Redis each.
func (a *arena) duel(ctx context.Context, what, unit string, stores []*store, round func(q *queue.Counted, s *store) (drive.Sample, error)) ([]drive.Result, error) {
	all := make([]drive.Contestant, len(stores))
	for i, q := range a.queues {
		all[i] = drive.Contestant{Name: stores[i].name, Round: func(context.Context) (drive.Sample, error) {
			return stores[i].watched(q, func() (drive.Sample, error) { return round(q, stores[i]) })
		}}
	}
	return a.b.contestOf(ctx, a.b.plan.sharedRounds, what, unit, all)
}

// sharedTenants are the numbers of tenants that share the engine.
func sharedTenants() []int { return []int{1, 100, manyTenants} }

func sharedName(tenants int) string { return "Sluice on Redis, " + plural(tenants, "tenant") }

// sharedWhole measures whole jobs as [bench.whole] does.
func (b *bench) sharedWhole(ctx context.Context) (err error) {
	a, err := b.newArena("shared-whole")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close(ctx)) }()
	c := crew{processes: 1, slots: queue.Slots}
	var stores []*store
	for _, n := range sharedTenants() {
		s, err := a.sharedEngine(ctx, sharedName(n), n, c)
		if err != nil {
			return err
		}
		stores = append(stores, s)
	}
	for _, n := range asynqServers() {
		s, err := a.sharedAsynq(ctx, asynqName(n, always), n, c)
		if err != nil {
			return err
		}
		stores = append(stores, s)
	}
	results, err := a.duel(ctx, "whole jobs on Redis", "jobs/s", stores, func(q *queue.Counted, _ *store) (drive.Sample, error) {
		return drive.Whole(ctx, q, b.wholeLoad())
	})
	if err != nil {
		return err
	}
	b.tables = append(b.tables, sharedTable(results, stores))
	b.judgeShared(results)
	return nil
}

func sharedTable(results []drive.Result, stores []*store) figures.Table {
	t := figures.Table{Title: "Whole jobs on Redis, appendfsync always", Head: []string{
		"system", "jobs/s: median (least–most)", "processor µs/job", "of it Redis", "÷ 1 asynq server", "÷ best asynq",
	}}
	one, best := rivals(results)
	for i, r := range results {
		t.Add(r.Name, r.Values.Spread(), figures.Number(r.CPU.Median()), figures.Number(stores[i].perJob.Median()),
			r.Values.Over(one).Spread(), r.Values.Over(best).Spread())
	}
	t.Notes = append(t.Notes,
		"Each system has a redis-server of its own, which is at rest while the others are measured, and its workers in a process of their own. "+
			"asynq has one queue, no tenants, no caps and no ledger. The best asynq is, round by round, the best of the three.")
	return t
}

// rivals are the rounds of one asynq server, and those of the best number.
func rivals(results []drive.Result) (one, best figures.Series) {
	var all []figures.Series
	for _, n := range asynqServers() {
		all = append(all, find(results, asynqName(n, always)).Values)
	}
	return all[0], figures.Greatest(all...)
}

// judgeShared judges the number of tenants at which the engine does worst.
func (b *bench) judgeShared(results []drive.Result) {
	one, best := rivals(results)
	for t, rival := range map[target]figures.Series{sharedOne: one, sharedBest: best} {
		met, text := true, ""
		for _, n := range sharedTenants() {
			r := find(results, sharedName(n)).Values.Over(rival)
			met = met && r.Median() >= 0.7
			text += fmt.Sprintf("; %s: %s ×", plural(n, "tenant"), r.Spread())
		}
		b.reached(t, met, "%s", text[len("; "):])
	}
}

// The contestants of the delay.
const (
	idleShared = "Sluice on Redis"
	idleAsynq  = "asynq"
)

// sharedStart measures how soon a job is started that comes to idle workers.
func (b *bench) sharedStart(ctx context.Context) (err error) {
	a, err := b.newArena("shared-start")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close(ctx)) }()
	begins := make(chan time.Time, b.plan.lone)
	c := crew{processes: 1, slots: queue.Slots, onStart: func(at time.Time) { begins <- at }}
	engine, err := a.sharedEngine(ctx, idleShared, severalTenants, c)
	if err != nil {
		return err
	}
	raw, err := a.sharedAsynq(ctx, idleAsynq, 1, c)
	if err != nil {
		return err
	}
	all := map[string]figures.Series{}
	results, err := a.duel(ctx, "start of a lone job", "ms", []*store{engine, raw}, func(q *queue.Counted, s *store) (drive.Sample, error) {
		delays, err := drive.Lone(ctx, q, b.plan.lone, begins)
		all[s.name] = append(all[s.name], delays...)
		return drive.Sample{Value: delays.Median()}, err
	})
	if err != nil {
		return err
	}
	t := figures.Table{Title: "Start of a job that comes to idle workers", Head: []string{
		"system", "ms: median of the rounds (least–most)", "median of all", "99 %",
	}}
	for _, r := range results {
		t.Add(r.Name, r.Values.Spread(), figures.Number(all[r.Name].Median()), figures.Number(all[r.Name].Quantile(0.99)))
	}
	t.Notes = append(t.Notes, fmt.Sprintf("Measured is the time from the durable answer to the start of the handler in another process, of %d jobs. "+
		"Both look for work every %d ms. The engine hands out the job on the way, with one more write that is synced.",
		len(all[idleShared]), queue.CheckInterval.Milliseconds()))
	b.tables = append(b.tables, t)
	own, theirs := results[0].Values, results[1].Values
	b.reached(sharedDelay, own.Median() <= 50, "%s ms; raw asynq %s ms", own.Spread(), theirs.Spread())
	return nil
}

// What each process of the contest of worker processes runs: few slots and
// jobs that take a while, so that the slots are the limit and not the server.
const (
	crewSlots = 8
	crewTakes = 20 * time.Millisecond
)

// crewSizes are the numbers of worker processes. The first two are judged.
func crewSizes() []int { return []int{1, 2, 4, 8} }

// sharedProcesses measures what more worker processes give.
func (b *bench) sharedProcesses(ctx context.Context) (err error) {
	a, err := b.newArena("shared-processes")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close(ctx)) }()
	var stores []*store
	for _, n := range crewSizes() {
		s, err := a.sharedEngine(ctx, plural(n, "worker process"), severalTenants, crew{processes: n, slots: crewSlots, takes: crewTakes})
		if err != nil {
			return err
		}
		stores = append(stores, s)
	}
	load := b.wholeLoad()
	load.Callers, load.InFlight = 128, 4*crewSlots*crewSizes()[len(crewSizes())-1]
	results, err := a.duel(ctx, "worker processes on Redis", "jobs/s", stores, func(q *queue.Counted, _ *store) (drive.Sample, error) {
		return drive.Whole(ctx, q, load)
	})
	if err != nil {
		return err
	}
	t := figures.Table{Title: "Worker processes on one Redis", Head: []string{
		"worker processes", "jobs/s: median (least–most)", "÷ one process", "Redis, % of a processor", "of what the slots could do",
	}}
	for i, r := range results {
		n := crewSizes()[i]
		busy := 100 * r.Values.Median() * stores[i].perJob.Median() / 1e6
		could := float64(n*crewSlots) / crewTakes.Seconds()
		t.Add(fmt.Sprint(n), r.Values.Spread(), r.Values.Over(results[0].Values).Spread(), figures.Number(busy), figures.Number(r.Values.Median()/could))
	}
	t.Notes = append(t.Notes, fmt.Sprintf("Each process runs %d jobs at once, and each job takes %d ms. Redis is the limit from where one more process adds little; "+
		"on this machine Redis, the workers and the callers share %d processors.", crewSlots, crewTakes.Milliseconds(), b.environment.machine.Cores))
	b.tables = append(b.tables, t)
	two := results[1].Values.Over(results[0].Values)
	b.reached(sharedSecond, two.Median() >= 1.5, "%s ×", two.Spread())
	return nil
}
