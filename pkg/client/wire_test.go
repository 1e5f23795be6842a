package client_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/pkg/client"
)

// request is what reached the fake server.
type request struct {
	Method, URI string
	Header      http.Header
	Body        string
}

// wire is a server that answers what it was told to and keeps what it was
// asked. The tests of cmd/dlqctl drive this client against the real API.
type wire struct {
	t      *testing.T
	status int
	header map[string]string
	body   string

	mu  sync.Mutex
	got []request
}

func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, request{r.Method, r.RequestURI, r.Header, string(body)})
	for name, value := range w.header {
		rw.Header().Set(name, value)
	}
	rw.WriteHeader(w.status)
	_, _ = io.WriteString(rw, w.body)
}

// last is the only request so far.
func (w *wire) last() request {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.got) != 1 {
		w.t.Fatalf("the server got %d requests, want 1", len(w.got))
	}
	return w.got[0]
}

// newWire starts a server that answers with the status and body, and a client
// for it.
func newWire(t *testing.T, status int, body string, change ...func(*client.Config)) (*wire, *client.Client) {
	t.Helper()
	w := &wire{t: t, status: status, body: body, header: map[string]string{"Content-Type": "application/json"}}
	srv := httptest.NewServer(w)
	t.Cleanup(srv.Close)
	cfg := client.Config{URL: srv.URL, APIKey: key}
	for _, f := range change {
		f(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w, c
}

const key = "sl_test1_0123456789abcdef"

// plainJob is a job as the server writes it, with a member from the future.
const plainJob = `{"id":"job_1","object":"job","state":"succeeded","lane":"leisurely","tenant":"acme","version":7,"run":2,"tier":2,
 "schema":"invoice@1","labels":{"source":"mail"},"document":{"sha256":"ab","size":3,"media_type":"text/plain"},
 "admission":{"mode":"normal"},"accepted_at":"2026-11-22T10:00:00Z","deadline_at":"2026-11-22T11:00:00Z","updated_at":"2026-11-22T10:00:05Z",
 "result":{"data":{"total":120.50},"fields":{"/total":{"confidence":0.9,"value_from":"model","tier":2}}},
 "quality":{"tier":2,"degraded":true,"repaired":false,"cached":false,"review":"none"},"timing":{"queued_ms":812,"run_ms":4120},
 "mood":{"nested":[1,2]},"links":{"self":"/v1/jobs/job_1"}}`

func jsonOf(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %.200s", err, text)
	}
	return v
}
