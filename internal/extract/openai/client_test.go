package openai_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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

func TestAReasoningModelGetsNoTemperature(t *testing.T) {
	t.Parallel()
	var body []byte
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { body, _ = io.ReadAll(r.Body) })
	client(t, wire.Config{BaseURL: url, Format: wire.FormatNone, Reasoning: true}).Call(t.Context(), ask)
	if want := `{"model":"large","messages":[{"role":"user","content":"read this"}],"max_completion_tokens":100}`; string(body) != want {
		t.Errorf("body\n got %s\nwant %s", body, want)
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
		{"absurd usage", `{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":9000000000000000000,"completion_tokens":1}}`, 200,
			tiers.Signal{Content: "x"}},
		{"negative usage", `{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":1,"completion_tokens":-1}}`, 200,
			tiers.Signal{Content: "x"}},
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

func ExampleNew() {
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
