package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
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

// Format says how a provider is asked for JSON. Each protocol takes some of
// them and has one of its own as the default.
type Format string

// The formats.
const (
	FormatSchema Format = "json_schema" // the answer follows the job's schema
	FormatObject Format = "json_object" // the answer is some JSON object
	FormatTool   Format = "tool"        // the answer is the input of a tool with the job's schema
	FormatNone   Format = "none"        // the prompt alone asks for JSON
)

// Config says how to reach one model of one provider. Only BaseURL and Model
// are required.
type Config struct {
	// BaseURL is the part of the address before the protocol's own path, such
	// as "https://host/v1".
	BaseURL string
	Model   string
	// APIKey goes to BaseURL's host in the protocol's header and nowhere else;
	// empty sends none.
	APIKey Secret
	// Format defaults to that of the protocol.
	Format Format
	// Reasoning is for models that think before they answer and take neither a
	// temperature nor the older limit on the answer.
	Reasoning bool
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
	// Dial connects in place of the network; nil dials TCP. Tests give the
	// connections of a server in memory.
	Dial func(ctx context.Context, network, address string) (net.Conn, error) `json:"-"`
}

// withDefaults returns a copy with the defaults filled in.
func (c Config) withDefaults(formats []Format) Config {
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if c.Format == "" {
		c.Format = formats[0]
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
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	return c
}

// validate names the first field that cannot be used.
func (c Config) validate(formats []Format) error {
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
	case !slices.Contains(formats, c.Format):
		return fmt.Errorf("format is %q, want one of %v", c.Format, formats)
	case c.ConnectTimeout < 0, c.MaxAnswerBytes < 0, c.MaxIdleConns < 0:
		return errors.New("connect timeout, max answer bytes and max idle conns must not be negative")
	}
	return nil
}

func notPrintable(r rune) bool { return r < '!' || r > '~' }
