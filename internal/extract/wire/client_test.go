package wire_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/extract/openai"
	"github.com/sluicehq/sluice/internal/extract/wire"
	"github.com/sluicehq/sluice/internal/extract/wiretest"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// client speaks one of the protocols: what is tested here is the same in all.
func client(t *testing.T, c wire.Config) *wire.Client {
	t.Helper()
	return wiretest.Client(t, openai.New, c)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := wiretest.Serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") })
	for _, status := range []int{301, 302, 303, 307, 308} {
		url := wiretest.Serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, status) })
		s := client(t, wire.Config{BaseURL: url, APIKey: wiretest.Canary}).Call(t.Context(), wiretest.Ask())
		if s.Status != status || s.Err != nil {
			t.Errorf("status %d, %v", s.Status, s.Err)
		}
	}
}

func TestFailuresSayHowFarTheCallGot(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	goneURL := gone.URL
	gone.Close()
	hijack := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, answer)
			conn.Close()
		}
	}
	tests := []struct {
		name  string
		url   string
		phase tiers.Phase
		check func(error) bool
	}{
		{"refused", goneURL, tiers.PhaseConnect, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		{"closed after the request", wiretest.Serve(t, hijack("")), tiers.PhaseWait, func(err error) bool { return errors.Is(err, io.EOF) }},
		{"not HTTP", wiretest.Serve(t, hijack("SECRET upstream text\r\n\r\n")), tiers.PhaseRead, func(err error) bool { return err != nil }},
		{"body cut", wiretest.Serve(t, hijack("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nSECRET")), tiers.PhaseRead, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		{"TLS where none is", strings.Replace(wiretest.Serve(t, hijack("SECRET")), "http:", "https:", 1), tiers.PhaseTLS, func(err error) bool { return err != nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := client(t, wire.Config{BaseURL: tt.url, APIKey: wiretest.Canary}).Call(t.Context(), wiretest.Ask())
			if s.Phase != tt.phase || !tt.check(s.Err) || s.Timeout != tiers.BudgetNone {
				t.Errorf("phase %v, error %#v, timeout %v", s.Phase, errors.Unwrap(s.Err), s.Timeout)
			}
			if text := fmt.Sprintf("%v %+v", s.Err, s.Err); strings.Contains(text, "SECRET") || strings.Contains(text, wiretest.Canary) {
				t.Errorf("the error quotes the provider: %s", text)
			}
		})
	}
}

func TestTimeoutsSayWhoseTheyWere(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	url := wiretest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-block:
		case <-r.Context().Done():
		}
	})
	cl := client(t, wire.Config{BaseURL: url})
	tests := []struct {
		name  string
		cause error
		want  tiers.Budget
	}{
		{"attempt", tiers.ErrAttemptTimeout, tiers.BudgetAttempt},
		{"job", tiers.ErrJobDeadline, tiers.BudgetJob},
		{"shutdown", tiers.ErrShutdown, tiers.BudgetShutdown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, tt.cause)
			defer stop()
			s := cl.Call(ctx, wiretest.Ask())
			if s.Timeout != tt.want || s.Err == nil || s.Phase > tiers.PhaseWait {
				t.Errorf("timeout %v in phase %v, %v", s.Timeout, s.Phase, s.Err)
			}
		})
	}
}

func TestAReusedConnectionThatBrokeIsReportedAndNotRetried(t *testing.T) {
	t.Parallel()
	calls := 0
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 64<<10)
			_, _ = conn.Read(buf)
			calls++
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
			_, _ = conn.Read(buf) // the second request on this connection
			calls++
			conn.Close()
		}
	}()
	cl := client(t, wire.Config{BaseURL: "http://" + listener.Addr().String()})
	if s := cl.Call(t.Context(), wiretest.Ask()); s.Err != nil || s.Reused {
		t.Fatalf("first call: %v, reused %v", s.Err, s.Reused)
	}
	s := cl.Call(t.Context(), wiretest.Ask())
	if s.Err == nil || !s.Reused || s.Phase != tiers.PhaseWait {
		t.Errorf("second call: %v, reused %v, phase %v", s.Err, s.Reused, s.Phase)
	}
	listener.Close()
	<-done
	if calls != 2 {
		t.Errorf("%d calls arrived, want 2", calls)
	}
}

func TestAnswersAreBoundedAfterDecompression(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(bytes.Repeat([]byte{' '}, 1<<20))
	_ = z.Close()
	url := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	s := client(t, wire.Config{BaseURL: url, MaxAnswerBytes: 1000}).Call(t.Context(), wiretest.Ask())
	if !errors.Is(s.Err, tiers.ErrAnswerTooLarge) || len(s.Body) != 1000 || s.Phase != tiers.PhaseRead {
		t.Errorf("%v, %d bytes, phase %v", s.Err, len(s.Body), s.Phase)
	}
}

func TestAnEndlessAnswerIsLeftInTheMiddle(t *testing.T) {
	t.Parallel()
	url := wiretest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write(bytes.Repeat([]byte{' '}, 4096))
		}
	})
	ctx, stop := context.WithTimeoutCause(t.Context(), 10*time.Second, tiers.ErrAttemptTimeout)
	defer stop()
	s := client(t, wire.Config{BaseURL: url, MaxAnswerBytes: 100_000}).Call(ctx, wiretest.Ask())
	if !errors.Is(s.Err, tiers.ErrAnswerTooLarge) || s.Timeout != tiers.BudgetNone {
		t.Errorf("%v, timeout %v", s.Err, s.Timeout)
	}
}

func TestTheKeyNeverShows(t *testing.T) {
	t.Parallel()
	c := wire.Config{BaseURL: "http://h/v1", Model: "m", APIKey: wiretest.Canary}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(asJSON) + fmt.Sprintf("%v %+v %#v %s %q %x %d", c, c, c, c.APIKey, c.APIKey, c.APIKey, c.APIKey)
	if strings.Contains(shown, wiretest.Canary) || strings.Contains(shown, fmt.Sprintf("%x", wiretest.Canary)) {
		t.Errorf("the key shows in %s", shown)
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	ok := wire.Config{BaseURL: "https://host/v1", Model: "m"}
	tests := []struct {
		name   string
		change func(*wire.Config)
		want   string
	}{
		{"no scheme", func(c *wire.Config) { c.BaseURL = "host/v1" }, "http"},
		{"file", func(c *wire.Config) { c.BaseURL = "file:///etc/passwd" }, "http"},
		{"no host", func(c *wire.Config) { c.BaseURL = "https:///v1" }, "no host"},
		{"user", func(c *wire.Config) { c.BaseURL = "https://u:" + wiretest.Canary + "@host/v1" }, "no user"},
		{"query", func(c *wire.Config) { c.BaseURL = "https://host/v1?key=" + wiretest.Canary }, "query"},
		{"unparsable", func(c *wire.Config) { c.BaseURL = "https://host:" + wiretest.Canary + "/" }, "parsed"},
		{"no model", func(c *wire.Config) { c.Model = "" }, "model is empty"},
		{"key with line break", func(c *wire.Config) { c.APIKey = "a\nb" }, "API key"},
		{"format", func(c *wire.Config) { c.Format = "xml" }, "format"},
		{"negative", func(c *wire.Config) { c.ConnectTimeout = -1 }, "negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := ok
			tt.change(&c)
			_, err := openai.New(c)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), wiretest.Canary) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := openai.New(ok); err != nil {
		t.Error(err)
	}
}
