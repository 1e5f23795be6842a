//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/bench/internal/child"
	"github.com/sluicehq/sluice/bench/internal/drive"
	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/bench/internal/machine"
	"github.com/sluicehq/sluice/bench/internal/queue"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// standing is an engine with a backlog that stays.
type standing struct {
	*queue.Sluice
	dir     string
	queued  int
	tenants int
}

// Numbers of tenants over which a backlog is spread.
const (
	fewTenants  = 10
	manyTenants = 10_000
)

func (s *standing) name() string {
	return fmt.Sprintf("%s queued, %s tenants", figures.Count(s.queued), figures.Count(s.tenants))
}

// backlog measures lending with few and many jobs queued, then what a restart
// takes with most of them, and their memory.
func (b *bench) backlog(ctx context.Context) (err error) {
	var all []*standing
	defer func() {
		for _, s := range all {
			err = errors.Join(err, s.Close(), os.RemoveAll(s.dir))
		}
	}()
	build := func(queued, tenants int) error {
		s, err := b.stand(ctx, queued, tenants)
		if err == nil {
			all = append(all, s)
		}
		return err
	}
	for _, n := range b.plan.backlogs {
		if err := build(n, fewTenants); err != nil {
			return err
		}
	}
	if err := build(b.plan.tenantsAt, manyTenants); err != nil {
		return err
	}
	if err := b.lending(ctx, all); err != nil {
		return err
	}
	for _, s := range all {
		if err := s.Verify(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	if err := b.restarts(ctx, all[len(b.plan.backlogs)-1]); err != nil {
		return err
	}
	return b.schedulers()
}

// stand fills a new engine.
func (b *bench) stand(ctx context.Context, queued, tenants int) (*standing, error) {
	dir, err := b.newDir("backlog")
	if err != nil {
		return nil, err
	}
	q, err := queue.OpenSluice(ctx, dir, tenants, 0)
	if err != nil {
		return nil, err
	}
	s := &standing{Sluice: q, dir: dir, queued: queued, tenants: tenants}
	b.say("filling: %s", s.name())
	if err := q.Fill(ctx, queued); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return s, nil
}

// lending measures lend and outcome over all backlogs.
func (b *bench) lending(ctx context.Context, all []*standing) error {
	contestants := make([]drive.Contestant, len(all))
	for i, s := range all {
		contestants[i] = drive.Contestant{Name: s.name(), Round: func(ctx context.Context) (drive.Sample, error) {
			return s.lend(ctx, b.plan.window)
		}}
	}
	results, err := b.contest(ctx, "lend and outcome by backlog", "jobs/s", contestants)
	if err != nil {
		return err
	}
	b.tables = append(b.tables, compare("Lend and outcome by backlog", results))
	b.judgeLending(results)
	return nil
}

func (b *bench) judgeLending(results []drive.Result) {
	few := results[:len(b.plan.backlogs)]
	var series []figures.Series
	for _, r := range few {
		series = append(series, r.Values)
	}
	spread := figures.Greatest(series...).Over(figures.Least(series...))
	// The medians of the contestants, too, say how flat it is; the spread
	// within a round holds the noise of the machine as well.
	slowest, fastest := medians(few)
	b.reached(flatBacklog, fastest/slowest <= 1.5, "%s × by medians; %s × within a round", figures.Number(fastest/slowest), spread.Spread())
	if b.plan.most() < manyQueued {
		b.unknown(flatBacklog, "%s × up to %s queued; -quick goes no further", figures.Number(fastest/slowest), figures.Count(b.plan.most()))
	}
	at := few[slices.Index(b.plan.backlogs, b.plan.tenantsAt)].Values
	r := at.Over(results[len(results)-1].Values)
	b.reached(flatTenants, r.Median() <= 1.5, "%s × at %s queued", r.Spread(), figures.Count(b.plan.tenantsAt))
}

// medians are the least and the greatest median.
func medians(results []drive.Result) (least, greatest float64) {
	var all figures.Series
	for _, r := range results {
		all = append(all, r.Values.Median())
	}
	return all.Min(), all.Max()
}

// slice is how many jobs are lent before as many are put back, which does not
// count: so the backlog stays what it is.
const slice = 500

// lenders is how many callers lend and settle at once.
const lenders = 64

// lend lends and settles jobs for the length of the window.
func (s *standing) lend(ctx context.Context, window time.Duration) (drive.Sample, error) {
	var took, cpu time.Duration
	var n int
	for took < window {
		since, before := time.Now(), machine.Self()
		if err := s.lendSlice(ctx); err != nil {
			return drive.Sample{}, err
		}
		took += time.Since(since)
		cpu += machine.Self() - before
		n += slice
		if err := s.Fill(ctx, slice); err != nil {
			return drive.Sample{}, err
		}
	}
	stats, err := s.Engine().Stats(ctx)
	if err != nil {
		return drive.Sample{}, err
	}
	if got := stats.States[jobs.Queued]; got != int64(s.queued) {
		return drive.Sample{}, fmt.Errorf("%d jobs are queued, want %d", got, s.queued)
	}
	return drive.Sample{Value: float64(n) / took.Seconds(), CPU: cpu / time.Duration(n)}, nil
}

func (s *standing) lendSlice(ctx context.Context) error {
	var left atomic.Int64
	left.Store(slice)
	var mu sync.Mutex
	var failed error
	var all sync.WaitGroup
	for range lenders {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := s.LendAndSettle(ctx); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	all.Wait()
	return failed
}

// restarts measures opening an engine in a process of its own, with its file
// in the memory of the system and without.
func (b *bench) restarts(ctx context.Context, s *standing) error {
	empty, err := b.stand(ctx, 0, fewTenants)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(empty.dir) }()
	if err := empty.Close(); err != nil {
		return err
	}
	r := reopenings{b: b}
	results, err := b.contest(ctx, "restart", "s", []drive.Contestant{
		{Name: "nothing queued", Round: r.of(empty, &r.empty, false)},
		{Name: s.name(), Round: r.of(s, &r.full, false)},
		{Name: s.name() + ", not in the page cache", Round: r.of(s, &r.full, true)},
	})
	if err != nil {
		return err
	}
	b.tables = append(b.tables, r.tables(results, s.queued)...)
	worst := results[2].Values
	b.reached(restart, worst.Median() <= 5, "%s s", worst.Spread())
	if s.queued < manyQueued {
		b.unknown(restart, "%s s with %s queued; -quick goes no further", figures.Number(worst.Median()), figures.Count(s.queued))
	}
	return nil
}

// reopenings collect what processes say of themselves.
type reopenings struct {
	b           *bench
	empty, full []child.Reopened
}

// of makes rounds that open the engine's directory. The value is the time from
// the start of the process to the first loan, in seconds.
func (r *reopenings) of(s *standing, to *[]child.Reopened, cold bool) func(context.Context) (drive.Sample, error) {
	return func(context.Context) (drive.Sample, error) {
		if cold {
			if err := machine.Evict(s.dir); err != nil {
				return drive.Sample{}, err
			}
		}
		o, err := child.Reopen(s.dir)
		if err != nil {
			return drive.Sample{}, err
		}
		if want := int64(max(s.queued-1, 0)); o.Queued != want {
			return drive.Sample{}, fmt.Errorf("after the first loan %d jobs are queued, want %d", o.Queued, want)
		}
		*to = append(*to, o)
		return drive.Sample{Value: o.FirstLoan.Seconds()}, nil
	}
}

func (r *reopenings) tables(results []drive.Result, queued int) []figures.Table {
	start := figures.Table{
		Title: "Restart", Head: []string{"", "seconds from the start of the process to the first loan"},
		Notes: []string{"Medians with the least and the most. Where nothing is queued, it is the time until the engine answers that."},
	}
	for _, x := range results {
		start.Add(x.Name, x.Values.Spread())
	}
	memory := figures.Table{
		Title: "Memory", Head: []string{"", "nothing queued, MB", figures.Count(queued) + " queued, MB", "bytes a job"},
	}
	for _, m := range []struct {
		name string
		of   func(child.Reopened) int64
	}{
		{"live data of the program", func(o child.Reopened) int64 { return o.Heap }},
		{"resident memory of the process at rest", func(o child.Reopened) int64 { return o.Resident }},
		{"the most it ever held", func(o child.Reopened) int64 { return o.Peak }},
	} {
		none, some := values(r.empty, m.of), values(r.full, m.of)
		memory.Add(m.name, figures.Number(none.Median()/1e6), figures.Number(some.Median()/1e6),
			figures.Number((some.Median()-none.Median())/float64(queued)))
	}
	return []figures.Table{start, memory}
}

func values(all []child.Reopened, of func(child.Reopened) int64) figures.Series {
	var s figures.Series
	for _, o := range all {
		s = append(s, float64(of(o)))
	}
	return s
}
