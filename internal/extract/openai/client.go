package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/tiers"
)

// Client calls one model of one provider. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client
}

// New returns a client with its own connections. Close frees them.
func New(c Config) (*Client, error) {
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("model client: %w", err)
	}
	return &Client{config: c, http: &http.Client{Transport: c.transport(), CheckRedirect: noRedirect}}, nil
}

func (c Config) transport() *http.Transport {
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    c.ConnectTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           c.MaxIdleConns,
		MaxIdleConnsPerHost:    c.MaxIdleConns,
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if c.ProxyFromEnvironment {
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}

// noRedirect hands a redirect to the classifier as it came: a key is never
// carried to another place.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close closes idle connections. Calls under way are not disturbed.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call makes one call. It always returns a signal: what came back, or how far
// the call got and why it ended. The caller sets the time budgets on ctx, with
// the causes of package tiers.
func (c *Client) Call(ctx context.Context, r Request) tiers.Signal {
	s := tiers.Signal{AskedModel: c.config.Model}
	body, err := r.encode(c.config.Model, c.config.Format)
	if err != nil {
		s.Err = &CallError{Phase: tiers.PhaseNone, Err: err}
		return s
	}
	t := &tracker{}
	req, err := http.NewRequestWithContext(t.trace(ctx), http.MethodPost, c.config.BaseURL+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		s.Err = &CallError{Phase: tiers.PhaseNone, Err: err}
		return s
	}
	c.setHeader(req)
	c.do(req, t, &s)
	if s.Err != nil {
		s.Timeout = tiers.BudgetOf(ctx)
	}
	return s
}

func (c *Client) setHeader(req *http.Request) {
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "sluice")
	if c.config.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+string(c.config.APIKey))
	}
	// A POST is not repeated on a connection that broke, unless it says that
	// it may be: the ledger counts every call, so none may happen unseen.
	req.GetBody = nil
}

// do sends the request and fills the signal.
func (c *Client) do(req *http.Request, t *tracker, s *tiers.Signal) {
	res, err := c.http.Do(req)
	if err != nil {
		s.Phase, s.Reused = t.facts()
		s.Err = &CallError{Phase: s.Phase, Err: err}
		return
	}
	defer res.Body.Close()
	s.Status, s.Header = res.StatusCode, headerOf(res.Header)
	s.Body, err = io.ReadAll(io.LimitReader(res.Body, c.config.MaxAnswerBytes+1))
	_, s.Reused = t.facts()
	s.Phase = tiers.PhaseRead
	switch {
	case err != nil:
		s.Err = &CallError{Phase: tiers.PhaseRead, Err: err}
	case int64(len(s.Body)) > c.config.MaxAnswerBytes:
		s.Body = s.Body[:c.config.MaxAnswerBytes]
		s.Err = &CallError{Phase: tiers.PhaseRead, Err: tiers.ErrAnswerTooLarge}
	default:
		s.Phase = tiers.PhaseDone
		read(s)
	}
}

// read takes the answer out of the body. A body that is not an answer leaves
// the fields empty: the classifier looks at the body itself.
func read(s *tiers.Signal) {
	var w wireAnswer
	if s.Status != http.StatusOK || json.Unmarshal(s.Body, &w) != nil {
		return
	}
	s.ServedModel = w.Model
	s.Usage, s.UsageKnown = w.usage()
	if len(w.Choices) == 0 {
		return
	}
	first := w.Choices[0]
	s.Content, s.FinishReason, s.Refusal = string(first.Message.Content), first.FinishReason, first.Message.Refusal
}

// keptHeaders are the headers that classification reads, and the request id
// that a provider's support asks for.
var keptHeaders = []string{
	"Content-Type", "Date", "Retry-After", "Retry-After-Ms", "X-Ms-Retry-After-Ms", "X-Should-Retry",
	"X-Request-Id", "Request-Id",
}

// keptPrefixes are those of rate limit headers.
var keptPrefixes = []string{"X-Ratelimit-", "Anthropic-Ratelimit-"}

// Bounds on the headers that are kept.
const (
	maxHeaders     = 64
	maxHeaderValue = 256
)

func headerOf(all http.Header) http.Header {
	kept := http.Header{}
	for name, values := range all {
		if len(kept) < maxHeaders && len(values) > 0 && keeps(name) {
			kept.Set(name, values[0][:min(len(values[0]), maxHeaderValue)])
		}
	}
	return kept
}

func keeps(name string) bool {
	for _, k := range keptHeaders {
		if strings.EqualFold(name, k) {
			return true
		}
	}
	for _, p := range keptPrefixes {
		if len(name) >= len(p) && strings.EqualFold(name[:len(p)], p) {
			return true
		}
	}
	return false
}

// CallError is why a call brought no whole answer. Its text says how far the
// call got and nothing else: the cause may quote the provider. The cause is
// there for errors.Is and errors.As.
type CallError struct {
	Phase tiers.Phase
	Err   error
}

// Error implements error.
func (e *CallError) Error() string {
	why := "failed"
	switch {
	case errors.Is(e.Err, tiers.ErrAnswerTooLarge):
		why = "answer too large"
	case errors.Is(e.Err, context.DeadlineExceeded):
		why = "timed out"
	case errors.Is(e.Err, context.Canceled):
		why = "cancelled"
	}
	return fmt.Sprintf("model call: %s in phase %s", why, e.Phase)
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }
