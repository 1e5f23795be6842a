package memjobs

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// Config sets an engine up. The zero value works.
type Config struct {
	Policy jobs.Policy
	// Clock reads the time; nil means time.Now. It must be safe for
	// concurrent use.
	Clock func() time.Time
	// Listener is told what was committed.
	Listener jobs.Listener
	// Scheduler says how slots are shared.
	Scheduler priority.Config
}

// Engine keeps jobs in memory. It implements [jobs.Engine] and
// [jobs.Archive]; make one with [New].
type Engine struct {
	cfg Config

	mu      sync.Mutex
	closed  bool
	changed chan struct{} // closed, and made anew, when a waiting Lend should look again
	sched   *priority.Scheduler
	workers map[string]*worker
	store   *store
	service map[queue]*jobs.ServiceMean
	pending []jobs.Event // of the commit under way
}

var (
	_ jobs.Engine  = (*Engine)(nil)
	_ jobs.Archive = (*Engine)(nil)
)

// store is what a restart would find again.
type store struct {
	seq     int64 // the last one given
	epoch   int64 // counts the openings
	tokens  uint32
	jobs    map[jobs.ID]*row
	bySeq   map[int64]*row
	keys    map[ownedKey]keyUse
	records map[string]map[jobs.ID]jobs.Record
	removed map[jobs.State]int64
	// spent is what the calls of removed jobs cost.
	spent map[ownedDay]int64
}

// row is a job with all that belongs to it.
type row struct {
	job      jobs.Job
	body     []byte
	attempts []jobs.Attempt // by generation and N
	events   []jobs.Event   // by version
}

type ownedKey struct{ tenant, key string }

// ownedDay is a day of a tenant; the day is the time at its start in UTC.
type ownedDay struct {
	tenant string
	day    time.Time
}

// queue is a tenant's place in a lane.
type queue struct {
	lane   jobs.Lane
	tenant string
}

type keyUse struct {
	job   jobs.ID
	first time.Time
}

// New makes an empty engine. An error wraps [jobs.ErrInvalid].
func New(c Config) (*Engine, error) {
	return open(c, &store{
		jobs:    make(map[jobs.ID]*row),
		bySeq:   make(map[int64]*row),
		keys:    make(map[ownedKey]keyUse),
		records: make(map[string]map[jobs.ID]jobs.Record),
		removed: make(map[jobs.State]int64),
		spent:   make(map[ownedDay]int64),
	})
}

func open(c Config, s *store) (*Engine, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	c.Policy = c.Policy.WithDefaults()
	sched, err := priority.New(c.Scheduler)
	if err != nil {
		return nil, fmt.Errorf("open memory engine: %w", err)
	}
	s.epoch++
	s.tokens = 0
	return &Engine{
		cfg:     c,
		changed: make(chan struct{}),
		sched:   sched,
		workers: make(map[string]*worker),
		service: make(map[queue]*jobs.ServiceMean),
		store:   s,
	}, nil
}

// Close ends all waiting calls. It never fails.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		close(e.changed)
	}
	return nil
}

// begin locks the engine for one call. The caller must call end, unless begin
// fails.
func (e *Engine) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return jobs.ErrClosed
	}
	return nil
}

// end tells the listener what the call changed and unlocks.
func (e *Engine) end() {
	if len(e.pending) > 0 && e.cfg.Listener.Committed != nil {
		e.cfg.Listener.Committed(e.pending)
	}
	e.pending = nil
	e.mu.Unlock()
}

func (e *Engine) now() time.Time { return jobs.Stamp(e.cfg.Clock()) }

// change writes a job's new state and the event of the change, and tells the
// scheduler. service is how long a loan that ended held its slot, 0 for as
// long as estimated.
func (e *Engine) change(r *row, after jobs.Job, ev jobs.Event, service time.Duration) {
	before := r.job
	r.job = after
	r.events = append(r.events, ev)
	e.pending = append(e.pending, ev)

	if before.State == jobs.Running && after.State != jobs.Running {
		e.sched.Done(before.Lane, before.Tenant, millis(before.Cost), actual(before, service))
		e.served(before, service)
	}
	moved := before.Seq != after.Seq || before.Lane != after.Lane
	if before.State == jobs.Queued && (after.State != jobs.Queued || moved) {
		delete(e.store.bySeq, before.Seq)
		e.sched.Remove(before.Lane, before.Tenant, before.Seq)
	}
	if after.State == jobs.Queued && (before.State != jobs.Queued || moved) {
		e.enqueue(r)
	}
	e.wake()
}

// enqueue puts a queued job before the scheduler.
func (e *Engine) enqueue(r *row) {
	e.store.bySeq[r.job.Seq] = r
	e.sched.Enqueue(r.job.Lane, r.job.Tenant, priority.Entry{
		Seq: r.job.Seq, Enqueued: r.job.EnqueuedAt.UnixMilli(), Cost: millis(r.job.Cost),
	})
}

// wake makes every waiting Lend look again.
func (e *Engine) wake() {
	close(e.changed)
	e.changed = make(chan struct{})
}

func actual(j jobs.Job, service time.Duration) int32 {
	if service == 0 {
		return millis(j.Cost)
	}
	return millis(service)
}

// millis is d for the scheduler.
func millis(d time.Duration) int32 {
	return int32(min(max(d.Milliseconds(), 1), math.MaxInt32))
}

// find returns the row of a job that the tenant may see; an empty tenant may
// see all.
func (e *Engine) find(tenant string, id jobs.ID) (*row, error) {
	r, ok := e.store.jobs[id]
	if !ok || tenant != "" && r.job.Tenant != tenant {
		return nil, fmt.Errorf("job: %w", jobs.ErrNotFound)
	}
	return r, nil
}
