package operations

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// plan is what is to be done to a job, from how it was read.
type plan struct {
	job     jobs.ID
	command jobs.Command
	decided *row // when there is nothing to be done
}

// work works on up to n jobs of the part, on fewer when the engine is slow, and
// answers how many have a row now.
//
// Jobs are read, then the lease is looked at, then they are changed, each in
// the version that was read. So a driver that lost its lease without noticing
// changes nothing that its heir, or anybody after it, has changed: at the time
// of the version there was no heir yet.
func (d *drive) work(ctx context.Context, n int) (worked int, err error) {
	until := d.cfg.Now().Add(lookEvery)
	next := d.part.IDs[len(d.part.Rows):]
	plans := make([]plan, 0, min(n, len(next)))
	for _, id := range next[:min(n, len(next))] {
		p, err := d.plan(ctx, id)
		if err != nil {
			return 0, fmt.Errorf("job %s: %w", id, err)
		}
		if plans = append(plans, p); !d.cfg.Now().Before(until) {
			break
		}
	}
	until = until.Add(lookEvery)
	if err := d.look(ctx); err != nil {
		return 0, err
	}
	for len(plans) > 0 && !d.recent.tripped(d.op.StopIf) && (worked == 0 || d.cfg.Now().Before(until)) {
		group := plans[:min(d.width(), len(plans))]
		plans = plans[len(group):]
		for i, t := range d.together(ctx, group) {
			if t.again {
				t.row, t.err = d.insist(ctx, group[i].job)
			}
			if t.err != nil {
				// What the rest of the group did is looked for.
				return worked, fmt.Errorf("job %s: %w", group[i].job, t.err)
			}
			d.part.Rows = append(d.part.Rows, t.row)
			d.recent.add(t.row.Result == NotMade)
			d.cfg.Events.worked(d.op, t.row)
			worked++
		}
	}
	return worked, nil
}

// width is how many jobs are changed at the same time, so that their commits
// are one. With a stop rule, each is judged before the next.
func (d *drive) width() int {
	if d.op.StopIf.FailureRate > 0 {
		return 1
	}
	return 16
}

// plan reads a job and decides what is to be done.
func (d *drive) plan(ctx context.Context, id jobs.ID) (plan, error) {
	now := d.cfg.Now()
	p := plan{job: id}
	decide := func(r row) (plan, error) {
		r.At = millis(now)
		p.decided = &r
		return p, nil
	}
	j, err := d.cfg.Engine.Get(ctx, d.op.Filter.Tenant, id)
	if errors.Is(err, jobs.ErrNotFound) {
		return decide(row{Result: NotMade, Why: whyNotFound})
	} else if err != nil {
		return p, err
	}
	if done, err := d.changed(ctx, j); err != nil {
		return p, err
	} else if done {
		return decide(row{Result: Already, State: j.State, Version: j.Version})
	}
	kind, why := d.op.judge(j, now)
	if why != "" {
		return decide(row{Result: NotMade, Why: why})
	}
	p.command = d.op.command(kind, j, now)
	return p, nil
}

// try is what came of a plan.
type try struct {
	row   row
	again bool // the job has changed since it was read
	err   error
}

// together carries plans out at the same time.
func (d *drive) together(ctx context.Context, plans []plan) []try {
	tries := make([]try, len(plans))
	var wg sync.WaitGroup
	for i, p := range plans {
		wg.Go(func() { tries[i] = d.try(ctx, p) })
	}
	wg.Wait()
	return tries
}

// try carries a plan out. An error means that nothing is known.
func (d *drive) try(ctx context.Context, p plan) try {
	if p.decided != nil {
		return try{row: *p.decided}
	}
	j, err := d.cfg.Engine.Apply(ctx, p.command)
	at := millis(d.cfg.Now())
	switch {
	case err == nil:
		if j.State == jobs.Running {
			d.cfg.AskCancel(j.ID)
		}
		return try{row: row{Result: Applied, State: j.State, Version: j.Version, At: at}}
	case errors.Is(err, jobs.ErrConflict), errors.Is(err, jobs.ErrNotFound):
		return try{again: true}
	case errors.Is(err, jobs.ErrInvalid):
		return try{row: row{Result: NotMade, Why: whyInvalid, At: at}}
	default:
		return try{err: err}
	}
}

// insist plans and tries for a job that changes at the same time.
func (d *drive) insist(ctx context.Context, id jobs.ID) (row, error) {
	for range maxTries {
		p, err := d.plan(ctx, id)
		if err != nil {
			return row{}, err
		}
		if err := d.look(ctx); err != nil {
			return row{}, err
		}
		if t := d.try(ctx, p); !t.again {
			return t.row, t.err
		}
	}
	return row{Result: NotMade, Why: whyConflict, At: millis(d.cfg.Now())}, nil
}

// changed reports whether this operation has changed the job before. The job
// itself knows the last operation; which came before, its history does.
func (d *drive) changed(ctx context.Context, j jobs.Job) (bool, error) {
	if j.Operation == d.id {
		return true, nil
	}
	if !d.suspect || j.Operation == "" {
		return false, nil
	}
	events, err := d.cfg.Engine.History(ctx, d.op.Filter.Tenant, j.ID, 0)
	if errors.Is(err, jobs.ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	for _, e := range events {
		if e.Actor == d.op.actor() {
			return true, nil
		}
	}
	return false, nil
}
