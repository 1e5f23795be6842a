package jobs

import (
	"fmt"
	"slices"
)

// State is where a job stands.
type State string

// The states of a job.
const (
	Queued    State = "queued"    // waits in its lane
	Running   State = "running"   // lent to a worker under a lease
	Parked    State = "parked"    // waits for a time or a gate and holds no slot
	InReview  State = "in_review" // waits for a person
	Succeeded State = "succeeded" // final
	Failed    State = "failed"    // dead letter: the document's or the request's own fault, or rejected
	Cancelled State = "cancelled" // ended by command
	Expired   State = "expired"   // dead letter: its deadline passed while it waited
	Erased    State = "erased"    // a tombstone: document and result are gone
)

// States lists all states in the order of a job's usual life.
func States() []State {
	return []State{Queued, Running, Parked, InReview, Succeeded, Failed, Cancelled, Expired, Erased}
}

// Valid reports whether s is one of the states.
func (s State) Valid() bool { return slices.Contains(States(), s) }

// Terminal reports whether no machine work is left and no person is waited
// for. A failed, cancelled or expired job can still be requeued or completed
// by command.
func (s State) Terminal() bool {
	switch s {
	case Succeeded, Failed, Cancelled, Expired, Erased:
		return true
	case Queued, Running, Parked, InReview:
		return false
	default:
		return false
	}
}

// DeadLetter reports whether s lists among the dead letters.
func (s State) DeadLetter() bool { return s == Failed || s == Expired }

// CanBecome is the transition table. A job that is edited without a change of
// state stays where it is and is not asked here.
func (s State) CanBecome(to State) bool {
	switch s {
	case Queued:
		return to == Running || to == Cancelled || to == Expired
	case Running:
		return to == Succeeded || to == Failed || to == Parked || to == InReview || to == Queued || to == Cancelled
	case Parked:
		return to == Queued || to == Cancelled || to == Expired
	case InReview:
		return to == Succeeded || to == Failed || to == Queued || to == Cancelled
	case Failed, Expired, Cancelled:
		return to == Queued || to == Succeeded || to == Erased
	case Succeeded:
		return to == Erased
	case Erased:
		return false
	default:
		return false
	}
}

// ParseState reads a state's name; an unknown one gives an error that wraps
// [ErrInvalid].
func ParseState(s string) (State, error) {
	if !State(s).Valid() {
		return "", fmt.Errorf("%w: state %.32q is not one of %v", ErrInvalid, s, States())
	}
	return State(s), nil
}
