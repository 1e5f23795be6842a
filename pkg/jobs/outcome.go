package jobs

import (
	"encoding/json"
	"fmt"
	"time"
)

// OutcomeKind says how a holder settles its loan.
type OutcomeKind string

// The ways to settle a loan.
const (
	// Succeed ends the job with Result.
	Succeed OutcomeKind = "succeed"
	// Park lets the job wait until Until, or until Gate opens, without a slot.
	Park OutcomeKind = "park"
	// ToReview hands the job to a person with Reason and Candidates.
	ToReview OutcomeKind = "review"
	// Fail ends the job as a dead letter with Failure.
	Fail OutcomeKind = "fail"
	// Release gives the job back to the head of its queue, as at a shutdown.
	// The loan does not count against the limit of loans.
	Release OutcomeKind = "release"
	// Stopped ends a job whose cancellation was asked for.
	Stopped OutcomeKind = "stopped"
)

// Outcome settles a loan. One commit writes it with its attempts and record
// writes, frees the permit and appends the event.
type Outcome struct {
	Kind OutcomeKind
	// Tier is the tier that gave the outcome; 0 when none did.
	Tier int
	// Attempts are ledger rows to write in the same commit.
	Attempts []Attempt
	// Service is how long the job held its slot in this loan; the scheduler
	// corrects its charge by it. 0 means as estimated.
	Service time.Duration
	// Result is for Succeed.
	Result *Result
	// Until and Gate are for Park. Until is needed even with a gate, so that
	// no job waits for ever.
	Until time.Time
	Gate  string
	// Reason is for Park, ToReview and Release: a word in a fixed vocabulary.
	Reason string
	// Candidates are for ToReview.
	Candidates []Candidate
	// Failure is for Fail.
	Failure *Failure
	// Writes are record writes of the same commit, done in order: all of it
	// happens, or none.
	Writes []Write
}

// Validate returns an error that wraps [ErrInvalid] when a part that the kind
// needs is missing or a part is malformed. Parts that the kind has no use for
// are ignored.
func (o Outcome) Validate() error {
	if err := o.validateKind(); err != nil {
		return err
	}
	if o.Tier < 0 || o.Tier > 4 {
		return fmt.Errorf("%w: outcome tier %d, want 0 to 4", ErrInvalid, o.Tier)
	}
	if o.Service < 0 {
		return fmt.Errorf("%w: outcome service time is negative", ErrInvalid)
	}
	for _, a := range o.Attempts {
		if err := a.Validate(); err != nil {
			return err
		}
	}
	for _, w := range o.Writes {
		if err := w.Validate(); err != nil {
			return err
		}
	}
	return nil
}

func (o Outcome) validateKind() error {
	switch o.Kind {
	case Succeed:
		if err := o.Result.validate(); err != nil {
			return fmt.Errorf("outcome succeed: %w", err)
		}
	case Park:
		if o.Until.IsZero() {
			return fmt.Errorf("%w: outcome park without an end", ErrInvalid)
		}
	case ToReview:
		if o.Reason == "" {
			return fmt.Errorf("%w: outcome review without a reason", ErrInvalid)
		}
		for _, c := range o.Candidates {
			if len(c.Data) > 0 && !json.Valid(c.Data) {
				return fmt.Errorf("%w: candidate of tier %d is not JSON", ErrInvalid, c.Tier)
			}
		}
	case Fail:
		if o.Failure == nil || o.Failure.Class == "" {
			return fmt.Errorf("%w: outcome fail without a class", ErrInvalid)
		}
	case Release, Stopped:
	default:
		return fmt.Errorf("%w: outcome kind %.32q", ErrInvalid, o.Kind)
	}
	return nil
}
