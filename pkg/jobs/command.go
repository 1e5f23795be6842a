package jobs

import (
	"encoding/json"
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
	// Claim takes a job in review for Actor until Until; whoever holds it
	// sets a new end in the same way. While it is held, nobody else claims,
	// completes, rejects or sends it back; a Cancel goes through. At Until the
	// claim is over and the job free for others. The same claim again changes
	// nothing.
	Claim CommandKind = "claim"
	// Draft saves unfinished work on a job that Actor has claimed and nobody
	// else has since. It stays when the claim ends, for whoever is next, and
	// goes when the review does.
	Draft CommandKind = "draft"
	// Unclaim gives a claimed job back to the others; with nobody's claim on
	// it, it changes nothing.
	Unclaim CommandKind = "unclaim"
	// Erase removes document, result, labels and a schema of its own from an
	// ended job and leaves a tombstone with history, ledger and failure, which
	// still answers replays of its submission. Bytes that another job shares
	// stay for that job. On an erased job it changes nothing.
	Erase CommandKind = "erase"
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
	// Actor names who asked, for the history and for claims; at most
	// [MaxActorBytes].
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
	// Class refines Reject, in at most [MaxIDLength] bytes; empty means
	// [ClassRejected].
	Class Class
	// Until is for Claim.
	Until time.Time
	// Draft is for Draft: JSON of at most [MaxDraftBytes].
	Draft json.RawMessage
	// Operation names the bulk operation behind the command; empty without
	// one. A command of the operation that is the job's [Job].Operation, the
	// last that changed it, changes nothing and answers the job, whatever its
	// version and whatever happened to it since outside of operations. An
	// operation that gives Version too is refused, not repeated, where another
	// operation came between.
	Operation ID
}

// Validate returns an error that wraps [ErrInvalid], or nil.
func (c Command) Validate() error {
	if err := c.Job.Validate(); err != nil {
		return err
	}
	if len(c.Reason) > MaxReasonBytes {
		return fmt.Errorf("%w: reason has %d bytes, limit %d", ErrInvalid, len(c.Reason), MaxReasonBytes)
	}
	if len(c.Actor) > MaxActorBytes {
		return fmt.Errorf("%w: actor has %d bytes, limit %d", ErrInvalid, len(c.Actor), MaxActorBytes)
	}
	if len(c.Class) > MaxIDLength {
		return fmt.Errorf("%w: class has %d bytes, limit %d", ErrInvalid, len(c.Class), MaxIDLength)
	}
	if c.Operation != "" {
		if err := c.Operation.Validate(); err != nil {
			return fmt.Errorf("operation: %w", err)
		}
	}
	if c.Lane != nil && !c.Lane.Valid() {
		return fmt.Errorf("%w: lane %d", ErrInvalid, *c.Lane)
	}
	switch c.Kind {
	case Cancel, Requeue, Reject, SendBack, Unclaim, Erase:
	case Claim:
		if c.Actor == "" || c.Until.IsZero() {
			return fmt.Errorf("%w: command claim needs an actor and an end", ErrInvalid)
		}
	case Draft:
		if len(c.Draft) > MaxDraftBytes || !json.Valid(c.Draft) {
			return fmt.Errorf("%w: draft has %d bytes, want JSON of at most %d", ErrInvalid, len(c.Draft), MaxDraftBytes)
		}
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
