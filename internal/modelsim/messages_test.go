package modelsim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// message is an answer of the messages API as a client reads it.
type message struct {
	Type    string
	Model   string
	Content []struct {
		Type, Text, Name string
		Input            json.RawMessage
	}
	StopReason *string `json:"stop_reason"`
	Usage      *struct {
		Input  int `json:"input_tokens"`
		Output int `json:"output_tokens"`
	}
	Error *struct{ Type, Message string }
}

// say asks the messages API.
func say(t *testing.T, e *modelsim.Endpoint, request map[string]any) (int, message) {
	t.Helper()
	b, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL()+"/messages", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Anthropic-Version", "2023-06-01")
	req.Header.Set("X-Api-Key", "key-a")
	res, err := e.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("answer %q is no JSON: %v", body, err)
	}
	return res.StatusCode, m
}

// spoken is a request of the messages API for text, with a tool when asked.
func spoken(text, tool string) map[string]any {
	r := map[string]any{
		"model": "large", "max_tokens": 1000, "system": "Extract.",
		"messages": []map[string]any{{"role": "user", "content": []map[string]string{{"type": "text", "text": text}}}},
	}
	if tool != "" {
		r["tools"] = []map[string]any{{"name": tool, "input_schema": map[string]any{"properties": map[string]any{"total": map[string]string{"type": "number"}}}}}
		r["tool_choice"] = map[string]string{"type": "tool", "name": tool}
	}
	return r
}

func TestTheMessagesAPIAnswersInItsOwnShape(t *testing.T) {
	t.Parallel()
	s, e := listen(t, modelsim.Config{Tenants: map[string]string{"key-a": "a"}, APIKeys: []string{"key-a"}})
	status, m := say(t, e, spoken(sample, "give"))
	if status != 200 || m.Type != "message" || m.Model != "large" || *m.StopReason != "tool_use" || len(m.Content) != 1 {
		t.Fatalf("status %d, %+v", status, m)
	}
	if use := m.Content[0]; use.Type != "tool_use" || use.Name != "give" || string(use.Input) != `{"total":300.00}` {
		t.Errorf("block is %+v with input %s", use, use.Input)
	}
	c := s.Calls()[0]
	if c.API != modelsim.Messages || c.Tenant != "a" || c.Key != modelsim.KeyName("key-a") || c.Document != modelsim.DocumentHash(sample) {
		t.Errorf("record is %+v", c)
	}
	if m.Usage == nil || c.Bill.InputTokens != m.Usage.Input || c.Bill.OutputTokens != m.Usage.Output || c.Bill.OutputTokens == 0 {
		t.Errorf("usage %+v, bill %+v", m.Usage, c.Bill)
	}
	if _, m := say(t, e, spoken(sample, "")); *m.StopReason != "end_turn" || m.Content[0].Type != "text" || !strings.Contains(m.Content[0].Text, `"invoice_number":"HL-2041"`) {
		t.Errorf("without a tool: %+v", m)
	}
}

func TestARequestThatMessagesRefusesIsRefused(t *testing.T) {
	t.Parallel()
	_, e := listen(t, modelsim.Config{Models: []modelsim.Model{{Name: "large"}}, MaxBody: 5000})
	for name, tc := range map[string]struct {
		change func(map[string]any)
		status int
		typ    string
	}{
		"no limit":      {func(r map[string]any) { delete(r, "max_tokens") }, 400, "invalid_request_error"},
		"no messages":   {func(r map[string]any) { delete(r, "messages") }, 400, "invalid_request_error"},
		"streaming":     {func(r map[string]any) { r["stream"] = true }, 400, "invalid_request_error"},
		"unknown model": {func(r map[string]any) { r["model"] = "none" }, 404, "not_found_error"},
		"too large":     {func(r map[string]any) { r["system"] = strings.Repeat("s", 6000) }, 413, "request_too_large"},
	} {
		r := spoken(sample, "")
		tc.change(r)
		if status, m := say(t, e, r); status != tc.status || m.Type != "error" || m.Error == nil || m.Error.Type != tc.typ {
			t.Errorf("%s: status %d, %+v", name, status, m.Error)
		}
	}
	res, body, err := post(t.Context(), e, prompt("large", sample)) // chat completions on the same server
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("%v, %s", err, body)
	}
}

func TestAFaultTakesTheShapeOfItsCaller(t *testing.T) {
	t.Parallel()
	for kind, tc := range map[string]struct {
		reply  modelsim.Reply
		status int
		typ    string
	}{
		"rate_limit":         {modelsim.RateLimit(0), 429, "rate_limit_error"},
		"quota":              {modelsim.Quota("insufficient_quota"), 400, "invalid_request_error"},
		"spend_limit":        {modelsim.SpendLimit(), 400, "invalid_request_error"},
		"too_large_for_rate": {modelsim.TooLargeForRate(), 429, "rate_limit_error"},
		"slow_down":          {modelsim.SlowDown(), 429, "rate_limit_error"},
		"overloaded":         {modelsim.Overloaded(), 529, "overloaded_error"},
		"overloaded_529":     {modelsim.Overloaded529(), 529, "overloaded_error"},
		"server_error":       {modelsim.ServerError(), 500, "api_error"},
		"bad_key":            {modelsim.BadKey(), 401, "authentication_error"},
		"billing":            {modelsim.Billing(), 402, "billing_error"},
		"no_model":           {modelsim.NoModel(), 404, "not_found_error"},
		"too_long":           {modelsim.TooLong(), 400, "invalid_request_error"},
		"bad_request":        {modelsim.BadRequest(), 400, "invalid_request_error"},
		"content_policy":     {modelsim.ContentPolicy(), 400, "invalid_request_error"},
		"error_in_200":       {modelsim.ErrorIn200(), 200, "overloaded_error"},
	} {
		s, e := listen(t, always(tc.reply))
		status, m := say(t, e, spoken(sample, "give"))
		if status != tc.status || m.Type != "error" || m.Error == nil || m.Error.Type != tc.typ || m.Error.Message == "" {
			t.Errorf("%s: status %d, %+v", kind, status, m)
		}
		if c := s.Calls()[0]; c.Answer != kind || c.Status != tc.status || c.Bill != (modelsim.Bill{}) {
			t.Errorf("record is %+v", c)
		}
	}
}

func TestAMessageCanBeWrongInItsOwnWay(t *testing.T) {
	t.Parallel()
	stop := func(m message) string {
		if m.StopReason == nil {
			return "null"
		}
		return *m.StopReason
	}
	for kind, tc := range map[string]struct {
		reply  modelsim.Reply
		stop   string
		blocks int
		holds  func(m message) bool
	}{
		"refusal":      {modelsim.Refusal(), "refusal", 0, nil},
		"filtered":     {modelsim.Filtered(), "refusal", 0, nil},
		"null_content": {modelsim.NullContent(), "end_turn", 0, nil},
		"no_choices":   {modelsim.NoChoices(), "end_turn", 0, nil},
		"truncated":    {modelsim.Truncated(), "max_tokens", 1, nil},
		"bad_json":     {modelsim.BadJSON(), "end_turn", 1, func(m message) bool { return m.Content[0].Type == "text" }},
		"fenced":       {modelsim.Fenced(), "end_turn", 1, func(m message) bool { return strings.HasPrefix(m.Content[0].Text, "```") }},
		"wrong_schema": {modelsim.WrongSchema(), "tool_use", 1, nil},
		"odd_stop":     {modelsim.OddStop("pause_turn"), "pause_turn", 1, nil},
		"nothing said": {modelsim.OddStop("null").Named("nothing said"), "null", 1, nil},
		"tool_calls":   {modelsim.OddStop("tool_calls").Named("tool_calls"), "tool_use", 1, nil},
		"no_usage":     {modelsim.NoUsage(), "tool_use", 1, func(m message) bool { return m.Usage == nil }},
		"absurd_usage": {modelsim.AbsurdUsage(), "tool_use", 1, func(m message) bool { return m.Usage.Input > 1_000_000 }},
		"swapped":      {modelsim.Swapped("mini"), "tool_use", 1, func(m message) bool { return m.Model == "mini" }},
		"wrong":        {modelsim.Wrong(map[string]any{"total": 0}), "tool_use", 1, func(m message) bool { return string(m.Content[0].Input) == `{"total":0}` }},
	} {
		s, e := listen(t, always(tc.reply))
		_, m := say(t, e, spoken(sample, "give"))
		if stop(m) != tc.stop || len(m.Content) != tc.blocks || tc.holds != nil && !tc.holds(m) {
			t.Errorf("%s: stop %s, %+v", kind, stop(m), m)
		}
		if c := s.Calls()[0]; c.Answer != kind || c.Bill.InputTokens == 0 {
			t.Errorf("record is %+v", c)
		}
	}
}

func TestAScriptCanTellAPIsAndKeysApart(t *testing.T) {
	t.Parallel()
	s, e := listen(t, modelsim.Config{Rules: []modelsim.Rule{
		modelsim.Always(modelsim.Match{Key: modelsim.KeyName("key-a")}, modelsim.RateLimit(0)),
		modelsim.Always(modelsim.Match{API: modelsim.ChatCompletions}, modelsim.ServerError()),
	}})
	mustPost(t, e, prompt("large", sample))
	say(t, e, spoken(sample, ""))
	var got []string
	for _, c := range s.Calls() {
		got = append(got, c.Answer)
	}
	if diff := cmp.Diff([]string{"server_error", "rate_limit"}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}
