package operations

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Reasons why an action does not fit a job, beside the names of its state.
const (
	whyClaimed    = "claimed"    // somebody works on the review
	whyCancelling = "cancelling" // the job was told to stop
	whySameLane   = "same_lane"
	whyNotFound   = "not_found" // the job was removed
	whyConflict   = "conflict"  // the job changes all the time
	whyInvalid    = "invalid"   // the engine refuses the command
)

// Reasons why an operation stopped or failed.
const (
	whyFailureRate   = "failure_rate"   // the stop rule
	whySelectionLost = "selection_lost" // a part of it is not there or damaged
	whyNoneChanged   = "no_job_changed"
)

// judge answers the command that carries the order out on a job, or why it does
// not fit. A job that has left the states of the filter is not what was shown,
// even where the action would fit its new state.
func (o Order) judge(j jobs.Job, now time.Time) (kind jobs.CommandKind, why string) {
	if !slices.Contains(o.Filter.States, j.State) {
		return "", string(j.State)
	}
	claimed := j.Review != nil && j.Review.ClaimedBy != "" && now.Before(j.Review.ClaimedUntil)
	switch o.Action {
	case Requeue:
		switch {
		case j.State == jobs.Failed || j.State == jobs.Expired || j.State == jobs.Cancelled:
			return jobs.Requeue, ""
		case j.State == jobs.InReview && claimed:
			return "", whyClaimed
		case j.State == jobs.InReview:
			return jobs.SendBack, ""
		}
	case Cancel:
		switch {
		case j.State == jobs.Running && j.CancelAsked:
			return "", whyCancelling
		case j.State == jobs.Queued || j.State == jobs.Parked || j.State == jobs.Running || j.State == jobs.InReview:
			return jobs.Cancel, ""
		}
	case Reject:
		switch {
		case j.State == jobs.InReview && claimed:
			return "", whyClaimed
		case j.State == jobs.InReview:
			return jobs.Reject, ""
		}
	case Erase:
		if j.State.Terminal() && j.State != jobs.Erased {
			return jobs.Erase, ""
		}
	case Move:
		switch waiting := j.State == jobs.Queued || j.State == jobs.Parked; {
		case waiting && j.Lane == *o.Lane:
			return "", whySameLane
		case waiting:
			return jobs.Move, ""
		}
	}
	return "", string(j.State)
}

// command is the command of that kind for a job as it was read.
func (o Operation) command(kind jobs.CommandKind, j jobs.Job, now time.Time) jobs.Command {
	c := jobs.Command{
		Kind: kind, Job: j.ID, Tenant: o.Filter.Tenant, Version: j.Version, Actor: o.actor(), Reason: o.Reason, Operation: o.ID,
	}
	switch o.Action {
	case Requeue:
		c.Lane = o.Lane
		if o.Deadline > 0 {
			c.DeadlineAt = now.Add(o.Deadline)
		}
	case Move:
		c.Lane = o.Lane
	case Cancel, Reject, Erase:
	}
	return c
}
