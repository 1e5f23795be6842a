package asynqjobs

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// A carrier brings word of jobs that can be lent to the processes that wait for
// one. What it moves are tasks of asynq, one queue a lane, each an anonymous
// lending token: it names no job, and says only that a lend would now find one.
// Which job that is the script lend decides when the token has arrived, over
// all lanes, tenants and caps. So a token that is lost, doubled or stuck costs a
// lend that finds nothing, or a tick; it never costs a job.
//
// None of asynq's own ways to repeat, archive, cancel or tell tasks apart is
// used for jobs. A token that a dead process left behind is handed out once more
// by asynq and then gone.
type carrier struct {
	conn   *redis.Client // its own: asynq's calls are repeated, the engine's are not
	prefix string
	client *asynq.Client
	events carrierEvents

	ring chan struct{} // something may have become ready; capacity 1
	wake chan struct{} // a waiting lend should try again; no capacity

	life  context.Context //nolint:containedctx // the life of the goroutines, ended by Close
	end   context.CancelFunc
	work  sync.WaitGroup
	once  sync.Once
	start sync.Once

	mu     sync.Mutex
	server *asynq.Server // nil until a lend waits
}

// carrierEvents tells what the carrier cannot do. The functions may be nil.
type carrierEvents struct {
	// trouble is told of a call to Redis that failed. It costs time only.
	trouble func(error)
}

// checkEvery is how soon an asynq server that found no token looks again: what
// a job that arrives at an idle fleet waits for on average. Each look is one
// short script for each lane.
const checkEvery = 20 * time.Millisecond

// holdFor is how long a process that has no use for a token keeps it from being
// handed out again at once.
const holdFor = 10 * time.Second

// tickEvery is how often tokens are topped up whatever happened, so that one
// that was lost delays nothing by more.
const tickEvery = time.Second

// tokenType is the type of all tasks.
const tokenType = "sluice:lend"

// tokenTries is how often asynq may hand out a token that was left behind.
const tokenTries = 25

// newCarrier starts to top up tokens. a is where Redis is; the prefix begins all
// keys of the engine.
func newCarrier(a address, prefix string, events carrierEvents) *carrier {
	return startCarrier(a, prefix, events, tickEvery)
}

// startCarrier is newCarrier with a tick of its own.
func startCarrier(a address, prefix string, events carrierEvents, tick time.Duration) *carrier {
	conn := a.patient().client()
	c := &carrier{
		conn: conn, prefix: prefix, client: asynq.NewClientFromRedisClient(conn), events: events,
		ring: make(chan struct{}, 1), wake: make(chan struct{}),
	}
	c.life, c.end = context.WithCancel(context.Background())
	c.work.Go(func() { c.topUpForEver(tick) })
	return c
}

// patient is the address for asynq, which asks again and again without a pause
// while Redis is away: the pauses between the driver's own tries keep it from
// spinning.
func (a address) patient() address {
	const tries, shortest, longest = 2, 100 * time.Millisecond, 500 * time.Millisecond
	if a.failover != nil {
		o := *a.failover
		o.MaxRetries, o.MinRetryBackoff, o.MaxRetryBackoff = tries, shortest, longest
		return address{failover: &o}
	}
	o := *a.single
	o.MaxRetries, o.MinRetryBackoff, o.MaxRetryBackoff = tries, shortest, longest
	return address{single: &o}
}

// queue is the asynq queue of a lane, such as "sluice:critical".
func (c *carrier) queue(l jobs.Lane) string {
	return strings.Trim(strings.NewReplacer("{", "", "}", "").Replace(c.prefix), ":") + ":" + l.String()
}

// Wait blocks until a token says that a lend may find a job. It answers the
// context's error when that ends first, [jobs.ErrClosed] after Close.
func (c *carrier) Wait(ctx context.Context) error {
	c.start.Do(c.startServer)
	select {
	case <-c.wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.life.Done():
		return jobs.ErrClosed
	}
}

// Found says that a lend after a wait found a job, so that another may find one
// too: two more that wait in this process try. A token therefore serves as many
// lends of a process as there are jobs for.
func (c *carrier) Found() {
	for range 2 {
		select {
		case c.wake <- struct{}{}:
		default:
			return
		}
	}
}

// TopUp says that jobs may have become ready: accepted, woken, put back, or
// their tenant below its cap again. It never blocks.
func (c *carrier) TopUp() {
	select {
	case c.ring <- struct{}{}:
	default:
	}
}

// Close ends all waits and waits for what the carrier runs. It is safe to call
// twice.
func (c *carrier) Close() error {
	var err error
	c.once.Do(func() {
		c.end()
		c.start.Do(func() {}) // no server starts from here on
		c.mu.Lock()
		server := c.server
		c.mu.Unlock()
		if server != nil {
			server.Shutdown()
		}
		c.work.Wait()
		err = c.conn.Close()
	})
	return err
}

// startServer begins to take tokens. A process that never waits in a lend, such
// as one that only accepts jobs, takes none.
func (c *carrier) startServer() {
	queues := map[string]int{}
	for _, l := range jobs.Lanes() {
		queues[c.queue(l)] = 1 // which token comes first decides nothing
	}
	server := asynq.NewServerFromRedisClient(c.conn, asynq.Config{
		// A process needs no more than one token at a time: see Found.
		Concurrency: 1, Queues: queues, TaskCheckInterval: checkEvery, ShutdownTimeout: time.Second,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return 0 },
		Logger:         quiet{}, LogLevel: asynq.FatalLevel,
		HealthCheckFunc: func(err error) {
			if err != nil {
				c.trouble(fmt.Errorf("asynq: %w", err))
			}
		},
	})
	if err := server.Start(asynq.HandlerFunc(c.handle)); err != nil {
		c.trouble(fmt.Errorf("start the asynq server: %w", err))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server = server
}

// handle takes a token to a lend that waits. When none does, because this
// process has no slot free, it puts another token out for the others and keeps
// this one for a while, so that tokens do not go round and round.
func (c *carrier) handle(ctx context.Context, _ *asynq.Task) error {
	select {
	case c.wake <- struct{}{}:
		return nil
	default:
	}
	c.TopUp()
	hold := time.NewTimer(holdFor)
	defer hold.Stop()
	select {
	case c.wake <- struct{}{}:
	case <-hold.C:
	case <-ctx.Done():
	case <-c.life.Done():
	}
	return nil
}

func (c *carrier) trouble(err error) {
	if c.events.trouble != nil && c.life.Err() == nil {
		c.events.trouble(err)
	}
}

// quiet takes asynq's log lines.
type quiet struct{}

var _ asynq.Logger = quiet{}

// Debug implements [asynq.Logger].
func (quiet) Debug(...any) {}

// Info implements [asynq.Logger].
func (quiet) Info(...any) {}

// Warn implements [asynq.Logger].
func (quiet) Warn(...any) {}

// Error implements [asynq.Logger].
func (quiet) Error(...any) {}

// Fatal implements [asynq.Logger].
func (quiet) Fatal(...any) {}
