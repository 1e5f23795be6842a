//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/bench/internal/drive"
	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/bench/internal/queue"
	"github.com/sluicehq/sluice/bench/internal/service"
)

// The names of the contestants in the tables.
const (
	ours     = "Sluice"
	limit    = "raw SQLite group commit"
	river    = "River"
	always   = "always"
	everysec = "everysec"
)

func asynqName(servers int, appendFsync string) string {
	return fmt.Sprintf("asynq, %s, %s", plural(servers, "server"), appendFsync)
}

// arena holds the systems of one experiment. All of them begin empty.
type arena struct {
	b       *bench
	dir     string
	names   []string
	queues  []*queue.Counted
	closers []func(ctx context.Context) error
}

func (b *bench) newArena(name string) (*arena, error) {
	dir, err := b.newDir(name)
	return &arena{b: b, dir: dir}, err
}

func (a *arena) enter(name string, q queue.Queue) {
	a.names = append(a.names, name)
	a.queues = append(a.queues, &queue.Counted{Queue: q})
	a.onClose(func(context.Context) error { return q.Close() })
}

func (a *arena) onClose(f func(ctx context.Context) error) { a.closers = append(a.closers, f) }

// close ends the systems, last first, and removes what they wrote. It carries
// on after the run was told to stop.
func (a *arena) close(ctx context.Context) error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i](context.WithoutCancel(ctx)))
	}
	return errors.Join(append(errs, os.RemoveAll(a.dir))...)
}

// sluice enters the default engine, whose rows are checked against its memory
// at the end.
func (a *arena) sluice(ctx context.Context, name string, tenants int) error {
	dir, err := a.b.newDir("sluice")
	if err != nil {
		return err
	}
	s, err := queue.OpenSluice(ctx, dir, tenants, 0)
	if err != nil {
		return err
	}
	a.onClose(func(context.Context) error { return os.RemoveAll(dir) })
	a.enter(name, s)
	a.onClose(func(ctx context.Context) error {
		if err := s.Verify(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	return nil
}

// raw enters the limit.
func (a *arena) raw(ctx context.Context) error {
	dir, err := a.b.newDir("raw")
	if err != nil {
		return err
	}
	scratch, err := a.b.newDir("watched")
	if err != nil {
		return err
	}
	r, err := queue.OpenRawSQLite(ctx, dir, scratch)
	if err != nil {
		return err
	}
	a.onClose(func(context.Context) error { return errors.Join(os.RemoveAll(dir), os.RemoveAll(scratch)) })
	a.enter(limit, r)
	return nil
}

// asynq enters asynq with each number of servers, all on one Redis. The
// servers of one run only in its own rounds.
func (a *arena) asynq(ctx context.Context, appendFsync string, servers ...int) error {
	if a.b.redis == nil {
		return nil
	}
	dir, err := a.b.newDir("redis-" + appendFsync)
	if err != nil {
		return err
	}
	s, err := service.StartRedis(ctx, a.b.redis[0], dir, appendFsync)
	if err != nil {
		return err
	}
	a.b.environment.redis = s.Version
	a.onClose(func(context.Context) error { return errors.Join(s.Stop(), os.RemoveAll(dir)) })
	for _, n := range servers {
		q, err := queue.OpenAsynq(s.Addr, s.PID(), n)
		if err != nil {
			return err
		}
		a.enter(asynqName(n, appendFsync), q)
	}
	return nil
}

// river enters River on a database of its own.
func (a *arena) river(ctx context.Context) error {
	if a.b.postgres == nil {
		return nil
	}
	cluster, err := a.b.postgresCluster(ctx)
	if err != nil {
		return err
	}
	a.b.databases++
	name := fmt.Sprintf("bench_%d", a.b.databases)
	if err := execute(ctx, cluster.URL, "CREATE DATABASE "+name); err != nil {
		return err
	}
	a.onClose(func(ctx context.Context) error { return execute(ctx, cluster.URL, "DROP DATABASE "+name) })
	u, err := url.Parse(cluster.URL)
	if err != nil {
		return err
	}
	u.Path = name
	q, err := queue.OpenRiver(ctx, u.String(), cluster.PID())
	if err != nil {
		return err
	}
	a.enter(river, q)
	return nil
}

// postgresCluster starts the cluster with the first use.
func (b *bench) postgresCluster(ctx context.Context) (*service.PostgresServer, error) {
	if b.cluster != nil {
		return b.cluster, nil
	}
	dir, err := b.newDir("postgres")
	if err != nil {
		return nil, err
	}
	if b.cluster, err = service.StartPostgres(ctx, b.postgres, dir); err != nil {
		return nil, err
	}
	b.environment.postgres = b.cluster.Version
	return b.cluster, nil
}

func execute(ctx context.Context, url, sql string) (err error) {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	_, err = c.Exec(ctx, sql)
	return err
}

// contest measures all that entered in the same way.
func (a *arena) contest(ctx context.Context, what string, round func(ctx context.Context, q *queue.Counted) (drive.Sample, error)) ([]drive.Result, error) {
	all := make([]drive.Contestant, len(a.queues))
	for i, q := range a.queues {
		all[i] = drive.Contestant{Name: a.names[i], Round: func(ctx context.Context) (drive.Sample, error) { return round(ctx, q) }}
	}
	return a.b.contest(ctx, what, "jobs/s", all)
}

// compare makes a table of results with the ratio of the first to each.
func compare(title string, results []drive.Result) figures.Table {
	t := figures.Table{Title: title, Head: []string{"system", "jobs/s: median (least–most)", "processor µs/job", results[0].Name + " ÷ it"}}
	for i, r := range results {
		ratio := "1"
		if i > 0 {
			ratio = results[0].Values.Over(r.Values).Spread()
		}
		t.Add(r.Name, r.Values.Spread(), figures.Number(r.CPU.Median()), ratio)
	}
	return t
}

// find is the result of a contestant; nil when it was left out.
func find(results []drive.Result, name string) *drive.Result {
	for i := range results {
		if results[i].Name == name {
			return &results[i]
		}
	}
	return nil
}
