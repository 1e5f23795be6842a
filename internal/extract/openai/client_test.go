package openai_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/extract/openai"
	"github.com/sluicehq/sluice/internal/extract/wire"
	"github.com/sluicehq/sluice/internal/extract/wiretest"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestCallSendsOneChatCompletion(t *testing.T) {
	t.Parallel()
	p := &wiretest.Provider{
		Header: http.Header{"Retry-After": {"7"}, "X-Ratelimit-Remaining-Tokens": {"12"}, "Set-Cookie": {"a=b"}},
		Body:   `{"model":"large-2025","choices":[{"finish_reason":"stop","message":{"content":"{}"}}],"usage":{"prompt_tokens":11,"completion_tokens":3}}`,
	}
	base := wiretest.Serve(t, p.ServeHTTP) + "/v1/"
	s := wiretest.Client(t, openai.New, wire.Config{BaseURL: base, APIKey: wiretest.Canary}).Call(t.Context(), wiretest.Ask())
	r, body := p.Last(t)
	if r.Method != http.MethodPost || r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer "+wiretest.Canary {
		t.Errorf("%s %s with %q", r.Method, r.URL.Path, r.Header.Get("Authorization"))
	}
	want := `{"model":"large","messages":[{"role":"user","content":"read this"}],"temperature":0,"max_tokens":100,` +
		`"response_format":{"type":"json_schema","json_schema":{"name":"invoice_1","schema":{"type":"object"}}}}`
	if body != want {
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

// sent is the body that a client with the config sends.
func sent(t *testing.T, c wire.Config) string {
	t.Helper()
	var p wiretest.Provider
	c.BaseURL = wiretest.Serve(t, p.ServeHTTP)
	wiretest.Client(t, openai.New, c).Call(t.Context(), wiretest.Ask())
	_, body := p.Last(t)
	return body
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
			if body := sent(t, wire.Config{Format: tt.format}); !strings.Contains(body, tt.want) || strings.Contains(body, "json_schema") {
				t.Errorf("body %s", body)
			}
		})
	}
}

func TestAReasoningModelGetsNoTemperature(t *testing.T) {
	t.Parallel()
	body := sent(t, wire.Config{Format: wire.FormatNone, Reasoning: true})
	if want := `{"model":"large","messages":[{"role":"user","content":"read this"}],"max_completion_tokens":100}`; body != want {
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
		{"refusal as a part", `{"choices":[{"finish_reason":"stop","message":{"content":[{"type":"refusal","refusal":"no"}]}}]}`, 200,
			tiers.Signal{FinishReason: "stop", Refusal: "no"}},
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
			wiretest.WantSignal(t, openai.New, &wiretest.Provider{Status: tt.status, Body: tt.body}, tt.want)
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
	var p wiretest.Provider
	client := wiretest.Client(f, openai.New, wire.Config{BaseURL: wiretest.Serve(f, p.ServeHTTP)})
	f.Fuzz(func(t *testing.T, b []byte) {
		p.Body = string(b)
		got := client.Call(t.Context(), wiretest.Ask())
		if got.Err != nil || got.Status != 200 || !bytes.Equal(got.Body, b) {
			t.Fatalf("%v, status %d", got.Err, got.Status)
		}
	})
}
