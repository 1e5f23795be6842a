package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// DefaultURL is where a server without configuration listens.
const DefaultURL = "http://127.0.0.1:8080"

// Config says how to reach a server. The zero value reaches one on this machine
// that has no API keys.
type Config struct {
	// URL is the server's base, http or https, with a path prefix if it has
	// one; empty means [DefaultURL].
	URL string
	// APIKey is sent with every request; empty sends none.
	APIKey string
	// HTTPClient carries the requests; nil makes one of its own. Redirects are
	// not followed, whatever it says: the key belongs to one server.
	HTTPClient *http.Client
	// UserAgent names the calling program; empty means "sluice-client".
	UserAgent string
	// MaxResponseBytes bounds an answer's body; 0 means 8 MiB.
	MaxResponseBytes int64
}

// WithDefaults returns c with every zero field but the key set to its default.
func (c Config) WithDefaults() Config {
	if c.URL == "" {
		c.URL = DefaultURL
	}
	if c.HTTPClient == nil {
		c.HTTPClient = ownHTTPClient()
	}
	if c.UserAgent == "" {
		c.UserAgent = "sluice-client"
	}
	if c.MaxResponseBytes == 0 {
		c.MaxResponseBytes = 8 << 20
	}
	return c
}

// ownHTTPClient is like the usual one, with bounded answer headers.
func ownHTTPClient() *http.Client {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return &http.Client{}
	}
	t = t.Clone()
	t.MaxResponseHeaderBytes = 64 << 10
	return &http.Client{Transport: t}
}

// maxKeyBytes bounds an API key.
const maxKeyBytes = 256

func (c Config) validate() error {
	switch {
	case len(c.APIKey) > maxKeyBytes || strings.ContainsFunc(c.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%w: the API key is not 1 to %d printable characters without spaces", ErrInvalid, maxKeyBytes)
	case strings.ContainsFunc(c.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }):
		return fmt.Errorf("%w: the user agent has a character outside printable ASCII", ErrInvalid)
	case c.MaxResponseBytes < 1:
		return fmt.Errorf("%w: max response bytes is %d, want at least 1", ErrInvalid, c.MaxResponseBytes)
	}
	return nil
}

// parseBase reads the server's URL. Its errors do not repeat the URL, which may
// hold a password.
func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: the server's URL cannot be read", ErrInvalid)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("%w: the server's URL must look like http://host:port", ErrInvalid)
	case u.User != nil:
		return nil, fmt.Errorf("%w: the server's URL must not hold a user; the key is given apart", ErrInvalid)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%w: the server's URL must not hold a query or a fragment", ErrInvalid)
	}
	return u, nil
}

// Client calls one server. It is safe for concurrent use; make one with [New].
type Client struct {
	cfg  Config
	base *url.URL
	http *http.Client
}

// New makes a client. It calls nobody; an error wraps [ErrInvalid].
func New(cfg Config) (*Client, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("new client: %w", err)
	}
	base, err := parseBase(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("new client: %w", err)
	}
	own := *cfg.HTTPClient
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{cfg: cfg, base: base, http: &own}, nil
}

// URL is the server's base as errors name it.
func (c *Client) URL() string { return c.base.String() }

// call is one request.
type call struct {
	method string
	// path holds words of the API and checked IDs only.
	path   string
	query  url.Values
	header http.Header
	body   []byte
	media  string
}

// answer is what the server said, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request. An answer of 200 to 299, or 304, is no error; any other
// is a [*Problem].
func (c *Client) do(ctx context.Context, r call) (answer, error) {
	req, err := c.request(ctx, r)
	if err != nil {
		return answer{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, c.noAnswer(ctx, r, err)
	}
	defer func() { _ = resp.Body.Close() }()
	good := resp.StatusCode/100 == 2 || resp.StatusCode == http.StatusNotModified
	limit := c.cfg.MaxResponseBytes
	if !good {
		limit = min(limit, maxProblemBytes)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case !good:
		return answer{}, problemOf(resp, body)
	case err != nil:
		return answer{}, c.noAnswer(ctx, r, err)
	case int64(len(body)) > limit:
		return answer{}, fmt.Errorf("%s %s: %w: it has more than %d bytes", r.method, c.at(r), ErrBadAnswer, limit)
	}
	return answer{resp.StatusCode, resp.Header, body}, nil
}

func (c *Client) request(ctx context.Context, r call) (*http.Request, error) {
	u := c.base.JoinPath(r.path)
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("%w: %s %s cannot be asked for", ErrInvalid, r.method, c.at(r))
	}
	maps.Copy(req.Header, r.header)
	if r.media != "" {
		req.Header.Set("Content-Type", r.media)
	}
	if c.cfg.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.APIKey)
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	return req, nil
}

// at names the place of a request without its query, which may hold labels.
func (c *Client) at(r call) string { return c.base.JoinPath(r.path).String() }

// noAnswer is the error for a request without a whole answer. It wraps the
// context's error when the context ended, and else [ErrUnavailable].
func (c *Client) noAnswer(ctx context.Context, r call, err error) error {
	// An url.Error would repeat the query.
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", r.method, c.at(r), ctx.Err())
	}
	return fmt.Errorf("%s %s: %w: %w", r.method, c.at(r), ErrUnavailable, err)
}

// read sends a request and reads the answer's JSON into a T.
func read[T any](ctx context.Context, c *Client, r call) (T, http.Header, error) {
	var v T
	a, err := c.do(ctx, r)
	if err != nil {
		return v, nil, err
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		return v, nil, fmt.Errorf("%s %s: %w: it is not the JSON of this API", r.method, c.at(r), ErrBadAnswer)
	}
	return v, a.header, nil
}

// jobPath is the path of a job, or of what belongs to it. A malformed ID is an
// error, so that it cannot name another route.
func jobPath(root string, id jobs.ID, rest string) (string, error) {
	if err := id.Validate(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return root + string(id) + rest, nil
}
