package tiers

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// MaxBody is the number of bytes of an answer that the classifier reads. A
// model client may keep more in [Signal.Body] for its own use.
const MaxBody = 1 << 20

// Causes for [context.WithTimeoutCause] and [context.WithCancelCause]. A model
// client and its callers set them on the contexts they make, so that
// [BudgetOf] can tell whose time ran out.
var (
	// ErrAttemptTimeout says that one call used up its own time.
	ErrAttemptTimeout = errors.New("attempt timeout")
	// ErrJobDeadline says that the job's deadline passed.
	ErrJobDeadline = errors.New("job deadline")
	// ErrShutdown says that the caller stopped the call: the worker stops, the
	// job was cancelled or its lease was lost.
	ErrShutdown = errors.New("shutdown")
	// ErrAnswerTooLarge goes into [Signal.Err] when the client stopped reading
	// an answer at its own size limit.
	ErrAnswerTooLarge = errors.New("answer too large")
)

// Phase says how far a model call got. The order is the order in time, so
// phases compare with < and >.
type Phase uint8

// The phases of a call, set from net/http/httptrace.
const (
	// PhaseNone: the call never started, for example because its URL is bad.
	PhaseNone Phase = iota
	// PhaseResolve: looking up the host name.
	PhaseResolve
	// PhaseConnect: opening the TCP connection.
	PhaseConnect
	// PhaseTLS: the TLS handshake.
	PhaseTLS
	// PhaseWrite: a connection exists and the request is being written; some
	// bytes may have left.
	PhaseWrite
	// PhaseWait: the whole request is written and no byte came back yet.
	PhaseWait
	// PhaseRead: the first response byte arrived and the body is not complete.
	PhaseRead
	// PhaseDone: the whole body was read.
	PhaseDone
)

// String is the phase's name.
func (p Phase) String() string {
	names := [...]string{"none", "resolve", "connect", "tls", "write", "wait", "read", "done"}
	if int(p) < len(names) {
		return names[p]
	}
	return "unknown"
}

// Budget names the time budget that ended a call.
type Budget uint8

// The time budgets of a call.
const (
	// BudgetNone: no time budget ended the call.
	BudgetNone Budget = iota
	// BudgetAttempt: the call's own timeout.
	BudgetAttempt
	// BudgetJob: the job's deadline.
	BudgetJob
	// BudgetShutdown: the caller cancelled. Nothing is known about the
	// provider and the attempt does not count.
	BudgetShutdown
)

// String is the budget's name.
func (b Budget) String() string {
	names := [...]string{"none", "attempt", "job", "shutdown"}
	if int(b) < len(names) {
		return names[b]
	}
	return "unknown"
}

// BudgetOf tells from a call's context which budget fired, by the cause that
// was set with it. A live context gives [BudgetNone]. A context that ended
// without one of this package's causes gives [BudgetAttempt] for a deadline
// and [BudgetShutdown] for a cancellation.
func BudgetOf(ctx context.Context) Budget {
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
		return BudgetNone
	case errors.Is(cause, ErrShutdown):
		return BudgetShutdown
	case errors.Is(cause, ErrJobDeadline):
		return BudgetJob
	case errors.Is(cause, ErrAttemptTimeout), errors.Is(cause, context.DeadlineExceeded):
		return BudgetAttempt
	default:
		return BudgetShutdown
	}
}

// Signal is everything a model client knows after one call. The client fills
// it and decides nothing; [Classify] reads it. It may hold document text and
// must not be logged.
type Signal struct {
	// Status is the HTTP status; 0 when no response header arrived.
	Status int
	// Header is the response header; nil when none arrived.
	Header http.Header
	// Body is the raw response body as far as it was read, whatever the
	// status, bounded by the client.
	Body []byte
	// Err is the transport or decoding error as net/http gave it; nil when
	// the whole body was read. An answer that is not the JSON that the wire
	// format promises leaves Err nil and Content empty.
	Err error
	// Phase is how far the call got.
	Phase Phase
	// Reused is true when the call went out on an idle pooled connection.
	Reused bool
	// Timeout is the time budget that ended the call; see [BudgetOf].
	Timeout Budget

	// Content is the text of the first choice; empty when there is none.
	Content string
	// FinishReason is the provider's word for why the answer ended, unchanged
	// ("stop", "length", "content_filter", "max_tokens", …). It is empty when
	// the provider gave none.
	FinishReason string
	// Refusal is the provider's refusal text, where its format has a place
	// for one.
	Refusal string
	// AskedModel is the model named in the request.
	AskedModel string
	// ServedModel is the model that the answer names; may be empty.
	ServedModel string
	// Usage counts this call's tokens, and its cost when prices are known.
	Usage jobs.Usage
	// UsageKnown is false when the answer carried no usage and Usage is an
	// estimate.
	UsageKnown bool
}

// Whole reports whether the call brought content that the model ended by
// itself, so that it is worth a look. An answer that is not whole is never
// judged: the classifier says by its finish reason what became of it.
func (s Signal) Whole() bool {
	return s.Err == nil && s.Phase == PhaseDone && 200 <= s.Status && s.Status < 300 &&
		s.Content != "" && s.Refusal == "" && endedByItself(s.FinishReason)
}

// endedByItself reports whether a finish reason says that the model had said
// all. Servers that speak chat completions bring words of their own.
func endedByItself(reason string) bool {
	switch strings.ToLower(reason) {
	case "stop", "end_turn", "stop_sequence", "eos", "eos_token":
		return true
	default:
		return false
	}
}

// Fault is what validation found wrong with the content of an answer.
type Fault string

// The faults of an answer, in the order in which validation looks for them.
const (
	// FaultNone: the answer stands.
	FaultNone Fault = ""
	// FaultRefusal: prose that refuses, where JSON was due.
	FaultRefusal Fault = "refusal"
	// FaultJSON: not JSON, after fences, byte order mark and surrounding prose
	// were taken off.
	FaultJSON Fault = "bad_json"
	// FaultSchema: JSON that does not fit the job's schema.
	FaultSchema Fault = "bad_schema"
	// FaultUngrounded: values that are not in the document.
	FaultUngrounded Fault = "ungrounded"
)

// Judgement is what the extractor says about the content of one answer. The
// zero value says that the answer stands.
type Judgement struct {
	Fault Fault
	// OptionalOnly is true when only optional fields are at fault, so that
	// the answer can stand with them left out.
	OptionalOnly bool
	// Pointers are the JSON pointers at fault, for the repair and the
	// operator; never their values.
	Pointers []string
}
