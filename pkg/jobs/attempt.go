package jobs

import (
	"fmt"
	"time"
)

// Class is an error class: a word for what went wrong that is coarse enough to
// decide by and fine enough to search for, such as "rate" or "bad_json". The
// package tiers owns the table of classes.
type Class string

// AttemptKind says what an attempt did.
type AttemptKind string

// The kinds of attempts.
const (
	CallAttempt   AttemptKind = "call"   // a model call
	RepairAttempt AttemptKind = "repair" // a second call that mends an invalid answer
	RulesAttempt  AttemptKind = "rules"  // the rule-based parser
	SkipAttempt   AttemptKind = "skip"   // a tier or a retry passed over, with the reason
)

// AttemptOutcome says how an attempt ended.
type AttemptOutcome string

// The outcomes of attempts.
const (
	AttemptOpen      AttemptOutcome = ""          // begun; its process works on it or died
	AttemptOK        AttemptOutcome = "ok"        // gave a usable answer
	AttemptError     AttemptOutcome = "error"     // failed; Class says how
	AttemptSkipped   AttemptOutcome = "skipped"   // did not happen; Why says why
	AttemptLost      AttemptOutcome = "lost"      // its process died while it was open: maybe billed
	AttemptCancelled AttemptOutcome = "cancelled" // stopped by us; it counts against nobody
)

// Billed says whether a call cost money.
type Billed string

// The answers to "was it billed".
const (
	BilledNo    Billed = "no"
	BilledYes   Billed = "yes"
	BilledMaybe Billed = "maybe"
)

// Attempt is one row of a job's ledger. A row is durable before a paid call
// leaves and is closed after it, so that a job that is lent again knows what
// was tried and what may have cost money.
type Attempt struct {
	// Generation is the job's generation in which the attempt was made; the
	// engine fills it in.
	Generation int `json:"generation"`
	// N counts from 1 within a generation, over all tiers. Writing a row with
	// the same Generation and N replaces it.
	N    int         `json:"n"`
	Tier int         `json:"tier"`
	Kind AttemptKind `json:"kind"`
	// Provider and Model name the route that was called; empty for rules and
	// skips.
	Provider string `json:"provider,omitempty"`
	Model    string `json:"model,omitempty"`
	// ServedModel is the model that the provider says answered.
	ServedModel string    `json:"served_model,omitempty"`
	StartedAt   time.Time `json:"started_at"`
	// EndedAt is zero while the attempt is open.
	EndedAt time.Time      `json:"ended_at,omitzero"`
	Outcome AttemptOutcome `json:"outcome"`
	Class   Class          `json:"class,omitempty"`
	// Status is the HTTP status of the answer; 0 without one.
	Status int `json:"status,omitempty"`
	// Why is a reason in a fixed vocabulary, never text from upstream.
	Why string `json:"why,omitempty"`
	// BackoffMS is the wait decided after this attempt, in milliseconds.
	BackoffMS int64 `json:"backoff_ms,omitempty"`
	// DeadlineLeftMS is the time that was left to the job's deadline when the
	// attempt began, in milliseconds.
	DeadlineLeftMS int64  `json:"deadline_left_ms,omitempty"`
	Billed         Billed `json:"billed,omitempty"`
	Usage          Usage  `json:"usage,omitzero"`
}

// MaxAttempts is the highest N of a generation's attempts.
const MaxAttempts = 1000

// Validate returns an error that wraps [ErrInvalid] and names the field and
// the limit, or nil.
func (a Attempt) Validate() error {
	if a.N < 1 || a.N > MaxAttempts {
		return fmt.Errorf("%w: attempt has n %d, want 1 to %d", ErrInvalid, a.N, MaxAttempts)
	}
	if a.Tier < 0 || a.Tier > 4 {
		return fmt.Errorf("%w: attempt has tier %d, want 0 to 4", ErrInvalid, a.Tier)
	}
	return nil
}

// Open reports whether the attempt has begun and not ended.
func (a Attempt) Open() bool { return a.Outcome == AttemptOpen }

// Took is how long the attempt lasted; 0 while it is open.
func (a Attempt) Took() time.Duration {
	if a.EndedAt.IsZero() {
		return 0
	}
	return a.EndedAt.Sub(a.StartedAt)
}
