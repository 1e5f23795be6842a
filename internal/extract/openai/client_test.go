package openai_test

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

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/extract/openai"
	"github.com/sluicehq/sluice/internal/extract/wire"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

const canary = "sk-canary-0123456789"

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

func client(t *testing.T, c wire.Config) *wire.Client {
	t.Helper()
	if c.Model == "" {
		c.Model = "large"
	}
	cl, err := openai.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

var ask = wire.Request{
	Messages:   []wire.Message{{Role: "user", Content: "read this"}},
	SchemaName: "invoice@1", Schema: json.RawMessage(`{"type":"object"}`), MaxTokens: 100,
}

func TestCallSendsOneChatCompletion(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	var body []byte
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		got <- r
		w.Header().Set("Retry-After", "7")
		w.Header().Set("X-RateLimit-Remaining-Tokens", "12")
		w.Header().Set("Set-Cookie", "a=b")
		fmt.Fprint(w, `{"model":"large-2025","choices":[{"finish_reason":"stop","message":{"content":"{}"}}],"usage":{"prompt_tokens":11,"completion_tokens":3}}`)
	})
	s := client(t, wire.Config{BaseURL: url + "/", APIKey: canary}).Call(t.Context(), ask)
	r := <-got
	if r.Method != http.MethodPost || r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer "+canary {
		t.Errorf("%s %s with %q", r.Method, r.URL.Path, r.Header.Get("Authorization"))
	}
	want := `{"model":"large","messages":[{"role":"user","content":"read this"}],"temperature":0,"max_tokens":100,` +
		`"response_format":{"type":"json_schema","json_schema":{"name":"invoice_1","schema":{"type":"object"}}}}`
	if string(body) != want {
		t.Errorf("body\n got %s\nwant %s", body, want)
	}
	s.Body = nil
	wantSignal := tiers.Signal{
		Status: 200, Phase: tiers.PhaseDone, Content: "{}", FinishReason: "stop", AskedModel: "large", ServedModel: "large-2025",
		Usage: jobs.Usage{InputTokens: 11, OutputTokens: 3}, UsageKnown: true, Header: s.Header,
	}
	if diff := cmp.Diff(wantSignal, s); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if s.Header.Get("Retry-After") != "7" || s.Header.Get("X-Ratelimit-Remaining-Tokens") != "12" || s.Header.Get("Set-Cookie") != "" {
		t.Errorf("headers %v", s.Header)
	}
}

func TestFormatsAskForJSONInDifferentWays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		format wire.Format
		want   string
	}{
		{wire.FormatObject, `"response_format":{"type":"json_object"}`},
		{wire.FormatNone, `"max_tokens":100}`},
	}
	for _, tt := range tests {
		t.Run(string(tt.format), func(t *testing.T) {
			t.Parallel()
			var body []byte
			url := serve(t, func(_ http.ResponseWriter, r *http.Request) { body, _ = io.ReadAll(r.Body) })
			client(t, wire.Config{BaseURL: url, Format: tt.format}).Call(t.Context(), ask)
			if !strings.Contains(string(body), tt.want) || strings.Contains(string(body), "json_schema") {
				t.Errorf("body %s", body)
			}
		})
	}
}

func TestAnswersOfEveryShapeAreReadWithoutJudgement(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		status     int
		want       tiers.Signal
	}{
		{"content parts", `{"choices":[{"finish_reason":"length","message":{"content":[{"type":"text","text":"{"},{"type":"text","text":"}"}]}}]}`, 200,
			tiers.Signal{Content: "{}", FinishReason: "length"}},
		{"refusal", `{"choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"no"}}]}`, 200,
			tiers.Signal{FinishReason: "stop", Refusal: "no"}},
		{"no choices", `{"choices":[]}`, 200, tiers.Signal{}},
		{"strange usage", `{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":"many"}}`, 200, tiers.Signal{Content: "x"}},
		{"error inside 200", `{"error":{"code":"overloaded"}}`, 200, tiers.Signal{}},
		{"html", `<html>login</html>`, 200, tiers.Signal{}},
		{"empty", ``, 200, tiers.Signal{}},
		{"error status", `{"choices":[{"message":{"content":"x"}}]}`, 500, tiers.Signal{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			})
			got := client(t, wire.Config{BaseURL: url}).Call(t.Context(), ask)
			tt.want.Status, tt.want.Phase, tt.want.AskedModel = tt.status, tiers.PhaseDone, "large"
			tt.want.Header, tt.want.Body = got.Header, []byte(tt.body)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") })
	for _, status := range []int{301, 302, 303, 307, 308} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, status) })
		s := client(t, wire.Config{BaseURL: url, APIKey: canary}).Call(t.Context(), ask)
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
		{"closed after the request", serve(t, hijack("")), tiers.PhaseWait, func(err error) bool { return errors.Is(err, io.EOF) }},
		{"not HTTP", serve(t, hijack("SECRET upstream text\r\n\r\n")), tiers.PhaseRead, func(err error) bool { return err != nil }},
		{"body cut", serve(t, hijack("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nSECRET")), tiers.PhaseRead, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		{"TLS where none is", strings.Replace(serve(t, hijack("SECRET")), "http:", "https:", 1), tiers.PhaseTLS, func(err error) bool { return err != nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := client(t, wire.Config{BaseURL: tt.url, APIKey: canary}).Call(t.Context(), ask)
			if s.Phase != tt.phase || !tt.check(s.Err) || s.Timeout != tiers.BudgetNone {
				t.Errorf("phase %v, error %#v, timeout %v", s.Phase, errors.Unwrap(s.Err), s.Timeout)
			}
			if text := fmt.Sprintf("%v %+v", s.Err, s.Err); strings.Contains(text, "SECRET") || strings.Contains(text, canary) {
				t.Errorf("the error quotes the provider: %s", text)
			}
		})
	}
}

func TestTimeoutsSayWhoseTheyWere(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
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
			s := cl.Call(ctx, ask)
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
	if s := cl.Call(t.Context(), ask); s.Err != nil || s.Reused {
		t.Fatalf("first call: %v, reused %v", s.Err, s.Reused)
	}
	s := cl.Call(t.Context(), ask)
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
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	s := client(t, wire.Config{BaseURL: url, MaxAnswerBytes: 1000}).Call(t.Context(), ask)
	if !errors.Is(s.Err, tiers.ErrAnswerTooLarge) || len(s.Body) != 1000 || s.Phase != tiers.PhaseRead {
		t.Errorf("%v, %d bytes, phase %v", s.Err, len(s.Body), s.Phase)
	}
}

func TestAnEndlessAnswerIsLeftInTheMiddle(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write(bytes.Repeat([]byte{' '}, 4096))
		}
	})
	ctx, stop := context.WithTimeoutCause(t.Context(), 10*time.Second, tiers.ErrAttemptTimeout)
	defer stop()
	s := client(t, wire.Config{BaseURL: url, MaxAnswerBytes: 100_000}).Call(ctx, ask)
	if !errors.Is(s.Err, tiers.ErrAnswerTooLarge) || s.Timeout != tiers.BudgetNone {
		t.Errorf("%v, timeout %v", s.Err, s.Timeout)
	}
}

func TestTheKeyNeverShows(t *testing.T) {
	t.Parallel()
	c := wire.Config{BaseURL: "http://h/v1", Model: "m", APIKey: canary}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(asJSON) + fmt.Sprintf("%v %+v %#v %s %q %x %d", c, c, c, c.APIKey, c.APIKey, c.APIKey, c.APIKey)
	if strings.Contains(shown, canary) || strings.Contains(shown, fmt.Sprintf("%x", canary)) {
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
		{"user", func(c *wire.Config) { c.BaseURL = "https://u:" + canary + "@host/v1" }, "no user"},
		{"query", func(c *wire.Config) { c.BaseURL = "https://host/v1?key=" + canary }, "query"},
		{"unparsable", func(c *wire.Config) { c.BaseURL = "https://host:" + canary + "/" }, "parsed"},
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
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), canary) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := openai.New(ok); err != nil {
		t.Error(err)
	}
}

func ExampleClient_Call() {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer provider.Close()
	client, err := openai.New(wire.Config{BaseURL: provider.URL + "/v1", Model: "small"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	s := client.Call(context.Background(), wire.Request{Messages: []wire.Message{{Role: "user", Content: "…"}}})
	fmt.Println(s.Status, s.Header.Get("Retry-After"), s.Phase, s.Err)
	// Output: 429 2 done <nil>
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"choices":[{"finish_reason":"stop","message":{"content":"{}"}}]}`, `{"choices":[{"message":{"content":[{"text":1}]}}]}`, `null`, `{"choices":{}}`,
	} {
		f.Add([]byte(s))
	}
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	f.Cleanup(s.Close)
	cl, err := openai.New(wire.Config{BaseURL: s.URL, Model: "m"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		body = b
		got := cl.Call(t.Context(), ask)
		if got.Err != nil || got.Status != 200 || !bytes.Equal(got.Body, b) {
			t.Fatalf("%v, status %d", got.Err, got.Status)
		}
	})
}
