package asynqjobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// due is a kind of jobs that fall due.
type due struct {
	key   string
	state jobs.State
	// lease says that the time is that of the lease, which moves without a
	// change of the job: it is compared in the commit.
	lease bool
	move  func(*jobs.Job, time.Time) (jobs.Event, error)
}

// errNotDue says that a job is not due any more: between the look for what is due
// and the read of the job it went on and may have a later time now.
var errNotDue = errors.New("the job is not due any more")

func wake(j *jobs.Job, now time.Time) (jobs.Event, error) {
	if now.Before(j.ParkedUntil) {
		return jobs.Event{}, errNotDue
	}
	return j.Wake(now)
}

func expire(j *jobs.Job, now time.Time) (jobs.Event, error) {
	if now.Before(j.DeadlineAt) {
		return jobs.Event{}, errNotDue
	}
	return j.Expire(now)
}

// Sweep implements [jobs.Engine]. Any number of processes may sweep: of several
// that find the same job due, one moves it. An error that is of single jobs comes
// with what was done for the others.
func (e *Engine) Sweep(ctx context.Context) (jobs.Swept, error) {
	if err := e.begin(ctx); err != nil {
		return jobs.Swept{}, err
	}
	now, err := e.tick(ctx)
	if err != nil {
		return jobs.Swept{}, err
	}
	var s jobs.Swept
	var failed []error
	for _, kind := range []struct {
		done *int
		due  due
	}{
		{&s.Reaped, due{"lease", jobs.Running, true, func(j *jobs.Job, now time.Time) (jobs.Event, error) { return j.Reap(e.cfg.Policy, now) }}},
		{&s.Woken, due{"wake", jobs.Parked, false, wake}},
		{&s.Expired, due{"late", "", false, expire}},
		{&s.Backstopped, due{"back", jobs.Running, false, func(j *jobs.Job, now time.Time) (jobs.Event, error) {
			if now.Before(j.DeadlineAt.Add(jobs.Backstop)) {
				return jobs.Event{}, errNotDue
			}
			return j.SendOverdueToReview(e.cfg.Policy, now)
		}}},
	} {
		var perJob jobErrors
		*kind.done, err = e.sweep(ctx, &s, kind.due, now)
		if err != nil && !errors.As(err, &perJob) {
			return jobs.Swept{}, err
		}
		failed = append(failed, perJob...)
	}
	return s, errors.Join(failed...)
}

// jobErrors are what went wrong with single jobs of many. They stop none of the
// others: one row that cannot be read must not end all sweeping.
type jobErrors []error

// Error names the jobs.
func (e jobErrors) Error() string { return errors.Join(e...).Error() }

// Unwrap is for the errors of each job.
func (e jobErrors) Unwrap() []error { return e }

// maxJobErrors is how many jobs the errors of one call name. When the server
// goes away, the same is wrong with each of a thousand.
const maxJobErrors = 8

// of adds what went wrong with a job.
func (e *jobErrors) of(id jobs.ID, err error) {
	if len(*e) < maxJobErrors {
		*e = append(*e, fmt.Errorf("job %s: %w", id, err))
	}
}

// err is nil when nothing went wrong.
func (e jobErrors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// tick notes the sweep and answers its time.
func (e *Engine) tick(ctx context.Context) (time.Time, error) {
	asked := time.Now()
	reply, err := e.run(ctx, newCall(e.scripts.tick, e.clock.arg(), e.cfg.LateAfter.Milliseconds(), jobs.DefaultLease.Milliseconds()))
	if err != nil {
		return time.Time{}, err
	}
	list, _ := reply.([]any)
	server, ok := integer(list, 1)
	granted, ok2 := integer(list, 2)
	if !ok || !ok2 {
		return time.Time{}, malformed("tick")
	}
	e.clock.follow(asked, server)
	if granted > 0 && e.cfg.Events.Granted != nil {
		e.cfg.Events.Granted(int(granted))
	}
	return millis(text(list, 0)), nil
}

// sweep moves what is due of one kind, by time and then seq.
func (e *Engine) sweep(ctx context.Context, s *jobs.Swept, d due, now time.Time) (int, error) {
	found, err := e.reads.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{
		Key: e.cfg.Prefix + d.key, Start: "-inf", Stop: strconv.FormatInt(now.UnixMilli(), 10), ByScore: true,
		Count: jobs.MaxSweep + 1,
	}).Result()
	if err != nil {
		return 0, e.readError(ctx, err)
	}
	if len(found) > jobs.MaxSweep {
		found, s.More = found[:jobs.MaxSweep], true
	}
	ids, guards := make([]jobs.ID, len(found)), []string(nil)
	for i, z := range found {
		ids[i] = dueID(z.Member)
		if d.lease {
			guards = append(guards, strconv.FormatFloat(z.Score, 'f', 0, 64))
		}
	}
	return e.changeAll(ctx, ids, guards, now, d.state, d.move)
}

// dueID is the job of a member: 16 digits of its seq and a colon go before.
func dueID(member any) jobs.ID {
	s, _ := member.(string)
	if len(s) < 17 {
		return ""
	}
	return jobs.ID(s[17:])
}

// changeAll moves jobs, all in one pipeline, and answers how many it moved. A
// job that is not in the state any more, an empty state standing for queued and
// parked, or that somebody else moves first, is left to whoever comes next. What
// goes wrong with single jobs comes as [jobErrors].
func (e *Engine) changeAll(
	ctx context.Context, ids []jobs.ID, guards []string, now time.Time,
	state jobs.State, move func(*jobs.Job, time.Time) (jobs.Event, error),
) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	all, err := e.fetchAll(ctx, ids, viewFields())
	if err != nil {
		return 0, err
	}
	var calls []*call
	var changes []*change
	var failed jobErrors
	for i, s := range all {
		if s.row == "" {
			continue
		}
		before, err := s.job()
		if err != nil {
			failed.of(ids[i], err) //nolint:gosec // G602: there is one row for each id
			continue
		}
		waiting := before.State == jobs.Queued || before.State == jobs.Parked
		if before.State != state && (state != "" || !waiting) {
			continue
		}
		ch := &change{before: before, after: before}
		if guards != nil {
			ch.until = guards[i] //nolint:gosec // G602: there is one for each id
		}
		c, err := e.moveCall(ch, now, move)
		if errors.Is(err, errNotDue) {
			continue
		}
		if err != nil {
			failed.of(ids[i], err) //nolint:gosec // G602: there is one row for each id
			continue
		}
		calls, changes = append(calls, c), append(changes, ch)
	}
	if err := e.send(ctx, calls...); err != nil {
		return 0, err
	}
	moved := 0
	for i, c := range calls {
		v, err := changes[i].verdictOf(c)
		if err != nil {
			failed.of(changes[i].before.ID, err)
			continue
		}
		if v == committed {
			moved++
		}
	}
	return moved, failed.err()
}

// moveCall moves a job and makes the call that writes it.
func (e *Engine) moveCall(ch *change, now time.Time, move func(*jobs.Job, time.Time) (jobs.Event, error)) (c *call, err error) {
	at := notBefore(&ch.before, now)
	if ch.event, err = move(&ch.after, at); err != nil {
		return nil, err
	}
	return e.commitCall(ch, at)
}

// fetchAll reads jobs in the order of their IDs; one that is not there is empty.
func (e *Engine) fetchAll(ctx context.Context, ids []jobs.ID, fields []string) ([]stored, error) {
	all := make([]stored, len(ids))
	const most = 250 // jobs a pipeline
	for from := 0; from < len(ids); from += most {
		part := ids[from:min(from+most, len(ids))]
		p := e.reads.Pipeline()
		replies := make([]*redis.SliceCmd, len(part))
		for i, id := range part {
			replies[i] = p.HMGet(ctx, e.jobKey(id), fields...)
		}
		if _, err := p.Exec(ctx); err != nil {
			return nil, e.readError(ctx, err)
		}
		for i, r := range replies {
			all[from+i], _ = storedOf(r.Val())
		}
	}
	return all, nil
}
