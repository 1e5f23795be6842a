package asynqjobs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Engine keeps jobs in Redis. It implements [jobs.Engine] and [jobs.Archive];
// make one with [Open].
type Engine struct {
	cfg     Config
	scripts scripts
	clock   *serverClock
	boots   *boots
	guard   *guard
	blobs   *blobs
	waker   waker
	held    *held
	copies  *replicated // nil where writes need reach no replica

	writes *redis.Client // for the writer alone
	reads  *redis.Client

	calls   chan *call
	closing chan struct{}   // closed when the engine closes
	stopped chan struct{}   // closed when the writer has ended
	life    context.Context //nolint:containedctx // the life of the goroutines, ended by Close
	end     context.CancelFunc
	work    sync.WaitGroup
	once    sync.Once
	failed  error // of closing
}

var (
	_ jobs.Engine  = (*Engine)(nil)
	_ jobs.Archive = (*Engine)(nil)
)

// Open connects to the server and refuses one that could lose jobs. ctx bounds
// the opening only. An error wraps [jobs.ErrInvalid] for a configuration that
// cannot be, and is a [*SettingsError] for a server that is unfit.
func Open(ctx context.Context, c Config) (*Engine, error) {
	c = c.WithDefaults()
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("open redis engine: %w", err)
	}
	a, err := parseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("open redis engine: %w: %w", jobs.ErrInvalid, err)
	}
	e := newEngine(c, a)
	if err := e.open(ctx, a); err != nil {
		return nil, fmt.Errorf("open redis engine: %w", errors.Join(err, e.disconnect()))
	}
	return e, nil
}

// newEngine puts an engine together that has not spoken to the server yet.
func newEngine(c Config, a address) *Engine {
	e := &Engine{
		cfg: c, scripts: newScripts(), clock: &serverClock{injected: c.Clock}, held: newHeld(),
		calls: make(chan *call, maxBatch), closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	e.life, e.end = context.WithCancel(context.Background())
	e.boots = &boots{
		prefix: c.Prefix, period: jobs.DefaultLease, config: packScheduler(c.Scheduler), scripts: &e.scripts, clock: e.clock,
		bulkheads: make(map[string]jobs.Bulkhead),
	}
	e.reads = a.client()
	e.writes = a.onConnect(e.boots.connected).client()
	if c.Replicas > 0 {
		e.copies = &replicated{replicas: c.Replicas, within: c.ReplicaWait, channel: c.Prefix + "written"}
		e.writes.AddHook(e.copies)
	}
	return e
}

// onConnect is a with something to do on each new connection.
func (a address) onConnect(do func(context.Context, *redis.Conn) error) address {
	if a.failover != nil {
		o := *a.failover
		o.OnConnect = do
		return address{failover: &o}
	}
	o := *a.single
	o.OnConnect = do
	return address{single: &o}
}

// open looks at the server and starts the goroutines.
func (e *Engine) open(ctx context.Context, a address) (err error) {
	e.guard, err = newGuard(ctx, e.reads, guardConfig{
		acceptLoss: e.cfg.AcceptLoss, budget: e.cfg.MemoryBudget, replicas: e.cfg.Replicas, risky: e.cfg.Events.Risky,
	})
	if err != nil {
		return err
	}
	if e.blobs, err = openBlobs(ctx, e.reads, e.cfg.Prefix, e.cfg.Directory, !e.cfg.UnsafeSkipSync); err != nil {
		return err
	}
	if err := e.writes.Ping(ctx).Err(); err != nil {
		return unavailable(err)
	}
	e.waker = newCarrier(a, e.cfg.Prefix, carrierEvents{trouble: e.cfg.Events.trouble})
	e.work.Go(e.write)
	e.work.Go(func() { e.guard.watch(e.life) })
	if e.cfg.Directory != "" {
		e.work.Go(func() { e.sweepFiles(e.life) })
	}
	return nil
}

// disconnect closes the connections and ends the engine's life.
func (e *Engine) disconnect() error {
	e.end()
	return errors.Join(e.writes.Close(), e.reads.Close())
}

// Close implements [jobs.Engine]. What was sent to the server before is
// answered.
func (e *Engine) Close() error {
	e.once.Do(func() {
		close(e.closing)
		<-e.stopped
		err := e.waker.Close()
		e.end()
		e.work.Wait()
		e.failed = errors.Join(err, e.disconnect())
	})
	return e.failed
}

// begin refuses a call whose context has ended, or of an engine that is closed.
func (e *Engine) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-e.closing:
		return jobs.ErrClosed
	default:
		return nil
	}
}

// readError is the error of a read: the context's own, or that the engine was
// closed meanwhile, or that the server does not answer.
func (e *Engine) readError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if began := e.begin(ctx); began != nil {
		return began
	}
	return unavailable(err)
}
