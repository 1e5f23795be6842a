package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// The kinds of errors. Test them with errors.Is; a [*Problem] is one of them,
// or of none when its status says too little.
var (
	// ErrNotFound: there is no such job, tenant or operation, it is another
	// tenant's, or what is asked for was erased.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the state or version of the job, tenant or operation does
	// not allow it.
	ErrConflict = errors.New("conflict")
	// ErrAuth: the key is missing, unknown, or may not do this.
	ErrAuth = errors.New("not allowed")
	// ErrThrottled: the caller has used up its share; try later.
	ErrThrottled = errors.New("throttled")
	// ErrUnavailable: the server refuses work now, or no answer came. Then a
	// command or submission may have been carried out or not.
	ErrUnavailable = errors.New("unavailable")
	// ErrInvalid: the request, or an argument before it became one, is
	// malformed. Repeating it does not help.
	ErrInvalid = errors.New("invalid")
	// ErrBadAnswer: what answered is no Sluice of a version that this client
	// understands, or the answer is too large.
	ErrBadAnswer = errors.New("the answer cannot be used")
)

// ErrNotModified is what [Client.Get] returns when the job is still as the
// caller knows it.
var ErrNotModified = errors.New("not modified")

// Problem is an error answer of the server (RFC 9457). Its texts come from the
// server: before they are shown on a terminal, control characters must go.
type Problem struct {
	// Status is the HTTP status.
	Status int `json:"status"`
	// Code names the kind of problem for programs; empty when something
	// between client and server answered instead.
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	// Retryable says whether the same request may succeed later.
	Retryable bool `json:"retryable"`
	// RetryAfterMS is the wait that the server asks for before another try,
	// in milliseconds; 0 when it says nothing. [Problem.RetryAfter] is the
	// same as a duration.
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"`
	RequestID    string `json:"request_id,omitempty"`
	// ETASeconds is the predicted wait of a job that was not let in; nil when
	// none is known.
	ETASeconds *float64 `json:"eta_s,omitempty"`
	// State is the job's state, where it is the cause.
	State jobs.State `json:"state,omitempty"`
	// Pause says why and until when the tenant is paused, where that is the
	// cause; only its Reason and Until are set.
	Pause *TenantPause `json:"pause,omitempty"`
	// Errors names the places of the request at fault.
	Errors      []Violation `json:"errors,omitempty"`
	Suggestions []string    `json:"suggestions,omitempty"`
	// Checks are what [Client.Ready] looked at.
	Checks []Check `json:"checks,omitempty"`
}

// Violation is one place of a request at fault.
type Violation struct {
	// Pointer is a JSON pointer into the body, or the name of a parameter or
	// header.
	Pointer string `json:"pointer"`
	Reason  string `json:"reason"`
}

// Error holds the status, the code, the server's sentence and the request ID.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(p.Status))
	for _, part := range []struct{ before, text string }{{" ", p.Code}, {": ", p.Title}, {": ", p.Detail}} {
		if part.text != "" {
			b.WriteString(part.before + part.text)
		}
	}
	if p.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", p.RequestID)
	}
	return b.String()
}

// Is tells the kind of the problem; see [ErrNotFound] and the others.
func (p *Problem) Is(target error) bool { return target != nil && target == p.kind() }

// kind is nil when the status says too little.
func (p *Problem) kind() error {
	switch p.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrAuth
	case http.StatusNotFound:
		// A route that is not there says nothing about jobs.
		if !slices.Contains([]string{"not_found", "tenant_not_found", "operation_not_found"}, p.Code) {
			return nil
		}
		return ErrNotFound
	case http.StatusGone:
		return ErrNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return ErrConflict
	case http.StatusTooManyRequests:
		return ErrThrottled
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ErrUnavailable
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return ErrInvalid
	default:
		return nil
	}
}

// RetryAfter is the wait that the server asks for before another try; 0 when
// it says nothing.
func (p *Problem) RetryAfter() time.Duration { return time.Duration(p.RetryAfterMS) * time.Millisecond }

const (
	// maxProblemBytes bounds the body of an error answer.
	maxProblemBytes = 64 << 10
	// maxRetryAfter bounds what a server may ask for.
	maxRetryAfter = 24 * time.Hour
)

// problemOf makes a problem of an answer that is no success. A body that is
// no problem, such as the page of a proxy, is left out.
func problemOf(resp *http.Response, body []byte) *Problem {
	p := &Problem{}
	if len(body) > maxProblemBytes || json.Unmarshal(body, p) != nil {
		p = &Problem{Title: "The answer is not Sluice's own", Retryable: resp.StatusCode >= http.StatusInternalServerError}
	}
	p.Status = resp.StatusCode
	if p.Title == "" {
		p.Title = http.StatusText(resp.StatusCode)
	}
	if p.RequestID == "" {
		p.RequestID = resp.Header.Get("X-Request-Id")
	}
	if p.RetryAfterMS == 0 {
		p.RetryAfterMS = retryAfter(resp.Header).Milliseconds()
	}
	p.RetryAfterMS = max(0, min(p.RetryAfterMS, maxRetryAfter.Milliseconds()))
	return p
}

// retryAfter reads the header in seconds; the form with a date is not used by
// Sluice and reads as 0.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
