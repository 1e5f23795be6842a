package anthropic_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/extract/anthropic"
	"github.com/sluicehq/sluice/internal/extract/wire"
	"github.com/sluicehq/sluice/internal/extract/wiretest"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// t0 is when the calls of the tests end.
var t0 = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// ask is a request with every role.
var ask = wiretest.Ask(
	wire.Message{Role: "system", Content: "be exact"}, wire.Message{Role: "user", Content: "read this"},
	wire.Message{Role: "assistant", Content: "{}"}, wire.Message{Role: "user", Content: "mend it"},
)

const talk = `"system":"be exact","messages":[{"role":"user","content":"read this"},{"role":"assistant","content":"{}"},{"role":"user","content":"mend it"}]`

func TestCallSendsOneMessage(t *testing.T) {
	t.Parallel()
	toolForm := `,"tools":[{"name":"give_values","description":"Takes the values of the document.","input_schema":{"type":"object"}}],` +
		`"tool_choice":{"type":"tool","name":"give_values","disable_parallel_tool_use":true}`
	tests := []struct {
		name   string
		format wire.Format
		change func(*wire.Request)
		want   string
	}{
		{"tool by default", "", nil, `{"model":"large","max_tokens":100,` + talk + toolForm + `}`},
		{"schema", wire.FormatSchema, nil, `{"model":"large","max_tokens":100,` + talk + `,"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}`},
		{"none", wire.FormatNone, nil, `{"model":"large","max_tokens":100,` + talk + `}`},
		{"no schema", "", func(r *wire.Request) { r.Schema = nil }, `{"model":"large","max_tokens":100,` + talk + `}`},
		{"a limit is always given", wire.FormatNone, func(r *wire.Request) { r.MaxTokens = 0 }, `{"model":"large","max_tokens":4096,` + talk + `}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &wiretest.Provider{Body: `{}`}
			r := ask
			if tt.change != nil {
				tt.change(&r)
			}
			c := wire.Config{BaseURL: wiretest.Serve(t, p.ServeHTTP), APIKey: wiretest.Canary, Format: tt.format}
			wiretest.Client(t, anthropic.New, c).Call(t.Context(), r)
			req, body := p.Last(t)
			if diff := cmp.Diff(tt.want, body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if req.URL.Path != "/v1/messages" || req.Header.Get("X-Api-Key") != wiretest.Canary || req.Header.Get("Authorization") != "" ||
				req.Header.Get("Anthropic-Version") != "2023-06-01" || req.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s with %v", req.URL.Path, req.Header)
			}
		})
	}
}

func TestTheVersionInTheAddressMayBeLeftOut(t *testing.T) {
	t.Parallel()
	for _, tail := range []string{"", "/", "/v1", "/v1/"} {
		p := &wiretest.Provider{Body: `{}`}
		wiretest.Client(t, anthropic.New, wire.Config{BaseURL: wiretest.Serve(t, p.ServeHTTP) + tail}).Call(t.Context(), ask)
		if r, _ := p.Last(t); r.URL.Path != "/v1/messages" || r.Header.Get("X-Api-Key") != "" {
			t.Errorf("base with %q: %s, key %q", tail, r.URL.Path, r.Header.Get("X-Api-Key"))
		}
	}
	if _, err := anthropic.New(wire.Config{BaseURL: "https://host", Model: "m", Format: wire.FormatObject}); err == nil {
		t.Error("json_object is taken, and the API has no such format")
	}
}

func TestAnswersOfEveryShapeAreReadWithoutJudgement(t *testing.T) {
	t.Parallel()
	known := jobs.Usage{InputTokens: 11, OutputTokens: 3}
	tests := []struct {
		name, body string
		want       tiers.Signal
	}{
		{"the tool's input", `{"type":"message","model":"large-20260101","content":[{"type":"text","text":"Here."},{"type":"tool_use","id":"t","name":"give_values","input":{"total":1.50}}],"stop_reason":"tool_use","usage":{"input_tokens":11,"output_tokens":3}}`,
			tiers.Signal{Content: `{"total":1.50}`, FinishReason: "end_turn", ServedModel: "large-20260101", Usage: known, UsageKnown: true}},
		{"text", `{"type":"message","content":[{"type":"thinking","thinking":"…"},{"type":"text","text":"{"},{"type":"text","text":"}"}],"stop_reason":"end_turn","usage":{"input_tokens":11,"output_tokens":3}}`,
			tiers.Signal{Content: "{}", FinishReason: "end_turn", Usage: known, UsageKnown: true}},
		{"what the cache holds is input too", `{"content":[{"type":"text","text":"x"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"cache_creation_input_tokens":4,"cache_read_input_tokens":6,"output_tokens":3}}`,
			tiers.Signal{Content: "x", FinishReason: "end_turn", Usage: known, UsageKnown: true}},
		{"a tool nobody asked for", `{"content":[{"type":"tool_use","name":"other","input":{"a":1}}],"stop_reason":"tool_use","usage":{}}`,
			tiers.Signal{FinishReason: "tool_use"}},
		{"the tool called twice", `{"content":[{"type":"tool_use","name":"give_values","input":{"a":1}},{"type":"tool_use","name":"give_values","input":{"a":2}}],"stop_reason":"tool_use"}`,
			tiers.Signal{Content: "{\"a\":1}\n{\"a\":2}", FinishReason: "end_turn"}},
		{"the tool's input as text", `{"content":[{"type":"tool_use","name":"give_values","input":"{\"a\":1}"}],"stop_reason":"tool_use"}`,
			tiers.Signal{Content: `{"a":1}`, FinishReason: "end_turn"}},
		{"the tool's input cut by the limit", `{"content":[{"type":"tool_use","name":"give_values","input":{"a":1}}],"stop_reason":"max_tokens"}`,
			tiers.Signal{Content: `{"a":1}`, FinishReason: "max_tokens"}},
		{"refusal", `{"content":[],"stop_reason":"refusal","usage":{"input_tokens":11,"output_tokens":3}}`,
			tiers.Signal{FinishReason: "refusal", Usage: known, UsageKnown: true}},
		{"window exceeded", `{"content":[{"type":"text","text":"{"}],"stop_reason":"model_context_window_exceeded"}`,
			tiers.Signal{Content: "{", FinishReason: "model_context_window_exceeded"}},
		{"content as a bare string", `{"content":"{}","stop_reason":"end_turn"}`, tiers.Signal{Content: "{}", FinishReason: "end_turn"}},
		{"absurd usage", `{"content":"x","stop_reason":"end_turn","usage":{"input_tokens":1,"cache_read_input_tokens":9000000000000000000,"output_tokens":3}}`,
			tiers.Signal{Content: "x", FinishReason: "end_turn"}},
		{"error inside 200", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, tiers.Signal{}},
		{"html", `<html>login</html>`, tiers.Signal{}},
		{"empty", ``, tiers.Signal{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wiretest.WantSignal(t, anthropic.New, &wiretest.Provider{Body: tt.body}, tt.want)
		})
	}
}

// TestFailuresGetTheirVerdict goes the whole way from the wire to the class.
func TestFailuresGetTheirVerdict(t *testing.T) {
	t.Parallel()
	classifier, err := tiers.NewClassifier("")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		status int
		body   string
		want   jobs.Class
	}{
		{"overloaded", 529, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, tiers.ClassOverload},
		{"overloaded inside 200", 200, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, tiers.ClassOverload},
		{"rate", 429, `{"type":"error","error":{"type":"rate_limit_error","message":"limit"}}`, tiers.ClassRate},
		{"key", 401, `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`, tiers.ClassAuth},
		{"too many bytes", 413, `<html>413</html>`, tiers.ClassTooBig},
		{"refusal", 200, `{"type":"message","content":[],"stop_reason":"refusal"}`, tiers.ClassRefusal},
		{"cut by the limit", 200, `{"type":"message","content":[{"type":"text","text":"{"}],"stop_reason":"max_tokens"}`, tiers.ClassTruncated},
		{"window exceeded", 200, `{"type":"message","content":[{"type":"text","text":"{"}],"stop_reason":"model_context_window_exceeded"}`, tiers.ClassTooLong},
		{"another tool", 200, `{"type":"message","content":[{"type":"tool_use","name":"x","input":{}}],"stop_reason":"tool_use"}`, tiers.ClassOddStop},
		{"paused", 200, `{"type":"message","content":[],"stop_reason":"pause_turn"}`, tiers.ClassOddStop},
		{"nothing said", 200, `{"type":"message","content":[],"stop_reason":"end_turn"}`, tiers.ClassEmpty},
		{"fine", 200, `{"type":"message","content":[{"type":"tool_use","name":"give_values","input":{}}],"stop_reason":"tool_use"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &wiretest.Provider{
				Status: tt.status, Body: tt.body,
				Header: http.Header{"Anthropic-Ratelimit-Requests-Remaining": {"0"}, "Request-Id": {"req_1"}, "Set-Cookie": {"a=b"}},
			}
			s := wiretest.Client(t, anthropic.New, wire.Config{BaseURL: wiretest.Serve(t, p.ServeHTTP)}).Call(t.Context(), ask)
			if got := classifier.Classify(s, tiers.Judgement{}, t0); got.Class != tt.want {
				t.Errorf("class %q, want %q", got.Class, tt.want)
			}
			if s.Header.Get("Anthropic-Ratelimit-Requests-Remaining") != "0" || s.Header.Get("Request-Id") == "" || s.Header.Get("Set-Cookie") != "" {
				t.Errorf("headers %v", s.Header)
			}
		})
	}
}

func ExampleNew() {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"type":"message","content":[{"type":"tool_use","name":"give_values","input":{"total":12.50}}],"stop_reason":"tool_use"}`)
	}))
	defer provider.Close()
	client, err := anthropic.New(wire.Config{BaseURL: provider.URL, Model: "small"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	s := client.Call(context.Background(), wire.Request{Messages: []wire.Message{{Role: "user", Content: "…"}}})
	fmt.Println(s.Status, s.Content, s.FinishReason)
	// Output: 200 {"total":12.50} end_turn
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"content":[{"type":"tool_use","name":"give_values","input":{"a":[]}}],"stop_reason":"tool_use","usage":{"input_tokens":1}}`,
		`{"content":{"type":"text"},"usage":[]}`, `{"content":[null],"stop_reason":null}`, `{"type":"error"}`, `null`,
	} {
		f.Add([]byte(s))
	}
	var p wiretest.Provider
	client := wiretest.Client(f, anthropic.New, wire.Config{BaseURL: wiretest.Serve(f, p.ServeHTTP)})
	classifier, err := tiers.NewClassifier("")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p.Body = string(b)
		got := client.Call(t.Context(), ask)
		if got.Err != nil || got.Status != 200 || !bytes.Equal(got.Body, b) {
			t.Fatalf("%v, status %d", got.Err, got.Status)
		}
		if got.Usage.InputTokens < 0 || got.Usage.OutputTokens < 0 {
			t.Errorf("usage %+v", got.Usage)
		}
		if v := classifier.Classify(got, tiers.Judgement{}, t0); v.OK() && got.Content == "" {
			t.Errorf("an answer without content stands: %+v", v)
		}
	})
}
