package jobs

import (
	"fmt"
	"time"
)

// The functions below are the state machine: one for each transition. They
// are pure, so that every engine written in Go moves jobs alike; an engine
// reads the job, calls one of them, and writes the job and the event in one
// commit.

// NewJob makes the job of a valid submission. seq orders it in its queue.
func NewJob(s Submission, seq int64, now time.Time) (Job, Event) {
	now = Stamp(now)
	j := Job{
		ID: s.ID, Tenant: s.Tenant, Lane: s.Lane, State: Queued,
		Generation: 1, Spec: s.Spec, Labels: s.Labels, Document: s.Document,
		Key: s.Key, Fingerprint: s.Fingerprint, Parent: s.Parent, Batch: s.Batch,
		Admission: s.Admission, Cost: chargeable(s.Cost), Seq: seq,
		AcceptedAt: now, EnqueuedAt: now, DeadlineAt: Stamp(s.DeadlineAt),
	}
	return j, j.record(EventQueued, now, s.Admission.Reason, "")
}

// chargeable rounds an estimate to whole milliseconds, at least one.
func chargeable(cost time.Duration) time.Duration {
	return max(cost.Truncate(time.Millisecond), time.Millisecond)
}

// record counts the version up and makes the event of the change.
func (j *Job) record(t EventType, now time.Time, reason, actor string) Event {
	j.Version++
	j.UpdatedAt = now
	return Event{
		Job: j.ID, Tenant: j.Tenant, Version: j.Version, Type: t, At: now,
		State: j.State, Lane: j.Lane, Generation: j.Generation, Tier: j.Tier,
		Reason: reason, Actor: actor,
	}
}

// Lend moves a queued job to running under l.
func (j *Job) Lend(l Lease, now time.Time) (Event, error) {
	if j.State != Queued {
		return Event{}, fmt.Errorf("%w: lend a job that is %s", ErrConflict, j.State)
	}
	now = Stamp(now)
	l.Until = Stamp(l.Until)
	j.State, j.Lease, j.StartedAt, j.Reason = Running, l, now, ""
	j.Loans++
	return j.record(EventStarted, now, "", l.Worker), nil
}

// Holds returns nil while l is the job's current lease, and else an error that
// wraps [ErrStaleLease].
func (j *Job) Holds(l Lease) error {
	if j.State != Running || j.Lease.Token != l.Token {
		return fmt.Errorf("%w: the job is %s", ErrStaleLease, j.State)
	}
	return nil
}

// Settled reports whether the holder of l has already settled its loan: then a
// repeated outcome changes nothing.
func (j *Job) Settled(l Lease) bool {
	return j.State != Running && l.Token != 0 && j.Lease.Token == l.Token
}

// Settle moves a running job by the outcome of the holder of l. The outcome
// must be valid and l current.
func (j *Job) Settle(l Lease, o Outcome, p Policy, now time.Time) (Event, error) {
	if err := j.Holds(l); err != nil {
		return Event{}, err
	}
	if o.Kind == Stopped && !j.CancelAsked {
		return Event{}, fmt.Errorf("%w: nobody asked for the job to stop", ErrConflict)
	}
	now = Stamp(now)
	j.Lease.Until, j.Lease.Worker = time.Time{}, ""
	if o.Tier != 0 {
		j.Tier = o.Tier
	}
	// A finished result stands even when the cancellation came first; any
	// other way of going on gives way to it.
	if j.CancelAsked && o.Kind != Succeed && o.Kind != Fail {
		return j.cancelled(now, l.Worker), nil
	}
	switch o.Kind {
	case Succeed:
		j.Result = o.Result
		return j.end(Succeeded, EventSucceeded, now, "", l.Worker), nil
	case Fail:
		failure := *o.Failure
		j.Failure = &failure
		return j.end(Failed, EventFailed, now, string(failure.Class), l.Worker), nil
	case ToReview:
		return j.toReview(o.Reason, o.Candidates, p, now, l.Worker), nil
	case Park:
		j.State, j.ParkedUntil, j.Gate, j.Reason = Parked, Stamp(o.Until), o.Gate, o.Reason
		// Waiting is not crashing: a job that parks may be lent as often as a
		// fresh one.
		j.Loans = 0
		return j.record(EventParked, now, o.Reason, l.Worker), nil
	case Release:
		j.Loans--
		j.State, j.Reason = Queued, o.Reason
		return j.record(EventReleased, now, o.Reason, l.Worker), nil
	case Stopped: // CancelAsked, handled above
	}
	return Event{}, fmt.Errorf("%w: outcome kind %.32q", ErrInvalid, o.Kind)
}

// Wake moves a parked job back to its queue.
func (j *Job) Wake(now time.Time) (Event, error) {
	if j.State != Parked {
		return Event{}, fmt.Errorf("%w: wake a job that is %s", ErrConflict, j.State)
	}
	j.unpark()
	j.State = Queued
	return j.record(EventWoken, Stamp(now), "", ""), nil
}

// Expire ends a waiting job whose deadline has passed.
func (j *Job) Expire(now time.Time) (Event, error) {
	if j.State != Queued && j.State != Parked {
		return Event{}, fmt.Errorf("%w: expire a job that is %s", ErrConflict, j.State)
	}
	j.unpark()
	j.Failure = &Failure{Class: ClassDeadline, Reason: "the deadline passed while the job waited", Tier: j.Tier}
	return j.end(Expired, EventExpired, Stamp(now), string(ClassDeadline), ""), nil
}

// Reap takes back a loan whose lease ended: the job goes back to its queue, or
// ends when it was told to stop or has used up its loans.
func (j *Job) Reap(p Policy, now time.Time) (Event, error) {
	if j.State != Running {
		return Event{}, fmt.Errorf("%w: reap a job that is %s", ErrConflict, j.State)
	}
	now = Stamp(now)
	j.Lease = Lease{}
	switch {
	case j.CancelAsked:
		return j.cancelled(now, ""), nil
	case j.Loans >= p.WithDefaults().MaxLoans:
		j.Failure = &Failure{
			Class:  ClassCrashedWorkers,
			Reason: fmt.Sprintf("%d loans ended without an outcome", j.Loans),
			Tier:   j.Tier,
		}
		return j.end(Failed, EventFailed, now, string(ClassCrashedWorkers), ""), nil
	default:
		j.State, j.Reason = Queued, "lease_ended"
		return j.record(EventLeaseEnded, now, "", ""), nil
	}
}

// SendOverdueToReview takes back a loan that runs past its deadline and
// [Backstop] and hands the job to a person.
func (j *Job) SendOverdueToReview(p Policy, now time.Time) (Event, error) {
	if j.State != Running {
		return Event{}, fmt.Errorf("%w: the job is %s, not running", ErrConflict, j.State)
	}
	now = Stamp(now)
	j.Lease = Lease{}
	if j.CancelAsked {
		return j.cancelled(now, ""), nil
	}
	return j.toReview("deadline_backstop", nil, p, now, ""), nil
}

// Apply carries out a command that is valid and whose tenant fits. seq orders
// the job if the command gives it a new place in a queue. It reports whether
// the job changed: a cancellation repeated changes nothing.
func (j *Job) Apply(c Command, seq int64, now time.Time) (e Event, changed bool, err error) {
	if c.Operation != "" && c.Operation == j.Operation {
		return Event{}, false, nil
	}
	if c.Version != 0 && c.Version != j.Version {
		return Event{}, false, fmt.Errorf("%w: the job has version %d, not %d", ErrConflict, j.Version, c.Version)
	}
	now = Stamp(now)
	if e, changed, err = j.apply(c, seq, now); changed && c.Operation != "" {
		j.Operation = c.Operation
	}
	return e, changed, err
}

// apply is Apply for a command whose version fits.
func (j *Job) apply(c Command, seq int64, now time.Time) (Event, bool, error) {
	switch c.Kind {
	case Cancel:
		return j.applyCancel(c, now)
	case Claim, Draft, Unclaim:
		return j.applyReview(c, now)
	case Erase:
		return j.applyErase(c, now)
	case Requeue:
		if j.State != Failed && j.State != Expired && j.State != Cancelled {
			return j.refuse(c)
		}
		return j.rerun(EventRequeued, c, seq, now), true, nil
	case SendBack:
		if j.State != InReview {
			return j.refuse(c)
		}
		if j.heldByOther(c.Actor, now) {
			return j.refuseHeld(c)
		}
		return j.rerun(EventSentBack, c, seq, now), true, nil
	case Complete:
		if j.State != InReview && j.State != Failed && j.State != Expired && j.State != Cancelled {
			return j.refuse(c)
		}
		if j.heldByOther(c.Actor, now) {
			return j.refuseHeld(c)
		}
		j.Result, j.Tier, j.Failure = c.Result, 4, nil
		return j.end(Succeeded, EventSucceeded, now, c.Reason, c.Actor), true, nil
	case Reject:
		if j.State != InReview {
			return j.refuse(c)
		}
		if j.heldByOther(c.Actor, now) {
			return j.refuseHeld(c)
		}
		class := c.Class
		if class == "" {
			class = ClassRejected
		}
		j.Tier = 4
		j.Failure = &Failure{Class: class, Reason: "rejected by a person", Tier: 4}
		return j.end(Failed, EventFailed, now, c.Reason, c.Actor), true, nil
	case Move:
		if j.State != Queued && j.State != Parked {
			return j.refuse(c)
		}
		if j.Lane == *c.Lane {
			return Event{}, false, nil
		}
		j.Lane = *c.Lane
		return j.record(EventMoved, now, c.Reason, c.Actor), true, nil
	default:
		return Event{}, false, fmt.Errorf("%w: command %.32q", ErrInvalid, c.Kind)
	}
}

func (j *Job) refuse(c Command) (Event, bool, error) {
	return Event{}, false, fmt.Errorf("%w: cannot %s a job that is %s", ErrConflict, c.Kind, j.State)
}

func (j *Job) applyCancel(c Command, now time.Time) (Event, bool, error) {
	switch j.State {
	case Queued, Parked, InReview:
		j.CancelReason = c.Reason
		return j.cancelled(now, c.Actor), true, nil
	case Running:
		if j.CancelAsked {
			return Event{}, false, nil
		}
		j.CancelAsked, j.CancelReason = true, c.Reason
		return j.record(EventCancelAsked, now, c.Reason, c.Actor), true, nil
	case Cancelled:
		return Event{}, false, nil
	case Succeeded, Failed, Expired, Erased:
		return j.refuse(c)
	default:
		return j.refuse(c)
	}
}

// rerun starts a new generation at the end of its queue.
func (j *Job) rerun(t EventType, c Command, seq int64, now time.Time) Event {
	span := j.DeadlineAt.Sub(j.EnqueuedAt)
	j.DeadlineAt = now.Add(span)
	if !c.DeadlineAt.IsZero() {
		j.DeadlineAt = Stamp(c.DeadlineAt)
	}
	if c.Lane != nil {
		j.Lane = *c.Lane
	}
	j.State, j.Seq, j.EnqueuedAt = Queued, seq, now
	j.StartedAt, j.EndedAt = time.Time{}, time.Time{}
	j.Generation++
	j.Loans, j.Tier, j.Lease = 0, 0, Lease{}
	j.Review, j.Failure, j.Reason = nil, nil, ""
	j.CancelAsked, j.CancelReason = false, ""
	return j.record(t, now, c.Reason, c.Actor)
}

func (j *Job) cancelled(now time.Time, actor string) Event {
	j.unpark()
	j.CancelAsked = false
	return j.end(Cancelled, EventCancelled, now, j.CancelReason, actor)
}

func (j *Job) toReview(reason string, candidates []Candidate, p Policy, now time.Time, actor string) Event {
	j.State, j.Reason = InReview, reason
	due := Stamp(now.Add(p.WithDefaults().ReviewDue))
	j.Review = &Review{Reason: reason, Since: now, DueAt: due, Candidates: candidates}
	return j.record(EventInReview, now, reason, actor)
}

// end moves the job to a terminal state. What was found for a person is kept
// until then and no longer.
func (j *Job) end(s State, t EventType, now time.Time, reason, actor string) Event {
	j.State, j.EndedAt = s, now
	j.Review, j.Reason, j.CancelAsked = nil, "", false
	if s != Cancelled {
		j.CancelReason = ""
	}
	return j.record(t, now, reason, actor)
}

func (j *Job) unpark() {
	j.ParkedUntil, j.Gate, j.Reason = time.Time{}, "", ""
}

// MarkLost closes the attempts that an earlier holder left open and returns
// the rows it changed. Their calls may have been billed.
func MarkLost(rows []Attempt, now time.Time) []Attempt {
	var lost []Attempt
	for i := range rows {
		if !rows[i].Open() {
			continue
		}
		rows[i].Outcome = AttemptLost
		rows[i].EndedAt = Stamp(now)
		if rows[i].Kind == CallAttempt || rows[i].Kind == RepairAttempt {
			rows[i].Billed = BilledMaybe
		}
		lost = append(lost, rows[i])
	}
	return lost
}
