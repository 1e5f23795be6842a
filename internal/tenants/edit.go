package tenants

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Create makes a tenant. One that is there already is [jobs.ErrConflict].
func (d *Directory) Create(ctx context.Context, name string, l Limits, by string) (Tenant, error) {
	if err := errors.Join(jobs.ID(name).Validate(), l.Validate()); err != nil {
		return Tenant{}, fmt.Errorf("create tenant: %w", err)
	}
	t, err := d.change(ctx, name, 0, func(t *Tenant, exists bool) (bool, error) {
		if exists {
			return false, fmt.Errorf("%w: the tenant is there already", jobs.ErrConflict)
		}
		t.Limits, t.Edited, t.UpdatedBy = l.WithDefaults(), true, by
		return true, nil
	})
	if err != nil {
		return Tenant{}, fmt.Errorf("create tenant: %w", err)
	}
	return t, nil
}

// Edit changes a tenant's limits. version must be the tenant's, or 0 for any:
// another is [jobs.ErrConflict]. A tenant that is not there is
// [jobs.ErrNotFound].
func (d *Directory) Edit(ctx context.Context, name string, version int64, by string, edit func(l *Limits)) (Tenant, error) {
	return d.existing(ctx, "edit tenant", name, version, func(t *Tenant) (bool, error) {
		l := t.Limits
		edit(&l)
		if err := l.Validate(); err != nil {
			return false, err
		}
		if t.equal(l) {
			return false, nil
		}
		t.Limits, t.Edited, t.UpdatedBy = l.WithDefaults(), true, by
		return true, nil
	})
}

// Pause keeps the tenant's jobs from starting until p.Until, or until it is
// resumed. The engine sets p.At; version is as for [Directory.Edit].
func (d *Directory) Pause(ctx context.Context, name string, version int64, p Pause) (Tenant, error) {
	now := jobs.Stamp(d.cfg.Now())
	p.Until, p.At = jobs.Stamp(p.Until), now
	if len(p.Reason) > jobs.MaxReasonBytes {
		return Tenant{}, fmt.Errorf("pause tenant: %w: reason has %d bytes, limit %d", jobs.ErrInvalid, len(p.Reason), jobs.MaxReasonBytes)
	}
	if !p.Until.IsZero() && !p.Until.After(now) {
		return Tenant{}, fmt.Errorf("pause tenant: %w: the end has passed", jobs.ErrInvalid)
	}
	return d.existing(ctx, "pause tenant", name, version, func(t *Tenant) (bool, error) {
		t.Pause, t.UpdatedBy = &p, p.By
		return true, nil
	})
}

// Resume ends a pause. Without one it changes nothing.
func (d *Directory) Resume(ctx context.Context, name string, version int64, by string) (Tenant, error) {
	return d.existing(ctx, "resume tenant", name, version, func(t *Tenant) (bool, error) {
		if t.paused(d.cfg.Now()) == nil {
			return false, nil
		}
		t.Pause, t.UpdatedBy = nil, by
		return true, nil
	})
}

// Reset makes the tenant's limits again those of the configuration, which
// decides them from then on. A pause stays. A tenant that the configuration
// does not name is [ErrNotConfigured].
func (d *Directory) Reset(ctx context.Context, name string, version int64, by string) (Tenant, error) {
	return d.existing(ctx, "reset tenant", name, version, func(t *Tenant) (bool, error) {
		limits, ok := d.seeds[name]
		if !ok {
			return false, ErrNotConfigured
		}
		if !t.Edited && t.equal(limits) {
			return false, nil
		}
		t.Limits, t.Edited, t.UpdatedBy = limits, false, by
		return true, nil
	})
}

// Delete removes a tenant: its jobs stay, without limits. One that the
// configuration names is [ErrConfigured].
func (d *Directory) Delete(ctx context.Context, name string, version int64) error {
	if _, ok := d.seeds[name]; ok {
		return fmt.Errorf("delete tenant: %w", ErrConfigured)
	}
	if err := hold(ctx, d.writing); err != nil {
		return err
	}
	defer release(d.writing)
	if version == 0 {
		version = jobs.AnyVersion
	}
	if err := d.cfg.Engine.Records().Delete(ctx, Kind, jobs.ID(name), version); err != nil {
		return fmt.Errorf("delete tenant: %w", err)
	}
	d.mu.Lock()
	d.writes++
	d.deleted = d.writes
	d.drop(name)
	d.mu.Unlock()
	d.cfg.Events.deleted(name)
	d.tryFlush(ctx)
	return nil
}

// Get reads a tenant as it is stored; [jobs.ErrNotFound] when there is none.
func (d *Directory) Get(ctx context.Context, name string) (Tenant, error) {
	r, err := d.cfg.Engine.Records().Get(ctx, Kind, jobs.ID(name))
	if err != nil {
		return Tenant{}, fmt.Errorf("get tenant: %w", err)
	}
	t, err := decode(r)
	return t.at(d.cfg.Now()), err
}

// List reads the tenants whose names sort behind after, in order; limit is as
// for [jobs.RecordQuery].
func (d *Directory) List(ctx context.Context, after string, limit int) ([]Tenant, error) {
	page, err := d.cfg.Engine.Records().List(ctx, jobs.RecordQuery{Kind: Kind, After: jobs.ID(after), Limit: limit})
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	all := make([]Tenant, 0, len(page))
	for _, r := range page {
		t, err := decode(r)
		if err != nil {
			return nil, err
		}
		all = append(all, t.at(d.cfg.Now()))
	}
	return all, nil
}

// existing changes a tenant that must be there.
func (d *Directory) existing(ctx context.Context, doing, name string, version int64, edit func(t *Tenant) (bool, error)) (Tenant, error) {
	t, err := d.change(ctx, name, version, func(t *Tenant, exists bool) (bool, error) {
		if !exists {
			return false, fmt.Errorf("tenant: %w", jobs.ErrNotFound)
		}
		return edit(t)
	})
	if err != nil {
		return Tenant{}, fmt.Errorf("%s: %w", doing, err)
	}
	return t, nil
}

// maxTries bounds how often a change is tried that others get in the way of.
const maxTries = 8

// change changes a tenant's record and acts on it at once. edit reports whether
// there is anything to write.
func (d *Directory) change(ctx context.Context, name string, version int64, edit func(t *Tenant, exists bool) (bool, error)) (Tenant, error) {
	if err := hold(ctx, d.writing); err != nil {
		return Tenant{}, err
	}
	defer release(d.writing)
	for try := 1; ; try++ {
		t, written, err := d.tryChange(ctx, name, version, edit)
		switch {
		case written:
			d.mu.Lock()
			d.writes++
			d.keep(t, d.writes)
			d.mu.Unlock()
			d.cfg.Events.changed(t)
			d.tryFlush(ctx)
			d.Hint() // the end of a pause may have moved
			return t.at(d.cfg.Now()), nil
		case err == nil:
			return t.at(d.cfg.Now()), nil
		case !errors.Is(err, errOvertaken) || try == maxTries:
			return Tenant{}, err
		}
	}
}

// errOvertaken marks a write that somebody else's came before.
var errOvertaken = fmt.Errorf("%w: others change the tenant at the same time", jobs.ErrConflict)

func (d *Directory) tryChange(
	ctx context.Context, name string, version int64, edit func(t *Tenant, exists bool) (bool, error),
) (t Tenant, written bool, err error) {
	t = Tenant{Name: name}
	r, err := d.cfg.Engine.Records().Get(ctx, Kind, jobs.ID(name))
	exists := err == nil
	switch {
	case exists:
		if t, err = decode(r); err != nil {
			return t, false, err
		}
	case !errors.Is(err, jobs.ErrNotFound):
		return t, false, err
	}
	if version != 0 && version != t.Version {
		return t, false, fmt.Errorf("%w: the tenant has version %d, not %d", jobs.ErrConflict, t.Version, version)
	}
	if write, err := edit(&t, exists); err != nil || !write {
		return t, false, err
	}
	if !exists && d.count() >= MaxTenants {
		return t, false, fmt.Errorf("%w: there are %d tenants, which is the limit", jobs.ErrInvalid, MaxTenants)
	}
	if r, err = encode(t); err != nil {
		return t, false, err
	}
	if r, err = d.cfg.Engine.Records().Put(ctx, r); errors.Is(err, jobs.ErrConflict) {
		return t, false, errOvertaken
	} else if err != nil {
		return t, false, err
	}
	t.Version, t.UpdatedAt = r.Version, r.UpdatedAt
	return t, true, nil
}

func (d *Directory) count() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.entries)
}
