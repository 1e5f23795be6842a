//go:build linux

package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hibiken/asynq"
)

// Asynq is raw asynq on a Redis of its own.
type Asynq struct {
	redis     asynq.RedisClientOpt
	servers   int
	pid       int
	task      Task
	client    *asynq.Client
	inspector *asynq.Inspector
	payload   []byte
}

var _ Queue = (*Asynq)(nil)

// poolSize is how many connections each client and server may hold: enough for
// Redis to sync many writes at once.
const poolSize = 128

// CheckInterval is how soon an asynq server that found nothing looks again; its
// default of a second would make it wait in vain.
const CheckInterval = 20 * time.Millisecond

// OpenAsynq is asynq with a number of servers, which share the slots. It takes
// the queue named, so that several can share a Redis.
func OpenAsynq(addr string, pid, servers int) (*Asynq, error) {
	return OpenAsynqTask(addr, pid, servers, Task{})
}

// OpenAsynqTask is [OpenAsynq] whose workers do as the task says.
func OpenAsynqTask(addr string, pid, servers int, task Task) (*Asynq, error) {
	opt := asynq.RedisClientOpt{Addr: addr, PoolSize: poolSize}
	a := &Asynq{redis: opt, servers: servers, pid: pid, task: task.withDefaults(), client: asynq.NewClient(opt), inspector: asynq.NewInspector(opt), payload: []byte(Payload())}
	if err := a.client.Ping(); err != nil {
		return nil, errors.Join(fmt.Errorf("redis at %s: %w", addr, err), a.Close())
	}
	return a, nil
}

// queue keeps the jobs of each number of servers apart.
func (a *Asynq) queue() string { return fmt.Sprintf("servers_%d", a.servers) }

// Put implements [Queue].
func (a *Asynq) Put(ctx context.Context) error {
	_, err := a.client.EnqueueContext(ctx, asynq.NewTask("bench", a.payload, asynq.Queue(a.queue())))
	return err
}

// Work implements [Queue].
func (a *Asynq) Work(_ context.Context, done func()) (stop func() error, err error) {
	var trouble firstError
	var running []*asynq.Server
	end := func() error {
		for _, s := range running {
			s.Stop() // all stop taking jobs before the first waits for its own
		}
		for _, s := range running {
			s.Shutdown()
		}
		return trouble.get()
	}
	handler := asynq.HandlerFunc(func(ctx context.Context, _ *asynq.Task) error {
		a.task.start()
		if err := a.task.hold(ctx); err != nil {
			return err
		}
		done()
		return nil
	})
	for range a.servers {
		s := asynq.NewServer(a.redis, asynq.Config{
			Concurrency: a.task.Slots / a.servers, Queues: map[string]int{a.queue(): 1}, TaskCheckInterval: CheckInterval,
			Logger: quiet{}, LogLevel: asynq.FatalLevel,
			ErrorHandler: asynq.ErrorHandlerFunc(func(_ context.Context, _ *asynq.Task, err error) { trouble.set(err) }),
		})
		if err := s.Start(handler); err != nil {
			return nil, errors.Join(fmt.Errorf("start an asynq server: %w", err), end())
		}
		running = append(running, s)
	}
	return end, nil
}

// Check implements [Queue].
func (a *Asynq) Check(_ context.Context, put, done int64) error {
	known, err := a.inspector.Queues()
	if err != nil {
		return err
	}
	if !slices.Contains(known, a.queue()) { // made by the first job
		return errors.Join(counts("kept", 0, put), counts("processed", 0, done))
	}
	info, err := a.inspector.GetQueueInfo(a.queue())
	if err != nil {
		return err
	}
	return errors.Join(
		counts("processed", int64(info.ProcessedTotal), done),
		counts("failed", int64(info.FailedTotal), 0),
		counts("pending", int64(info.Pending), put-done),
		counts("left over", int64(info.Size-info.Pending), 0),
	)
}

// CPU implements [Queue].
func (a *Asynq) CPU() (time.Duration, error) { return withServer(a.pid) }

// Close implements [Queue].
func (a *Asynq) Close() error { return errors.Join(a.client.Close(), a.inspector.Close()) }

// quiet is a logger that says nothing.
type quiet struct{}

func (quiet) Debug(...any) {}
func (quiet) Info(...any)  {}
func (quiet) Warn(...any)  {}
func (quiet) Error(...any) {}
func (quiet) Fatal(...any) {}
