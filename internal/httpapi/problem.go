package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// Problem is an error answer (RFC 9457, application/problem+json).
type Problem struct {
	Type      string `json:"type" doc:"Names the kind of problem: a URN with the code, or a registered problem type"`
	Title     string `json:"title" doc:"The kind in words; the same for each problem of the kind"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty" doc:"What is wrong this time"`
	Code      Code   `json:"code" doc:"What programs act on; docs/problems.md lists all"`
	Retryable bool   `json:"retryable" doc:"Whether the same request may succeed later"`
	RequestID string `json:"request_id"`
	// RetryAfterMS says the same as the header Retry-After.
	RetryAfterMS int64 `json:"retry_after_ms,omitempty" doc:"When to try again, as in the header Retry-After"`
	// ETASeconds is the predicted wait behind deadline_unachievable.
	ETASeconds *float64 `json:"eta_s,omitempty" doc:"The predicted wait until a job starts, in seconds"`
	// State is the job's state behind a conflict.
	State       jobs.State  `json:"state,omitempty" doc:"The job's state, where it is the cause"`
	Errors      []Violation `json:"errors,omitempty" doc:"The places at fault"`
	Suggestions []string    `json:"suggestions,omitempty"`
	// Pause is there with tenant_paused.
	Pause  *PauseNote    `json:"pause,omitempty" doc:"Why and until when you are paused, behind tenant_paused"`
	Checks []CheckResult `json:"checks,omitempty" doc:"What /readyz?verbose=1 looked at"`

	allow string // the header Allow
}

// Violation is one place of a request at fault. Places are named in our own
// words only; what a caller named stays unnamed.
type Violation struct {
	// Pointer is a JSON pointer into the body; "" is the whole body.
	Pointer string `json:"pointer" doc:"JSON pointer into the body, or the name of a parameter or header"`
	// Reason says what is wrong, without the value.
	Reason string `json:"reason"`
}

// PauseNote is what a paused tenant itself learns of its pause: the operator's
// words and the end, and not who it was.
type PauseNote struct {
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero" doc:"When the pause ends by itself; without, when an operator says so"`
}

func viewPause(p *tenants.Pause) *PauseNote {
	if p == nil {
		return nil // it has ended meanwhile
	}
	return &PauseNote{p.Reason, p.Until}
}

// problem makes a problem of the code's kind. The sentence must hold nothing
// from the request and nothing from an inner error.
func problem(code Code, format string, args ...any) *Problem {
	k := kindOf(code)
	return &Problem{
		Type: typeOf(k), Title: k.Title, Status: k.Status, Code: k.Code, Retryable: k.Retryable,
		Detail: fmt.Sprintf(format, args...),
	}
}

func kindOf(code Code) ProblemKind {
	for _, k := range Problems() {
		if k.Code == code {
			return k
		}
	}
	return kindOf(CodeInternal)
}

func typeOf(k ProblemKind) string {
	const registered = "https://iana.org/assignments/http-problem-types#"
	switch {
	case k.Status == http.StatusTooManyRequests:
		return registered + "quota-exceeded"
	case k.Status == http.StatusServiceUnavailable:
		return registered + "temporary-reduced-capacity"
	default:
		return "urn:sluice:problem:" + string(k.Code)
	}
}

// at adds a place at fault.
func (p *Problem) at(pointer, reason string) *Problem {
	p.Errors = append(p.Errors, Violation{pointer, reason})
	return p
}

// after sets when to try again.
func (p *Problem) after(d time.Duration) *Problem {
	p.RetryAfterMS = d.Milliseconds()
	return p
}

// in names the job's state, where it is the cause.
func (p *Problem) in(state jobs.State) *Problem {
	p.State = state
	return p
}

// suggest adds what the caller could do.
func (p *Problem) suggest(what string) *Problem {
	p.Suggestions = append(p.Suggestions, what)
	return p
}

// Error is the code: a problem's sentences are for its reader only.
func (p *Problem) Error() string { return string(p.Code) }

// GetStatus makes the problem an error that huma answers with as it is.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType makes huma send the problem with its media type.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders are the headers that belong to the problem.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfterMS > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(float64(p.RetryAfterMS)/1000))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="sluice"`)
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	return h
}

const problemType = "application/problem+json"

// writeProblem answers with p outside of huma.
func writeProblem(w http.ResponseWriter, p *Problem) {
	maps.Copy(w.Header(), p.GetHeaders())
	w.Header().Set("Content-Type", problemType)
	p.RequestID = w.Header().Get(requestIDHeader)
	body, err := json.Marshal(p)
	if err != nil { // no problem holds anything that cannot be marshalled
		body = []byte("{}")
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// storeRetry is when to try again after the store failed to answer.
const storeRetry = 2 * time.Second

// storeProblem turns an engine's error into a problem.
func storeProblem(err error) *Problem {
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		return problem(CodeNotFound, "No job with this id belongs to you.")
	case errors.Is(err, jobs.ErrConflict):
		return problem(CodeStateConflict, "The job changed or its state does not allow this.")
	case errors.Is(err, jobs.ErrClosed):
		return problem(CodeDraining, "The server is stopping.").after(storeRetry)
	case errors.Is(err, jobs.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problem(CodeEngineUnavailable,
			"Nothing is known about this request; repeated with the same Idempotency-Key it has no second effect.").after(storeRetry)
	case errors.Is(err, jobs.ErrInvalid):
		return problem(CodeInvalidRequest, "The job store refused the request.")
	default:
		return problem(CodeInternal, "The error was recorded under the request id.")
	}
}

// refusal turns a decision of the admission into a problem.
func refusal(d backpressure.Decision, lane jobs.Lane) *Problem {
	p := problem(Code(d.Reason), "%s", refusalDetail(d, lane)).after(d.RetryAfter)
	if d.ETAKnown {
		eta := seconds(d.ETA)
		p.ETASeconds = &eta
	}
	switch d.Reason {
	case backpressure.LaneShed:
		p.suggest("resend later, or in a more urgent lane if the key allows it")
	case backpressure.DeadlineUnachievable:
		p.suggest("resend with a longer deadline, or in a more urgent lane if the key allows it")
	case backpressure.TenantQueueFull:
		p.suggest("wait as Retry-After says")
	default:
	}
	return p
}

func refusalDetail(d backpressure.Decision, lane jobs.Lane) string {
	switch d.Reason {
	case backpressure.LaneShed:
		return fmt.Sprintf("Memory, disk or the store is nearly full; lane %s is not let in.", lane)
	case backpressure.DeadlineUnachievable:
		return fmt.Sprintf("A job in lane %s would wait about %.0f s; that leaves too little of the deadline.", lane, math.Ceil(d.ETA))
	case backpressure.TenantQueueFull:
		return fmt.Sprintf("Your jobs that wait in lane %s already fill your share or your limit.", lane)
	case backpressure.RateLimited:
		return "You send more jobs or more bytes a second than your rate allows."
	case backpressure.BudgetExhausted:
		return "The model calls for your jobs have cost as much today (UTC) as you may spend."
	case backpressure.TenantPaused:
		return "An operator paused you, and no new jobs are taken until you are resumed."
	default:
		return "The job was not let in."
	}
}

// seconds rounds a prediction to what it is worth.
func seconds(s float64) float64 { return math.Ceil(s*10) / 10 }
