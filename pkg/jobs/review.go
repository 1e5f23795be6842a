package jobs

import (
	"fmt"
	"time"
)

// heldByOther reports whether somebody else has claimed the review.
func (j *Job) heldByOther(actor string, now time.Time) bool {
	r := j.Review
	return r != nil && r.ClaimedBy != "" && r.ClaimedBy != actor && now.Before(r.ClaimedUntil)
}

func (j *Job) refuseHeld(c Command) (Event, bool, error) {
	return Event{}, false, fmt.Errorf("%w: cannot %s a job that somebody else has claimed", ErrConflict, c.Kind)
}

// applyReview carries out the commands of a reviewer. It changes a copy of the
// review: the job's own may be shared.
func (j *Job) applyReview(c Command, now time.Time) (Event, bool, error) {
	if j.State != InReview || j.Review == nil {
		return j.refuse(c)
	}
	if j.heldByOther(c.Actor, now) {
		return j.refuseHeld(c)
	}
	r := *j.Review
	event := EventClaimed
	switch c.Kind {
	case Claim:
		until := Stamp(c.Until)
		if r.ClaimedBy == c.Actor && r.ClaimedUntil.Equal(until) {
			return Event{}, false, nil
		}
		r.ClaimedBy, r.ClaimedUntil = c.Actor, until
	case Draft:
		if r.ClaimedBy != c.Actor || c.Actor == "" {
			return Event{}, false, fmt.Errorf("%w: claim the job before saving a draft", ErrConflict)
		}
		r.Draft, event = c.Draft, EventDrafted
	default: // Unclaim
		if r.ClaimedBy == "" {
			return Event{}, false, nil
		}
		r.ClaimedBy, r.ClaimedUntil, event = "", time.Time{}, EventUnclaimed
	}
	j.Review = &r
	return j.record(event, now, c.Reason, c.Actor), true, nil
}

// applyErase leaves a tombstone. The engine removes the document's bytes in the
// same commit.
func (j *Job) applyErase(c Command, now time.Time) (Event, bool, error) {
	switch j.State {
	case Erased:
		return Event{}, false, nil
	case Succeeded, Failed, Cancelled, Expired:
	default:
		return j.refuse(c)
	}
	j.State = Erased
	j.Result, j.Review, j.Labels, j.Spec.SchemaJSON = nil, nil, nil, nil
	j.Document = Document{}
	return j.record(EventErased, now, c.Reason, c.Actor), true, nil
}
