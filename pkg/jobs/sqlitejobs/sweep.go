package sqlitejobs

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
	var s jobs.Swept
	err := e.submit(ctx, 0, func(t *tx) (err error) {
		s = jobs.Swept{}
		now := t.now()
		if s.Reaped, err = t.reap(&s, now); err != nil {
			return err
		}
		if s.Woken, err = t.wake(&s, now); err != nil {
			return err
		}
		if s.Expired, err = t.expireLate(&s, now); err != nil {
			return err
		}
		s.Backstopped, err = t.backstop(&s, now)
		return err
	})
	if err != nil {
		return jobs.Swept{}, err
	}
	return s, nil
}

// reap takes back the loans whose lease has ended.
func (t *tx) reap(s *jobs.Swept, now time.Time) (int, error) {
	return t.endLoans(s, now,
		func(j *jobs.Job) time.Time { return j.Lease.Until },
		func(j *jobs.Job) (jobs.Event, error) { return j.Reap(t.policy, now) })
}

// backstop ends the loans of jobs that run too long past their deadline.
func (t *tx) backstop(s *jobs.Swept, now time.Time) (int, error) {
	return t.endLoans(s, now,
		func(j *jobs.Job) time.Time { return j.DeadlineAt.Add(jobs.Backstop) },
		func(j *jobs.Job) (jobs.Event, error) { return j.SendOverdueToReview(t.policy, now) })
}

// endLoans moves the running jobs whose time has come, by that time and seq.
// It looks at all that run: they are as few as the fleet has slots.
func (t *tx) endLoans(
	s *jobs.Swept, now time.Time,
	end func(*jobs.Job) time.Time, move func(*jobs.Job) (jobs.Event, error),
) (int, error) {
	var over []*loan
	for _, l := range t.running {
		if !now.Before(end(&l.job)) {
			over = append(over, l)
		}
	}
	slices.SortFunc(over, func(a, b *loan) int {
		return cmp.Or(end(&a.job).Compare(end(&b.job)), cmp.Compare(a.job.Seq, b.job.Seq))
	})
	if len(over) > jobs.MaxSweep {
		over, s.More = over[:jobs.MaxSweep], true
	}
	for _, l := range over {
		if err := t.endLoan(l, move); err != nil {
			return 0, err
		}
	}
	return len(over), nil
}

// endLoan takes a loan from its holder.
func (t *tx) endLoan(l *loan, move func(*jobs.Job) (jobs.Event, error)) error {
	before := l.job
	ev, err := move(&l.job)
	if err != nil {
		return damaged("end the loan of job %s: %w", before.ID, err)
	}
	return t.settle(before, l, ev, 0)
}

// wake moves the parked jobs whose time has come back to their queues.
func (t *tx) wake(s *jobs.Swept, now time.Time) (int, error) {
	return t.eachDue(s, &t.parks, now, func(d due) (*row, error) {
		if !t.live.has(d.seq) || t.runningSeq[d.seq] != nil {
			return nil, nil
		}
		r, err := t.loadSeq(d.seq)
		if err != nil || r.job.State != jobs.Parked || millis(r.job.ParkedUntil) != d.at {
			return nil, err
		}
		return r, nil
	}, func(r *row) error {
		before := r.job
		ev, err := r.job.Wake(now)
		if err != nil {
			return damaged("wake job %s: %w", before.ID, err)
		}
		return t.save(before, r, ev, nil, nil, 0)
	})
}

// expireLate ends the waiting jobs whose deadline has passed.
func (t *tx) expireLate(s *jobs.Swept, now time.Time) (int, error) {
	return t.eachDue(s, &t.deadlines, now, func(d due) (*row, error) {
		if l := t.runningSeq[d.seq]; l != nil {
			l.late = true
			return nil, nil
		}
		if !t.live.has(d.seq) {
			return nil, nil
		}
		return t.loadSeq(d.seq)
	}, func(r *row) error { return t.expire(r, now) })
}

// eachDue takes out what is due in from. find returns the job of an entry that
// still holds, and move moves it.
func (t *tx) eachDue(
	s *jobs.Swept, from *moments, now time.Time,
	find func(due) (*row, error), move func(*row) error,
) (int, error) {
	for n := 0; ; {
		d, ok := from.next(millis(now))
		if !ok {
			return n, nil
		}
		r, err := find(d)
		if err != nil {
			return 0, err
		}
		if r == nil {
			continue
		}
		if n == jobs.MaxSweep {
			from.add(d.at, d.seq)
			s.More = true
			return n, nil
		}
		if err := move(r); err != nil {
			return 0, err
		}
		n++
	}
}
