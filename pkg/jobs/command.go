package jobs

import (
	"fmt"
	"time"
)

// CommandKind says what a person or program wants of a job.
type CommandKind string

// The commands.
const (
	// Cancel ends a waiting job or one in review, and tells a running one to
	// stop. On a cancelled job, or one that was told to stop, it changes
	// nothing and answers the job.
	Cancel CommandKind = "cancel"
	// Requeue gives a failed, expired or cancelled job a new generation with
	// fresh attempts.
	Requeue CommandKind = "requeue"
	// Complete ends a job in review, or a failed, expired or cancelled one,
	// with a result made by a person.
	Complete CommandKind = "complete"
	// Reject ends a job in review as failed with the class rejected.
	Reject CommandKind = "reject"
	// SendBack returns a job in review to the machines as a new generation.
	SendBack CommandKind = "send_back"
	// Move changes the lane of a queued or parked job.
	Move CommandKind = "move"
)

// Command is a compare-and-swap on a job.
type Command struct {
	Kind CommandKind
	Job  ID
	// Tenant restricts the command to one tenant's jobs; empty is for
	// operators and means any.
	Tenant string
	// Version must be the job's current version; 0 means any.
	Version int64
	// Actor names who asked, for the history.
	Actor string
	// Reason is free text of at most [MaxReasonBytes].
	Reason string
	// Lane is for Move, and optional for Requeue and SendBack.
	Lane *Lane
	// DeadlineAt is optional for Requeue and SendBack. Zero gives the new
	// generation as much time as the one before it had.
	DeadlineAt time.Time
	// Result is for Complete.
	Result *Result
	// Class refines Reject; empty means [ClassRejected].
	Class Class
}

// Validate returns an error that wraps [ErrInvalid], or nil.
func (c Command) Validate() error {
	if err := c.Job.Validate(); err != nil {
		return err
	}
	if len(c.Reason) > MaxReasonBytes {
		return fmt.Errorf("%w: reason has %d bytes, limit %d", ErrInvalid, len(c.Reason), MaxReasonBytes)
	}
	if c.Lane != nil && !c.Lane.Valid() {
		return fmt.Errorf("%w: lane %d", ErrInvalid, *c.Lane)
	}
	switch c.Kind {
	case Cancel, Requeue, Reject, SendBack:
	case Complete:
		if err := c.Result.validate(); err != nil {
			return fmt.Errorf("command complete: %w", err)
		}
	case Move:
		if c.Lane == nil {
			return fmt.Errorf("%w: command move without a lane", ErrInvalid)
		}
	default:
		return fmt.Errorf("%w: command %.32q", ErrInvalid, c.Kind)
	}
	return nil
}
