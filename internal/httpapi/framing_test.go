package httpapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/httpapi"
)

// rawConn speaks to the API in bytes, as no client of ours would.
type rawConn struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (a *api) dial() *rawConn {
	a.t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(a.t.Context(), "tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		a.t.Fatal(err)
	}
	return &rawConn{a.t, conn, bufio.NewReader(conn)}
}

func (c *rawConn) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *rawConn) close() { _ = c.conn.Close() }

// status is the next answer's status and code, 0 when the connection is
// closed instead.
func (c *rawConn) status() (int, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.Header.Get("Content-Type") != "application/problem+json" {
		return resp.StatusCode, ""
	}
	return resp.StatusCode, answer{body: body}.text(c.t, "code")
}

const post = "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + acmeKey + "\r\nContent-Type: application/json\r\n"

func TestARequestHiddenBehindAnAmbiguousLengthIsNotServed(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	c := a.dial()
	c.send(post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	if status, _ := c.status(); status != http.StatusBadRequest {
		t.Errorf("the ambiguous request is answered %d, want 400 for its empty body", status)
	}
	if status, _ := c.status(); status != 0 {
		t.Errorf("the hidden request is answered %d", status)
	}
}

func TestBodiesWithBrokenFraming(t *testing.T) {
	t.Parallel()
	chunked := post + "Transfer-Encoding: chunked\r\n\r\n"
	for name, tc := range map[string]struct {
		text string
		code string
		end  bool // the client sends no more
	}{
		"a chunk length that is no number": {text: chunked + "zz\r\n", code: "malformed_body"},
		"a huge chunk extension":           {text: chunked + "5;" + strings.Repeat("x", 10_000) + "\r\n", code: "malformed_body"},
		"chunks that end too soon":         {text: chunked + "5\r\nab", code: "malformed_body", end: true},
		"a body shorter than its length":   {text: post + "Content-Length: 50\r\n\r\n{}", code: "malformed_body", end: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newAPI(t).dial()
			c.send(tc.text)
			if tc.end {
				if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			if status, code := c.status(); status != http.StatusBadRequest || code != tc.code {
				t.Errorf("answer is %d %s, want 400 %s", status, code, tc.code)
			}
		})
	}
}

func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	c := a.dial()
	c.send("GET /livez HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 17<<10) + "\r\n\r\n")
	if status, _ := c.status(); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("17 KiB of headers are answered %d, want 431", status)
	}
	c = a.dial()
	c.send("GET /livez HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 12<<10) + "\r\n\r\n")
	if status, _ := c.status(); status != http.StatusOK {
		t.Errorf("12 KiB of headers are answered %d, want 200", status)
	}
}

func TestAConnectionServesManyRequests(t *testing.T) {
	t.Parallel()
	c := newAPI(t).dial()
	for range 3 {
		c.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
		if status, _ := c.status(); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
}

// hasty gives bodies 300 ms.
func hasty(s *setup) { s.cfg.BodyGrace = 300 * time.Millisecond }

func TestABodyThatTricklesIsCutOff(t *testing.T) {
	t.Parallel()
	a := newAPI(t, hasty)
	c := a.dial()
	c.send(post + "Content-Length: 1000\r\n\r\n{")
	if status, code := c.status(); status != http.StatusRequestTimeout || code != "request_timeout" {
		t.Errorf("answer is %d %s, want 408 request_timeout", status, code)
	}
	if status, _ := c.status(); status != 0 {
		t.Errorf("the connection stays open: %d", status)
	}
}

func TestABodyAtAFairPaceMayTakeItsTime(t *testing.T) {
	t.Parallel()
	a := newAPI(t, hasty)
	const begin, end = `{"schema":"invoice","document":{"text":"`, `"}}`
	text := repeated("a", 100<<10) // is worth 3 s
	c := a.dial()
	c.send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s%s", post, len(begin)+len(text)+len(end), begin, text))
	<-time.After(700 * time.Millisecond)
	c.send(end)
	if status, code := c.status(); status != http.StatusAccepted {
		t.Errorf("answer is %d %s, want 202", status, code)
	}
}

func TestTheServerHasTimeoutsAndLimits(t *testing.T) {
	t.Parallel()
	s, err := httpapi.New(httpapi.Config{Loopback: true}, completeDeps(t))
	if err != nil {
		t.Fatal(err)
	}
	srv := s.HTTPServer()
	if srv.ReadHeaderTimeout != 5*time.Second || srv.IdleTimeout != 2*time.Minute || srv.MaxHeaderBytes+4096 != 16<<10 {
		t.Errorf("header timeout %s, idle timeout %s, %d bytes of headers", srv.ReadHeaderTimeout, srv.IdleTimeout, srv.MaxHeaderBytes)
	}
}

func TestAnAnswerThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	t.Parallel()
	engine := &faulty{}
	a := newAPI(t, func(s *setup) { s.deps.Engine = engine })
	id := a.submit(plainJob)
	engine.garble(json.RawMessage(`{"number":` + canary))
	c := a.dial()
	c.send("GET /v1/jobs/" + string(id) + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + acmeKey + "\r\n\r\n")
	if status, code := c.status(); status != 0 {
		t.Errorf("a stored result that is no JSON is answered %d %s", status, code)
	}
	eventually(t, "the panic is told of", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.panics == 1 })
}

func TestABodyThatNobodyAskedForHoldsNoConnection(t *testing.T) {
	t.Parallel()
	a := newAPI(t, hasty)
	c := a.dial()
	c.send("POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
	if status, code := c.status(); status != http.StatusUnauthorized || code != "unauthorized" {
		t.Errorf("answer is %d %s, want 401", status, code)
	}
	if status, _ := c.status(); status != 0 {
		t.Errorf("the connection stays open: %d", status)
	}
}

func TestAWaitOutlivesTheDeadlineOfTheBody(t *testing.T) {
	t.Parallel()
	a := newAPI(t, hasty)
	body, media := form(t, "options", `{"schema":"invoice"}`, "document", "x")
	for _, r := range []request{{body: strings.NewReader(plainJob), media: "application/json"}, {body: body, media: media}} {
		started := time.Now()
		r.method, r.path, r.header = http.MethodPost, "/v1/jobs", http.Header{"Prefer": {"wait=1"}}
		if got := a.do(r); got.status != http.StatusAccepted {
			t.Errorf("status %d: %s", got.status, got.body)
		}
		if took := time.Since(started); took < time.Second {
			t.Errorf("%s: the wait of 1 s ended after %s", r.media, took)
		}
	}
}
