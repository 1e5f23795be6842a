package operations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Start lets a draft run. On a running operation it changes nothing; in any
// other state it is [jobs.ErrConflict]. tenant must own the operation, empty is
// for operators: else it is [jobs.ErrNotFound]. So it is for the methods below.
func (o *Operations) Start(ctx context.Context, tenant, by string, id jobs.ID) (Operation, error) {
	return o.turn(ctx, tenant, by, id, "start", Running, Draft)
}

// Pause stops a running operation after the jobs under way, at most a second's
// or a hundred.
func (o *Operations) Pause(ctx context.Context, tenant, by string, id jobs.ID) (Operation, error) {
	return o.turn(ctx, tenant, by, id, "pause", Paused, Running)
}

// Resume lets a paused or stopped operation go on. The stop rule judges what
// comes from now on.
func (o *Operations) Resume(ctx context.Context, tenant, by string, id jobs.ID) (Operation, error) {
	return o.turn(ctx, tenant, by, id, "resume", Running, Paused, Stopped)
}

// Cancel ends an operation. What it has changed stays changed.
func (o *Operations) Cancel(ctx context.Context, tenant, by string, id jobs.ID) (Operation, error) {
	return o.turn(ctx, tenant, by, id, "cancel", Cancelled, Draft, Running, Paused, Stopped)
}

// maxTries bounds how often a change is tried that others get in the way of.
const maxTries = 8

// turn brings an operation to a state, from one of others.
func (o *Operations) turn(ctx context.Context, tenant, by string, id jobs.ID, verb string, to State, from ...State) (Operation, error) {
	for try := 1; ; try++ {
		op, err := o.owned(ctx, tenant, id)
		if err == nil {
			if op.State == to {
				return o.withRows(ctx, op)
			}
			if op, err = o.turned(op, by, to, from); err == nil {
				op, err = o.put(ctx, op)
			}
		}
		switch {
		case err == nil:
			o.cfg.Events.changed(op)
			o.Wake()
			return o.withRows(ctx, op)
		case errors.Is(err, errState) || !errors.Is(err, jobs.ErrConflict) || try == maxTries:
			return op, fmt.Errorf("%s operation: %w", verb, err)
		}
	}
}

// errState marks a state that does not allow what is asked.
var errState = fmt.Errorf("%w: the operation's state does not allow it", jobs.ErrConflict)

func (o *Operations) turned(op Operation, by string, to State, from []State) (Operation, error) {
	if !slices.Contains(from, op.State) {
		return op, fmt.Errorf("%w: it is %s", errState, op.State)
	}
	now := jobs.Stamp(o.cfg.Now())
	op.State, op.StateBy, op.Why = to, by, ""
	switch {
	case to == Running && op.StartedAt.IsZero():
		op.StartedAt, op.ExpiresAt = now, time.Time{}
	case to == Running:
		op.WatchFrom = op.Progress.Total()
	case to == Cancelled:
		op.EndedAt, op.ExpiresAt = now, time.Time{}
	}
	return op, nil
}

// owned reads an operation that the tenant may see.
func (o *Operations) owned(ctx context.Context, tenant string, id jobs.ID) (Operation, error) {
	op, err := o.read(ctx, id)
	if err == nil && tenant != "" && op.Tenant != tenant {
		return Operation{}, fmt.Errorf("operation: %w", jobs.ErrNotFound)
	}
	return op, err
}
