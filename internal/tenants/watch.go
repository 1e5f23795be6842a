package tenants

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Run looks for changes that other processes made, and ends pauses whose time
// has come, until ctx ends.
func (d *Directory) Run(ctx context.Context) {
	for ctx.Err() == nil {
		timer := time.NewTimer(d.look(ctx))
		select {
		case <-timer.C:
		case <-d.wake:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// Hint says that another process has changed a tenant, so that Run looks at
// once. It never blocks.
func (d *Directory) Hint() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

const (
	// share is the part of the time that looking may take: one in so many.
	share = 20
	// maxRest bounds the time between two looks, unless Poll is longer: looks
	// may also have taken long because the engine hung.
	maxRest = 30 * time.Second
)

// look looks once and answers when to look again. It goes by the shorter of the
// last two looks: one alone may have taken long because this process, or the
// machine, had other things to do.
func (d *Directory) look(ctx context.Context) time.Duration {
	began := time.Now()
	if err := d.refresh(ctx); err != nil && ctx.Err() == nil {
		d.cfg.Events.failed("read tenants", err)
	}
	d.tryFlush(ctx)
	took := time.Since(began)
	wait := max(d.cfg.Poll, min(share*min(took, d.looked), maxRest))
	d.looked = took
	if end := d.nextEnd(); !end.IsZero() {
		wait = min(wait, max(end.Sub(d.cfg.Now()), time.Millisecond))
	}
	return wait
}

// tryFlush flushes; what fails is tried again with the next look.
func (d *Directory) tryFlush(ctx context.Context) {
	if err := d.flush(ctx); err != nil && ctx.Err() == nil {
		d.cfg.Events.failed("tell the engine of tenants", err)
	}
}

// nextEnd is when the next pause ends; zero when none does.
func (d *Directory) nextEnd() time.Time {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var next time.Time
	now := d.cfg.Now()
	for _, e := range d.entries {
		if p := e.tenant.paused(now); p != nil && !p.Until.IsZero() && (next.IsZero() || p.Until.Before(next)) {
			next = p.Until
		}
	}
	return next
}

// refresh takes in what the records say.
func (d *Directory) refresh(ctx context.Context) error {
	d.mu.RLock()
	began := d.writes
	d.mu.RUnlock()
	found := map[string]bool{}
	var changed []Tenant
	for q := (jobs.RecordQuery{Kind: Kind, Limit: jobs.MaxRecordPage}); ; {
		page, err := d.cfg.Engine.Records().List(ctx, q)
		if err != nil {
			return fmt.Errorf("list tenants: %w", err)
		}
		for _, r := range page {
			found[string(r.ID)] = true
			if t, ok := d.news(r); ok {
				changed = append(changed, t)
			}
		}
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1].ID
	}
	d.learn(found, changed, began)
	return nil
}

// news is the tenant of a record that is not known as it is.
func (d *Directory) news(r jobs.Record) (Tenant, bool) {
	if e := d.find(string(r.ID)); e != nil && e.tenant.Version == r.Version && e.tenant.UpdatedAt.Equal(r.UpdatedAt) {
		return Tenant{}, false
	}
	t, err := decode(r)
	if err != nil {
		d.cfg.Events.failed("read a tenant", err)
		return Tenant{}, false
	}
	return t, true
}

// learn takes in what was found by a reading that began after so many changes
// of our own. What was changed here since is known better.
func (d *Directory) learn(found map[string]bool, changed []Tenant, began uint64) {
	var gone []string
	d.mu.Lock()
	kept := changed[:0]
	for _, t := range changed {
		e := d.entries[t.Name]
		if e == nil && d.deleted > began || e != nil && e.write > began {
			continue
		}
		d.keep(t, 0)
		kept = append(kept, t)
	}
	for name, e := range d.entries {
		if !found[name] && e.write <= began {
			d.drop(name)
			gone = append(gone, name)
		}
	}
	d.mu.Unlock()
	for _, t := range kept {
		d.cfg.Events.changed(t)
	}
	for _, name := range gone {
		d.cfg.Events.deleted(name)
	}
}

// flush tells the engine and the admission what has changed since they were
// told last. What the engine does not take in is told again.
func (d *Directory) flush(ctx context.Context) error {
	if err := hold(ctx, d.flushing); err != nil {
		return err
	}
	defer release(d.flushing)
	changed, gone := d.untold()
	if len(changed)+len(gone) == 0 {
		return nil
	}
	if d.cfg.Weights != nil {
		d.cfg.Weights(d.weights())
	}
	if d.cfg.Paused != nil {
		d.cfg.Paused(d.paused())
	}
	list := append([]jobs.Bulkhead{}, changed...)
	for _, name := range gone {
		list = append(list, jobs.Bulkhead{Tenant: name, Weight: 1})
	}
	if err := d.cfg.Engine.SetBulkheads(ctx, list...); err != nil {
		return fmt.Errorf("set bulkheads: %w", err)
	}
	for _, b := range changed {
		d.told[b.Tenant] = b
	}
	for _, name := range gone {
		delete(d.told, name)
	}
	return nil
}

// untold is what the engine does not know yet.
func (d *Directory) untold() (changed []jobs.Bulkhead, gone []string) {
	now := d.cfg.Now()
	d.mu.RLock()
	defer d.mu.RUnlock()
	for name, e := range d.entries {
		if b := e.tenant.bulkhead(now); d.told[name] != b {
			changed = append(changed, b)
		}
	}
	for name := range d.told {
		if d.entries[name] == nil {
			gone = append(gone, name)
		}
	}
	return changed, gone
}
