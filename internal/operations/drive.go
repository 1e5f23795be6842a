package operations

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/internal/pause"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// errLost marks an operation that is no longer this driver's to drive: it was
// paused or cancelled, or another driver has it.
var errLost = errors.New("the operation is not ours to drive")

// errMoved marks an operation that is at another part than its driver thought:
// a write of its own had happened although it seemed not to.
var errMoved = errors.New("the operation is at another part")

// drive drives one operation until it ends, is paused or lost, or ctx ends.
func (o *Operations) drive(ctx context.Context, id jobs.ID) {
	d := &drive{Operations: o, id: id}
	for ctx.Err() == nil {
		err := d.take(ctx)
		for err == nil && ctx.Err() == nil {
			if err = d.round(ctx); errors.Is(err, errMoved) {
				d.part, err = nil, nil
			}
		}
		switch {
		case errors.Is(err, errLost), errors.Is(err, jobs.ErrClosed), errors.Is(err, jobs.ErrNotFound):
			return
		case err != nil && ctx.Err() == nil:
			o.cfg.Events.failed(id, err)
			_ = pause.For(ctx, o.cfg.Poll)
		}
		// What was done and not written is looked for.
		d.part = nil
	}
	d.letGo(ctx)
}

// drive is the driving of one operation.
type drive struct {
	*Operations
	id   jobs.ID
	op   Operation
	part *chunk // being worked on; nil before it is read
	// suspect is true while a driver before may have changed jobs of the part
	// without noting it.
	suspect bool
	pace    pace
	recent  window
	written time.Time // of the operation's record, by us
}

// take takes the lease.
func (d *drive) take(ctx context.Context) error {
	op, err := d.read(ctx, d.id)
	if err != nil {
		return err
	}
	now := d.cfg.Now()
	if op.State != Running || !op.Lease.free(d.token, now) {
		return errLost
	}
	d.op = op
	if d.pace.at.IsZero() { // a driver that begins again keeps to what it has used up
		d.pace = newPace(op.Rate, now)
	}
	if err = d.renew(ctx); errors.Is(err, jobs.ErrConflict) {
		return errLost // another was faster
	}
	return err
}

// renew extends the lease and writes how far the operation is. It is
// [jobs.ErrConflict] when anybody has written the operation since it was read.
func (d *drive) renew(ctx context.Context) error {
	now := d.cfg.Now()
	d.op.Lease = lease{d.cfg.Owner, d.token, jobs.Stamp(now.Add(d.cfg.Lease))}
	op, err := d.put(ctx, d.op)
	if err != nil {
		return err
	}
	d.op, d.written = op, now
	return nil
}

// round works on a few jobs.
func (d *drive) round(ctx context.Context) error {
	if d.op.Chunk >= d.op.chunks() {
		return d.finish(ctx)
	}
	if d.part == nil {
		return d.load(ctx)
	}
	if d.part.done() {
		return d.advance(ctx)
	}
	n, rest := d.pace.allowed(d.cfg.Now())
	if n == 0 {
		_ = pause.For(ctx, rest)
		return d.look(ctx)
	}
	worked, err := d.work(ctx, n)
	rest = d.pace.took(worked)
	if worked > 0 {
		err = errors.Join(d.flush(ctx), err)
	}
	if err != nil {
		return err
	}
	if d.recent.tripped(d.op.StopIf) && d.left() {
		return d.settle(ctx, Stopped, whyFailureRate)
	}
	_ = pause.For(ctx, rest)
	return nil
}

// left reports whether there are jobs left to work on, as far as is known.
func (d *drive) left() bool { return d.op.Progress.Total() < d.op.Selection.Selected }

// look reads what became of the operation meanwhile, and renews the lease in
// time. It is errLost unless the operation is ours to drive at some moment
// within the call.
func (d *drive) look(ctx context.Context) error {
	for moved := false; ; {
		op, err := d.read(ctx, d.id)
		if err != nil {
			return err
		}
		if op.Lease.Token != d.token {
			return errLost
		}
		if moved = moved || op.Chunk != d.op.Chunk; !moved {
			op.Partial, op.Progress = d.op.Partial, d.op.Progress // we know better
		}
		if d.op = op; op.State != Running {
			d.op.Lease = lease{}
			_, err = d.put(ctx, d.op)
		} else if d.cfg.Now().Sub(d.written) >= min(time.Second, d.cfg.Lease/3) {
			err = d.renew(ctx)
		}
		switch {
		case errors.Is(err, jobs.ErrConflict):
			continue // somebody wrote it meanwhile
		case err == nil && d.op.State != Running:
			return errLost
		case err == nil && moved:
			return errMoved
		}
		return err
	}
}

// load reads the part to work on. Who drove before may have changed jobs that
// have no row yet.
func (d *drive) load(ctx context.Context) error {
	c, err := d.readChunk(ctx, d.id, d.op.Chunk)
	switch {
	case err != nil && passing(ctx, err):
		return err
	case err != nil:
		d.cfg.Events.failed(d.id, err)
		return d.settle(ctx, Failed, whySelectionLost)
	}
	d.part, d.suspect = c, true
	d.count()
	return d.watch(ctx)
}

// watch fills the window of the stop rule with the rows there are.
func (d *drive) watch(ctx context.Context) error {
	d.recent = newWindow(d.op.StopIf)
	if d.op.StopIf.FailureRate == 0 {
		return nil
	}
	if n := d.part.n; n > 0 && len(d.part.Rows) < d.op.StopIf.Window {
		before, err := d.readChunk(ctx, d.id, n-1)
		switch {
		case err == nil:
			d.note(before)
		case passing(ctx, err):
			return err
		}
	}
	d.note(d.part)
	return nil
}

func (d *drive) note(c *chunk) {
	for i, r := range c.Rows {
		if c.n*d.op.ChunkJobs+i >= d.op.WatchFrom {
			d.recent.add(r.Result == NotMade)
		}
	}
}

// flush writes the rows. When another driver has written rows of the part, the
// operation is lost, or the other did not know that it had lost it: then it is
// read again, with the rows that are there.
func (d *drive) flush(ctx context.Context) error {
	// What was done shall be known, even when this process ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	err := d.putChunk(ctx, d.id, d.part)
	switch {
	case errors.Is(err, jobs.ErrConflict):
		d.part = nil
		return nil
	case err != nil:
		return err
	}
	d.count()
	return nil
}

// count counts the rows of the part.
func (d *drive) count() {
	d.op.Partial = progress(d.part.Rows)
	d.op.Progress = d.op.Done.plus(d.op.Partial)
}

// advance goes on to the next part. The count of this one becomes final in the
// same write.
func (d *drive) advance(ctx context.Context) error {
	before := d.op
	d.op.Done, d.op.Partial = d.op.Done.plus(progress(d.part.Rows)), Progress{}
	d.op.Chunk++
	if err := d.renew(ctx); errors.Is(err, jobs.ErrConflict) {
		d.op = before
		return d.look(ctx) // paused, cancelled or lost, or else this is tried again
	} else if err != nil {
		return err
	}
	d.part, d.suspect = nil, false
	if d.op.Chunk >= d.op.chunks() {
		return nil
	}
	recent := d.recent
	if err := d.load(ctx); err != nil {
		return err
	}
	// Nobody else can have worked on this part: who would, must have written
	// the operation first.
	d.suspect = len(d.part.Rows) > 0
	if d.op.StopIf.FailureRate > 0 {
		d.recent = recent
	}
	return nil
}

// finish ends an operation whose jobs are all worked through.
func (d *drive) finish(ctx context.Context) error {
	if d.op.Done.Applied == 0 && d.op.Done.Failed > 0 {
		return d.settle(ctx, Failed, whyNoneChanged)
	}
	return d.settle(ctx, Succeeded, "")
}

// settle brings the operation to a state in which nobody drives it.
func (d *drive) settle(ctx context.Context, s State, why string) error {
	d.op.State, d.op.StateBy, d.op.Why, d.op.Lease = s, "", why, lease{}
	if s.Ended() {
		d.op.EndedAt = jobs.Stamp(d.cfg.Now())
	}
	op, err := d.put(ctx, d.op)
	if errors.Is(err, jobs.ErrConflict) {
		return d.look(ctx) // paused, cancelled or lost meanwhile
	} else if err != nil {
		return err
	}
	d.cfg.Events.changed(op)
	return errLost
}

// letGo gives the lease back when this process ends, so that another need not
// wait for its end.
func (d *drive) letGo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	op, err := d.read(ctx, d.id)
	if err != nil || op.Lease.Token != d.token {
		return
	}
	op.Lease = lease{}
	if _, err := d.put(ctx, op); err != nil && !errors.Is(err, jobs.ErrConflict) {
		d.cfg.Events.failed(d.id, err)
	}
}
