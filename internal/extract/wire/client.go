// Package wire makes single HTTP calls to language models. One call is one
// request: no retries, no redirects, no streaming, no SDK. It reports what
// happened as a [tiers.Signal] and judges nothing.
//
// What providers differ in is a [Protocol]; packages openai and anthropic
// have one each.
package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/pkg/tiers"
)

// Protocol is what a wire format does in its own way. All fields are required.
type Protocol struct {
	// Path is appended to the base URL, such as "/chat/completions".
	Path string
	// Formats are the ways to ask for JSON; the first is the default.
	Formats []Format
	// Authorize sets the headers that carry the key, which may be empty, and
	// what else every request needs.
	Authorize func(h http.Header, key Secret)
	// Encode writes the body of a request.
	Encode func(c Config, r Request) ([]byte, error)
	// Read takes the answer out of the body of a 200. Where the body is not
	// an answer it leaves the signal as it is: the classifier looks at the
	// body itself.
	Read func(body []byte, s *tiers.Signal)
}

// Client calls one model of one provider. It is safe for concurrent use.
type Client struct {
	config   Config
	protocol Protocol
	http     *http.Client
}

// New returns a client with its own connections. Close frees them. The error
// names the field that cannot be used and never a secret.
func New(c Config, p Protocol) (*Client, error) {
	c = c.withDefaults(p.Formats)
	if err := c.validate(p.Formats); err != nil {
		return nil, fmt.Errorf("model client: %w", err)
	}
	return &Client{
		config: c, protocol: p,
		http: &http.Client{Transport: c.transport(), CheckRedirect: noRedirect},
	}, nil
}

func (c Config) transport() *http.Transport {
	t := &http.Transport{
		DialContext:            c.Dial,
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
	body, err := c.protocol.Encode(c.config, r)
	if err != nil {
		s.Err = &CallError{Phase: tiers.PhaseNone, Err: err}
		return s
	}
	t := &tracker{}
	req, err := http.NewRequestWithContext(t.trace(ctx), http.MethodPost, c.config.BaseURL+c.protocol.Path, bytes.NewReader(body))
	if err != nil {
		s.Err = &CallError{Phase: tiers.PhaseNone, Err: err}
		return s
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "sluice")
	c.protocol.Authorize(req.Header, c.config.APIKey)
	// A POST is not repeated on a connection that broke, unless it says that
	// it may be: the ledger counts every call, so none may happen unseen.
	req.GetBody = nil
	c.do(req, t, &s)
	if s.Err != nil {
		s.Timeout = tiers.BudgetOf(ctx)
	}
	return s
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
		if s.Status == http.StatusOK {
			c.protocol.Read(s.Body, s)
		}
	}
}
