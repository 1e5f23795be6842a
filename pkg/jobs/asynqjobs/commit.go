package asynqjobs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxTries is how often a change is made anew because another came first.
// Each time somebody else has moved the job, which no job sees often.
const maxTries = 32

// freshSeq stands for a seq that the script is to give.
const freshSeq = -1

// change is a job on its way to its next version.
type change struct {
	before, after jobs.Job
	event         jobs.Event
	// until, if set, is the end of the lease without which the change is void.
	until    string
	attempts []jobs.Attempt
	writes   []jobs.Write
	// service is how long the loan that ends held its slot; 0 is as estimated.
	service time.Duration
}

// verdict is what became of a change.
type verdict int

const (
	committed verdict = iota
	overtaken         // the job has moved on since it was read
	recordMoved
)

// commitCall makes the call that writes a change.
func (e *Engine) commitCall(ch *change, now time.Time) (*call, error) {
	before, after := &ch.before, &ch.after
	row, err := encodeRow(after)
	if err != nil {
		return nil, err
	}
	event, err := encodeEvent(ch.event)
	if err != nil {
		return nil, err
	}
	load, kept, err := ch.heavy()
	if err != nil {
		return nil, err
	}
	erased := after.State == jobs.Erased && before.State != jobs.Erased
	args := []any{
		string(before.ID), strconv.FormatInt(before.Version, 10), ch.until, now.UnixMilli(),
		letter(after.State), after.Version, int(after.Lane), flag(after.Seq == freshSeq), after.EnqueuedAt.UnixMilli(),
		after.DeadlineAt.UnixMilli(), unixMilli(after.ParkedUntil), after.Generation, flag(after.CancelAsked),
		row, flag(kept), load, event, ch.serviceArg(), flag(erased),
	}
	args = ch.appendPlaces(args)
	rows, err := ledgerArgs(ch.attempts)
	if err != nil {
		return nil, err
	}
	args = append(args, rows...)
	args = append(args, writeArgs(ch.writes)...)
	c := newItem(e.scripts.commit, args...)
	c.heard = func(reply any) {
		list, _ := reply.([]any)
		if text(list, 0) != "ok" {
			return
		}
		e.tell(ch.event)
		if after.State == jobs.Queued || before.State == jobs.Running {
			e.waker.TopUp()
		}
	}
	return c, nil
}

// heavy is the part that lists leave out; kept says that it did not change.
func (ch *change) heavy() (load string, kept bool, err error) {
	before, after := &ch.before, &ch.after
	if before.Result == nil && after.Result == nil && before.Review == nil && after.Review == nil {
		return "", true, nil
	}
	load, err = encodeHeavy(after)
	return load, false, err
}

// unshare gives the job after the change heavy parts of its own: those that it
// has are the caller's.
func (ch *change) unshare() error {
	after := &ch.after
	if after.Result == nil && after.Review == nil {
		return nil
	}
	text, err := encodeHeavy(after)
	if err != nil || text == "" {
		return err
	}
	var h heavy
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		return damaged("result of job "+string(after.ID), err)
	}
	if after.Review != nil {
		review := *after.Review
		review.Candidates = nil
		after.Review = &review
	}
	h.fill(after)
	return nil
}

func (ch *change) serviceArg() string {
	if ch.before.State != jobs.Running || ch.after.State == jobs.Running || ch.service <= 0 {
		return ""
	}
	return strconv.FormatInt(int64(milliseconds(ch.service)), 10)
}

// appendPlaces writes where the job was found and where it will be.
func (ch *change) appendPlaces(args []any) []any {
	before, after := &ch.before, &ch.after
	was, wasAt := groupKey(before)
	is, isAt := groupKey(after)
	if was == is && wasAt == isAt {
		was, is = "", ""
	}
	endFrom, endTo := ended(before.State), ended(after.State)
	if endFrom == endTo {
		endFrom, endTo = "", ""
	}
	args = append(args, was, is, isAt, endFrom, endTo, unixMilli(after.EndedAt))
	leaves, joins := indexes(before), indexes(after)
	args = appendList(args, without(leaves, joins))
	return appendList(args, without(joins, leaves))
}

// without is what list has and other has not.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// unixMilli is t in unix ms, 0 for none.
func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// milliseconds is d for the scheduler.
func milliseconds(d time.Duration) int32 {
	const most = 1<<31 - 1
	return int32(min(max(d.Milliseconds(), 1), most))
}

// verdictOf reads the answer of the script commit.
func (ch *change) verdictOf(c *call) (verdict, error) {
	if c.err != nil {
		return 0, c.err
	}
	list, _ := c.reply.([]any)
	switch text(list, 0) {
	case "ok":
		seq, ok := integer(list, 1)
		if !ok {
			return 0, malformed("commit")
		}
		ch.after.Seq = seq
		return committed, nil
	case "version":
		return overtaken, nil
	case "record":
		return recordMoved, fmt.Errorf("%w: the record has version %s", jobs.ErrConflict, text(list, 1))
	default:
		return 0, malformed("commit")
	}
}

// move changes one job: decide gets it as it is and answers the change, or
// changed false to leave it. first, if there is one, is a guess at what it is.
// When another change came first it all begins anew. It answers the job as it
// is after that.
func (e *Engine) move(
	ctx context.Context, id jobs.ID, first *stored, missing error,
	decide func(before jobs.Job, now time.Time) (ch change, changed bool, err error),
) (jobs.Job, error) {
	for range maxTries {
		s, err := e.guess(ctx, id, first, missing)
		if err != nil {
			return jobs.Job{}, err
		}
		before, err := s.job()
		if err != nil {
			return jobs.Job{}, err
		}
		now := notBefore(&before, e.clock.now())
		ch, changed, err := decide(before, now)
		if err != nil && first != nil {
			first = nil // the guess may be wrong
			continue
		}
		if err != nil {
			return jobs.Job{}, err
		}
		if !changed {
			if err := e.confirm(ctx); err != nil {
				return jobs.Job{}, err
			}
			return before, nil
		}
		first = nil
		ch.before = before
		c, err := e.commitCall(&ch, now)
		if err != nil {
			return jobs.Job{}, err
		}
		if err := e.send(ctx, c); err != nil {
			return jobs.Job{}, err
		}
		switch v, err := ch.verdictOf(c); {
		case err != nil:
			return jobs.Job{}, err
		case v == committed:
			return ch.after, ch.unshare()
		}
	}
	return jobs.Job{}, fmt.Errorf("%w: job %s changed %d times meanwhile", jobs.ErrUnavailable, id, maxTries)
}

// guess is the job as it is guessed, or else as the server has it.
func (e *Engine) guess(ctx context.Context, id jobs.ID, first *stored, missing error) (stored, error) {
	if first != nil {
		return *first, nil
	}
	s, ok, err := e.fetch(ctx, id)
	if err == nil && !ok {
		err = missing
	}
	return s, err
}

// fetch reads one job.
func (e *Engine) fetch(ctx context.Context, id jobs.ID) (s stored, ok bool, err error) {
	if id.Validate() != nil {
		return stored{}, false, nil //nolint:nilerr // no job has such an id
	}
	fields, err := e.reads.HMGet(ctx, e.jobKey(id), viewFields()...).Result()
	if err != nil {
		return stored{}, false, e.readError(ctx, err)
	}
	s, ok = storedOf(fields)
	return s, ok, nil
}

func (e *Engine) jobKey(id jobs.ID) string { return e.cfg.Prefix + "j:" + string(id) }
