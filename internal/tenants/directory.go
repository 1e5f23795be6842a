package tenants

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Engine is the part of [jobs.Engine] that tenants need.
type Engine interface {
	SetBulkheads(ctx context.Context, bs ...jobs.Bulkhead) error
	Records() jobs.Records
}

// Seed is a tenant as the configuration names it.
type Seed struct {
	Name string
	Limits
}

// Events tells what happens, for logs. Its functions may be nil and must not
// block.
type Events struct {
	// Changed is told of each change that this process learns of: one of its
	// own, or one that another process made.
	Changed func(t Tenant)
	// Deleted is told of a tenant that is there no more.
	Deleted func(name string)
	// Failed is told of trouble with the engine. It is tried again.
	Failed func(doing string, err error)
}

func (e Events) changed(t Tenant) {
	if e.Changed != nil {
		e.Changed(t)
	}
}

func (e Events) deleted(name string) {
	if e.Deleted != nil {
		e.Deleted(name)
	}
}

func (e Events) failed(doing string, err error) {
	if e.Failed != nil {
		e.Failed(doing, err)
	}
}

// Config sets a directory up. Engine and Spender must be set; the zero value of
// the rest works.
type Config struct {
	Engine Engine
	// Spender knows what model calls cost; see [jobs.Archive].
	Spender Spender
	// Seeds are the tenants of the configuration.
	Seeds []Seed
	// Weights is told the weights of all tenants when one has changed, for the
	// admission. It must not block.
	Weights func(weights map[string]int)
	// Paused is told, in the same way, the tenants that are paused.
	Paused func(tenants []string)
	// Now reads the time; nil means time.Now.
	Now func() time.Time
	// Poll is how often changes of other processes are looked for; 0 means
	// 500 ms. Looking takes about a twentieth of the time at most, whatever
	// Poll says, but never rests for longer than 30 s because of that.
	Poll   time.Duration
	Events Events
}

func (c Config) withDefaults() (Config, error) {
	if c.Engine == nil || c.Spender == nil {
		return c, fmt.Errorf("%w: tenants need an engine and a spender", jobs.ErrInvalid)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Poll == 0 {
		c.Poll = 500 * time.Millisecond
	}
	if c.Poll < time.Millisecond || c.Poll > time.Minute {
		return c, fmt.Errorf("%w: poll is %s, want 1ms to 1m", jobs.ErrInvalid, c.Poll)
	}
	seen := map[string]bool{}
	for _, s := range c.Seeds {
		if err := errors.Join(jobs.ID(s.Name).Validate(), s.Validate()); err != nil {
			return c, fmt.Errorf("tenant %.64q: %w", s.Name, err)
		}
		if seen[s.Name] {
			return c, fmt.Errorf("%w: tenant %s is there twice", jobs.ErrInvalid, s.Name)
		}
		seen[s.Name] = true
	}
	return c, nil
}

// MaxTenants bounds how many tenants there are.
const MaxTenants = 100_000

// Directory knows all tenants. Reading is from memory and never waits for the
// engine, except that money that was spent is asked for once a second. All
// methods are safe for concurrent use. Make one with [Open] and run it with
// [Directory.Run].
type Directory struct {
	cfg   Config
	seeds map[string]Limits
	meter Meter

	mu      sync.RWMutex
	entries map[string]*entry
	writes  uint64 // counts the changes made here
	deleted uint64 // the last of them that deleted a tenant

	writing  chan struct{} // held by who changes a record
	flushing chan struct{} // held by who tells the engine
	told     map[string]jobs.Bulkhead
	wake     chan struct{} // capacity 1: look at pauses anew
	looked   time.Duration // how long the last look took; only Run knows
}

// entry is a tenant in memory.
type entry struct {
	tenant   Tenant
	write    uint64 // the change made here that it is of; 0 for one that was read
	spending *spending
}

// Open reads the tenants, creates or updates those of the configuration that
// nobody has edited, and tells the engine and the admission. An error wraps
// [jobs.ErrInvalid], or is the engine's.
func Open(ctx context.Context, cfg Config) (*Directory, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open tenants: %w", err)
	}
	d := &Directory{
		cfg: cfg, seeds: map[string]Limits{}, entries: map[string]*entry{},
		writing: make(chan struct{}, 1), flushing: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		told: map[string]jobs.Bulkhead{},
	}
	for _, s := range cfg.Seeds {
		d.seeds[s.Name] = s.WithDefaults()
	}
	if err := d.refresh(ctx); err != nil {
		return nil, fmt.Errorf("open tenants: %w", err)
	}
	for _, s := range cfg.Seeds {
		if err := d.seed(ctx, s.Name); err != nil {
			return nil, fmt.Errorf("seed tenant %s: %w", s.Name, err)
		}
	}
	if err := d.flush(ctx); err != nil {
		return nil, fmt.Errorf("open tenants: %w", err)
	}
	return d, nil
}

// seed makes the tenant's record say what the configuration says, unless it was
// edited.
func (d *Directory) seed(ctx context.Context, name string) error {
	limits := d.seeds[name]
	_, err := d.change(ctx, name, 0, func(t *Tenant, exists bool) (bool, error) {
		if exists && (t.Edited || t.equal(limits)) {
			return false, nil
		}
		t.Limits, t.UpdatedBy = limits, ""
		return true, nil
	})
	return err
}

// find is the tenant in memory; nil when it is not known.
func (d *Directory) find(name string) *entry {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.entries[name]
}

// keep takes a tenant in. The caller holds the lock.
func (d *Directory) keep(t Tenant, write uint64) {
	e := &entry{tenant: t, write: write}
	if old := d.entries[t.Name]; old != nil {
		e.spending = old.spending
	} else {
		e.spending = newSpending()
	}
	d.entries[t.Name] = e
	d.meter.Set(t.Name, t.Limits, d.cfg.Now())
}

// drop forgets a tenant. The caller holds the lock.
func (d *Directory) drop(name string) {
	delete(d.entries, name)
	d.meter.Set(name, Limits{}, d.cfg.Now())
}

// Known reports whether there is such a tenant.
func (d *Directory) Known(name string) bool { return d.find(name) != nil }

// Limits are the tenant's limits; those of nobody in particular when it is not
// known.
func (d *Directory) Limits(name string) Limits {
	if e := d.find(name); e != nil {
		return e.tenant.Limits
	}
	return Limits{}.WithDefaults()
}

// weights are those of all tenants.
func (d *Directory) weights() map[string]int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	all := make(map[string]int, len(d.entries))
	for name, e := range d.entries {
		all[name] = e.tenant.Weight
	}
	return all
}

// paused are the tenants that are paused now.
func (d *Directory) paused() []string {
	now := d.cfg.Now()
	d.mu.RLock()
	defer d.mu.RUnlock()
	var names []string
	for name, e := range d.entries {
		if e.tenant.paused(now) != nil {
			names = append(names, name)
		}
	}
	return names
}

// hold takes a lock that waits no longer than ctx.
func hold(ctx context.Context, lock chan struct{}) error {
	select {
	case lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func release(lock chan struct{}) { <-lock }
