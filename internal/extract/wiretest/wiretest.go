// Package wiretest holds what the tests of all model clients need: a provider
// on loopback, a client of it, and a request.
package wiretest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/extract/wire"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// Canary is an API key that must show nowhere.
const Canary = "sk-canary-0123456789"

// Open makes a client of one protocol, as openai.New does.
type Open func(wire.Config) (*wire.Client, error)

// Client opens a client that lasts as long as the test. A config without a
// model asks for "large".
func Client(tb testing.TB, open Open, c wire.Config) *wire.Client {
	tb.Helper()
	if c.Model == "" {
		c.Model = "large"
	}
	client, err := open(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return client
}

// Ask is a request with the messages, or with one of the user when there are
// none.
func Ask(messages ...wire.Message) wire.Request {
	if len(messages) == 0 {
		messages = []wire.Message{{Role: "user", Content: "read this"}}
	}
	return wire.Request{
		Messages: messages, SchemaName: "invoice@1", Schema: json.RawMessage(`{"type":"object"}`), MaxTokens: 100,
	}
}

// Serve runs a provider until the test ends and returns its address, without a
// path.
func Serve(tb testing.TB, h http.HandlerFunc) string {
	tb.Helper()
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	return s.URL
}

// Provider gives one answer to every request; a Status of 0 is 200. What it
// answers may change between two calls.
type Provider struct {
	Status int
	Header http.Header
	Body   string

	mu   sync.Mutex
	last *http.Request
	sent []byte
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	p.last, p.sent = r, sent
	p.mu.Unlock()
	maps.Copy(w.Header(), p.Header)
	w.WriteHeader(p.status())
	_, _ = io.WriteString(w, p.Body)
}

func (p *Provider) status() int {
	if p.Status == 0 {
		return http.StatusOK
	}
	return p.Status
}

// Last is the last request and its body. Without one the test fails.
func (p *Provider) Last(tb testing.TB) (r *http.Request, body string) {
	tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		tb.Fatal("the provider was not asked")
	}
	return p.last, string(p.sent)
}

// WantSignal lets the provider answer a call and compares the signal with want,
// to which it adds what every call has: that it was carried through, the model
// asked for, the status, the header and the raw body.
func WantSignal(t *testing.T, open Open, p *Provider, want tiers.Signal) {
	t.Helper()
	got := Client(t, open, wire.Config{BaseURL: Serve(t, p.ServeHTTP)}).Call(t.Context(), Ask())
	want.Phase, want.AskedModel = tiers.PhaseDone, "large"
	want.Status, want.Body = p.status(), []byte(p.Body)
	want.Header = got.Header // each protocol keeps its own; tests of headers say which
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
