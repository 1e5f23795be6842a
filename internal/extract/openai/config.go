// Package openai calls OpenAI-compatible chat completions. One call is one
// HTTP request: no retries, no redirects, no streaming, no SDK. It reports what
// happened as a [tiers.Signal] and judges nothing.
package openai

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// Secret is an API key. It shows itself to nobody: every way to print or encode
// it gives "***".
type Secret string

const redacted = "***"

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// Format implements fmt.Formatter: no verb shows more than another.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements encoding.TextMarshaler, and so JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format says how a provider is asked for JSON.
type Format string

// The formats. FormatSchema is the default.
const (
	FormatSchema Format = "json_schema" // the answer follows the job's schema
	FormatObject Format = "json_object" // the answer is some JSON object
	FormatNone   Format = "none"        // the prompt alone asks for JSON
)

// Config says how to reach one provider. Only BaseURL and Model are required.
type Config struct {
	// BaseURL is what an OpenAI SDK takes, such as "https://host/v1".
	BaseURL string
	Model   string
	// APIKey goes to BaseURL's host in the Authorization header and nowhere
	// else; empty sends none.
	APIKey Secret
	// Format defaults to FormatSchema.
	Format Format
	// ConnectTimeout bounds the connection and the TLS handshake, each;
	// default 5 s. Everything else is bounded by the call's context.
	ConnectTimeout time.Duration
	// MaxAnswerBytes bounds the body of an answer after decompression;
	// default 8 MiB.
	MaxAnswerBytes int64
	// MaxIdleConns is how many idle connections are kept; default 32.
	MaxIdleConns int
	// ProxyFromEnvironment lets HTTPS_PROXY and its kin apply. Off by default:
	// documents take no way that the configuration does not name.
	ProxyFromEnvironment bool
}

// WithDefaults returns a copy with the defaults filled in.
func (c Config) WithDefaults() Config {
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if c.Format == "" {
		c.Format = FormatSchema
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	if c.MaxAnswerBytes == 0 {
		c.MaxAnswerBytes = 8 << 20
	}
	if c.MaxIdleConns == 0 {
		c.MaxIdleConns = 32
	}
	return c
}

// Validate names the first field that cannot be used. The zero value of a
// field with a default is fine.
func (c Config) Validate() error {
	c = c.WithDefaults()
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil: // the parser's words repeat the URL, which may hold a secret
		return errors.New("base URL cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("base URL must begin with http:// or https://")
	case u.Host == "":
		return errors.New("base URL has no host")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return errors.New("base URL must have no user, query or fragment; the key goes into the API key")
	case c.Model == "":
		return errors.New("model is empty")
	case strings.ContainsFunc(string(c.APIKey), notPrintable):
		return errors.New("API key has characters that a header cannot carry")
	case c.Format != FormatSchema && c.Format != FormatObject && c.Format != FormatNone:
		return fmt.Errorf("format is %q, want %s, %s or %s", c.Format, FormatSchema, FormatObject, FormatNone)
	case c.ConnectTimeout < 0, c.MaxAnswerBytes < 0, c.MaxIdleConns < 0:
		return errors.New("connect timeout, max answer bytes and max idle conns must not be negative")
	}
	return nil
}

func notPrintable(r rune) bool { return r < '!' || r > '~' }
