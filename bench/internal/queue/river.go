//go:build linux

package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// River is River on a PostgreSQL of its own.
type River struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx] // inserts only
	pid    int
	args   riverArgs
}

var _ Queue = (*River)(nil)

// riverArgs are the arguments of a job.
type riverArgs struct {
	Document string `json:"document"`
}

// Kind implements river.JobArgs.
func (riverArgs) Kind() string { return "bench" }

// riverPool is how many connections River may hold. Of 16, 32, 64, 128 and 256
// this many were best on two processors.
const riverPool = 32

// OpenRiver makes River's tables in an empty database.
func OpenRiver(ctx context.Context, url string, pid int) (*River, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = riverPool
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	r := &River{pool: pool, pid: pid, args: riverArgs{Payload()}}
	if err := r.open(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open River: %w", err)
	}
	return r, nil
}

func (r *River) open(ctx context.Context) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(r.pool), &rivermigrate.Config{Logger: silent()})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	r.client, err = river.NewClient(riverpgxv5.New(r.pool), &river.Config{Logger: silent()})
	return err
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Put implements [Queue].
func (r *River) Put(ctx context.Context) error {
	_, err := r.client.Insert(ctx, r.args, nil)
	return err
}

// riverWorker calls done for each job.
type riverWorker struct {
	river.WorkerDefaults[riverArgs]
	done func()
}

// Work implements river.Worker.
func (w *riverWorker) Work(context.Context, *river.Job[riverArgs]) error {
	w.done()
	return nil
}

// Work implements [Queue]. River looks for jobs as often as it can be made to.
func (r *River) Work(ctx context.Context, done func()) (stop func() error, err error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverWorker{done: done})
	client, err := river.NewClient(riverpgxv5.New(r.pool), &river.Config{
		Logger: silent(), Workers: workers, FetchCooldown: time.Millisecond, FetchPollInterval: CheckInterval,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: Slots}},
	})
	if err != nil {
		return nil, err
	}
	if err := client.Start(ctx); err != nil {
		return nil, fmt.Errorf("start a River client: %w", err)
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
		defer cancel()
		return client.Stop(ctx)
	}, nil
}

// Check implements [Queue].
func (r *River) Check(ctx context.Context, put, done int64) error {
	var all, completed, available int64
	err := r.pool.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE state = 'completed'),
		count(*) FILTER (WHERE state = 'available') FROM river_job`).Scan(&all, &completed, &available)
	if err != nil {
		return err
	}
	return errors.Join(counts("kept", all, put), counts("completed", completed, done), counts("available", available, put-done))
}

// CPU implements [Queue].
func (r *River) CPU() (time.Duration, error) { return withServer(r.pid) }

// Close implements [Queue].
func (r *River) Close() error {
	r.pool.Close()
	return nil
}
