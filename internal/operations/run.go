package operations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// settleTime bounds what is still written when a driver must end.
const settleTime = 5 * time.Second

// tidyEvery is how often what nobody needs is looked for.
const tidyEvery = time.Minute

// Wake makes Run look for operations to drive at once. It never blocks. Call it
// when another process says that an operation was started or resumed.
func (o *Operations) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Run drives operations, and removes what nobody needs, until ctx ends. Then it
// gives its operations back, to this process or another.
func (o *Operations) Run(ctx context.Context) {
	var drivers sync.WaitGroup
	defer drivers.Wait()
	drivers.Go(func() { o.tidyUp(ctx) })
	ticker := time.NewTicker(o.cfg.Poll)
	defer ticker.Stop()
	for {
		if err := o.pickUp(ctx, &drivers); err != nil && ctx.Err() == nil {
			o.cfg.Events.failed("", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-o.wake:
		}
	}
}

// pickUp begins to drive operations that nobody drives.
func (o *Operations) pickUp(ctx context.Context, drivers *sync.WaitGroup) error {
	running, err := o.in(ctx, Running)
	if err != nil {
		return err
	}
	for _, op := range slices.Backward(running) { // the oldest first
		if !op.Lease.free(o.token, o.cfg.Now()) || !o.claim(op) {
			continue
		}
		drivers.Go(func() {
			defer o.unclaim(op.ID)
			o.drive(ctx, op.ID)
		})
	}
	return nil
}

// maxDriven bounds the operations that one process drives at once.
const maxDriven = 64

// claim makes sure that this process drives an operation once, and not too many
// of them, of one owner above all: slow operations take their place for long.
func (o *Operations) claim(op Operation) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	same := 0
	for _, owner := range o.driving {
		if owner == op.Tenant {
			same++
		}
	}
	if _, driven := o.driving[op.ID]; driven || same >= o.cfg.Parallel || len(o.driving) >= maxDriven {
		return false
	}
	o.driving[op.ID] = op.Tenant
	return true
}

func (o *Operations) unclaim(id jobs.ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.driving, id)
	o.Wake() // there is room for another
}

// tidyUp removes, now and then, what nobody needs.
func (o *Operations) tidyUp(ctx context.Context) {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	for {
		if err := o.tidy(ctx); err != nil && ctx.Err() == nil {
			o.cfg.Events.failed("", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// tidy removes selections that broke off, drafts that nobody started, and
// operations that ended long ago if that was asked for.
func (o *Operations) tidy(ctx context.Context) error {
	now := o.cfg.Now()
	due := map[State]func(op Operation) bool{
		Selecting: func(op Operation) bool { return !now.Before(op.Lease.Until) },
		Draft:     func(op Operation) bool { return !now.Before(op.ExpiresAt) },
	}
	if o.cfg.Keep > 0 {
		old := func(op Operation) bool { return !now.Before(op.EndedAt.Add(o.cfg.Keep)) }
		due[Succeeded], due[Failed], due[Cancelled] = old, old, old
	}
	var problems []error
	for state, isDue := range due {
		all, err := o.in(ctx, state)
		problems = append(problems, err)
		for _, op := range all {
			if isDue(op) {
				problems = append(problems, o.retire(ctx, op))
			}
		}
	}
	return errors.Join(problems...)
}

// retire removes an operation that was found due. First it is marked, so that
// nobody starts it meanwhile, and what is left of it is found again.
func (o *Operations) retire(ctx context.Context, op Operation) error {
	op.State, op.Lease = Selecting, lease{}
	op, err := o.put(ctx, op)
	switch {
	case errors.Is(err, jobs.ErrConflict):
		return nil // somebody else was faster
	case err != nil:
		return err
	}
	if err := o.remove(ctx, op.ID); err != nil {
		return err
	}
	o.cfg.Events.removed(op.ID)
	return nil
}

// remove removes an operation's parts and then its record. Done again, it goes
// on where it broke off.
func (o *Operations) remove(ctx context.Context, id jobs.ID) error {
	// Parts are large: a few at a time.
	for q := (jobs.RecordQuery{Kind: ChunkKind, After: id, Limit: 10}); ; {
		page, err := o.records.List(ctx, q)
		if err != nil {
			return fmt.Errorf("list the parts of operation %s: %w", id, err)
		}
		for _, r := range page {
			if !strings.HasPrefix(string(r.ID), string(id)+"_") {
				page = nil
				break
			}
			if err := o.drop(ctx, ChunkKind, r.ID); err != nil {
				return err
			}
			q.After = r.ID
		}
		if len(page) < q.Limit {
			return o.drop(ctx, Kind, id)
		}
	}
}

// drop deletes a record that may be gone already.
func (o *Operations) drop(ctx context.Context, kind string, id jobs.ID) error {
	if err := o.records.Delete(ctx, kind, id, jobs.AnyVersion); err != nil && !errors.Is(err, jobs.ErrNotFound) {
		return fmt.Errorf("delete %s %s: %w", kind, id, err)
	}
	return nil
}
