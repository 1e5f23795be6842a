package memjobs

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Sweep implements [jobs.Engine].
func (e *Engine) Sweep(ctx context.Context) (jobs.Swept, error) {
	if err := e.begin(ctx); err != nil {
		return jobs.Swept{}, err
	}
	defer e.end()
	var s jobs.Swept
	now := e.now()
	s.Reaped = e.sweep(&s, now, leaseEnd, func(j *jobs.Job) (jobs.Event, error) { return j.Reap(e.cfg.Policy, now) })
	s.Woken = e.sweep(&s, now, wakeUp, func(j *jobs.Job) (jobs.Event, error) { return j.Wake(now) })
	s.Expired = e.sweep(&s, now, waitingDeadline, func(j *jobs.Job) (jobs.Event, error) { return j.Expire(now) })
	s.Backstopped = e.sweep(&s, now, backstop, func(j *jobs.Job) (jobs.Event, error) {
		return j.SendOverdueToReview(e.cfg.Policy, now)
	})
	return s, nil
}

// sweep moves the jobs for which due gives a time that has come, in the order
// of that time and Seq, and returns how many it moved.
func (e *Engine) sweep(
	s *jobs.Swept, now time.Time,
	due func(jobs.Job) (time.Time, bool), move func(*jobs.Job) (jobs.Event, error),
) int {
	var found []*row
	for _, r := range e.store.jobs {
		if at, ok := due(r.job); ok && !now.Before(at) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *row) int {
		at, _ := due(a.job)
		bt, _ := due(b.job)
		return cmp.Or(at.Compare(bt), cmp.Compare(a.job.Seq, b.job.Seq))
	})
	if len(found) > jobs.MaxSweep {
		found, s.More = found[:jobs.MaxSweep], true
	}
	for _, r := range found {
		after := r.job
		ev, err := move(&after)
		mustMove(err)
		e.change(r, after, ev, 0)
	}
	return len(found)
}

func leaseEnd(j jobs.Job) (time.Time, bool) { return j.Lease.Until, j.State == jobs.Running }

func wakeUp(j jobs.Job) (time.Time, bool) { return j.ParkedUntil, j.State == jobs.Parked }

func waitingDeadline(j jobs.Job) (time.Time, bool) {
	return j.DeadlineAt, j.State == jobs.Queued || j.State == jobs.Parked
}

func backstop(j jobs.Job) (time.Time, bool) {
	return j.DeadlineAt.Add(jobs.Backstop), j.State == jobs.Running
}
