package modelsim_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
)

func TestErrorRepliesHaveTheShapesOfProviders(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reply  modelsim.Reply
		status int
		marks  []string // in the body
	}{
		"rate_limit":         {modelsim.RateLimit(time.Second), 429, []string{`{"error":{`, `"code":"rate_limit_exceeded"`}},
		"quota":              {modelsim.Quota("insufficient_quota"), 429, []string{`"type":"insufficient_quota"`, `"code":"insufficient_quota"`}},
		"too_large_for_rate": {modelsim.TooLargeForRate(), 429, []string{"Request too large for"}},
		"slow_down":          {modelsim.SlowDown(), 503, []string{`"code":"slow_down"`}},
		"overloaded":         {modelsim.Overloaded(), 503, []string{`"code":"server_is_overloaded"`}},
		"overloaded_529":     {modelsim.Overloaded529(), 529, []string{`{"error":{`, `"type":"overloaded_error"`, `"type":"error"`}},
		"server_error":       {modelsim.ServerError(), 500, []string{`"type":"server_error"`, `"code":null`}},
		"bad_gateway":        {modelsim.BadGateway(), 502, []string{"<html>", "502 Bad Gateway"}},
		"gateway_timeout":    {modelsim.GatewayTimeout(), 504, []string{"<html>"}},
		"bad_key":            {modelsim.BadKey(), 401, []string{`"code":"invalid_api_key"`}},
		"billing":            {modelsim.Billing(), 402, []string{`"type":"billing_error"`}},
		"no_model":           {modelsim.NoModel(), 404, []string{`"code":"model_not_found"`}},
		"too_long":           {modelsim.TooLong(), 400, []string{`"code":"context_length_exceeded"`}},
		"too_long_flat":      {modelsim.TooLongFlat(), 400, []string{`"code":400`, `"object":"error"`, "maximum context length"}},
		"too_long_sglang":    {modelsim.TooLongSGLang(), 400, []string{`"object":"error"`, "longer than the model's context length"}},
		"too_long_together":  {modelsim.TooLongTogether(), 403, []string{"input tokens and max_tokens"}},
		"spend_limit":        {modelsim.SpendLimit(), 400, []string{"usage limits"}},
		"too_big":            {modelsim.TooBig(), 413, []string{"<html>"}},
		"bad_request":        {modelsim.BadRequest(), 400, []string{`"type":"invalid_request_error"`}},
		"content_policy":     {modelsim.ContentPolicy(), 400, []string{`"code":"content_policy_violation"`}},
		"html_200":           {modelsim.HTMLPage(), 200, []string{"<!DOCTYPE html>"}},
		"empty_body":         {modelsim.EmptyBody(), 200, nil},
		"error_in_200":       {modelsim.ErrorIn200(), 200, []string{`{"error":{`, `"code":"server_is_overloaded"`}},
		"mine":               {modelsim.Reply{Kind: "mine", Status: 418, Body: "short and stout"}, 418, []string{"short"}},
		"raw":                {modelsim.Reply{Status: 204}, 204, nil},
	}
	for kind, tc := range tests {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			if kind == "raw" {
				tc.reply.Raw = true
			}
			s, e := listen(t, always(tc.reply))
			res, body, err := post(t.Context(), e, prompt("m", sample))
			if err != nil || res.StatusCode != tc.status {
				t.Fatalf("got %v, %v; want status %d", res, err, tc.status)
			}
			for _, m := range tc.marks {
				if !strings.Contains(body, m) {
					t.Errorf("body %q lacks %q", body, m)
				}
			}
			if len(tc.marks) == 0 && body != "" {
				t.Errorf("body is %q, want none", body)
			}
			html := strings.Contains(body, "<html>")
			if got := res.Header.Get("Content-Type"); strings.HasPrefix(got, "text/html") != html {
				t.Errorf("content type %q of %q", got, body)
			}
			if c := s.Calls()[0]; c.Answer != kind || c.Status != tc.status || c.Bill != (modelsim.Bill{}) || c.BytesOut != len(body) {
				t.Errorf("record is %+v", c)
			}
		})
	}
}

func TestRetryAfterComesInEveryForm(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reply        modelsim.Reply
		header, want string
	}{
		"seconds":        {modelsim.RateLimit(2 * time.Second), "Retry-After", "2"},
		"rounded up":     {modelsim.RateLimit(1500 * time.Millisecond), "Retry-After", "2"},
		"missing":        {modelsim.RateLimit(0), "Retry-After", ""},
		"date":           {modelsim.RateLimitHeader("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), "Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"},
		"garbage":        {modelsim.RateLimitHeader("Retry-After", "soon"), "Retry-After", "soon"},
		"milliseconds":   {modelsim.RateLimitHeader("Retry-After-Ms", "1500"), "Retry-After-Ms", "1500"},
		"on an overload": {modelsim.Overloaded529().WithHeader("Retry-After", "1.5"), "Retry-After", "1.5"},
	} {
		_, e := listen(t, always(tc.reply))
		res, _, err := post(t.Context(), e, prompt("m", sample))
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get(tc.header); got != tc.want {
			t.Errorf("%s: %s is %q, want %q", name, tc.header, got, tc.want)
		}
	}
}

func TestWithHeaderLeavesTheOriginalAlone(t *testing.T) {
	t.Parallel()
	a := modelsim.Overloaded().WithHeader("A", "1")
	b := a.WithHeader("B", "2")
	if len(a.Header) != 1 || len(b.Header) != 2 {
		t.Errorf("headers are %v and %v", a.Header, b.Header)
	}
}

// jsonObject reports whether s is one JSON object.
func jsonObject(s string) bool {
	var v map[string]any
	return json.Unmarshal([]byte(s), &v) == nil
}

func TestAnAnswerCanBeWrongInEveryWay(t *testing.T) {
	t.Parallel()
	has := func(part string) func(string) bool { return func(c string) bool { return strings.Contains(c, part) } }
	tests := map[string]struct {
		reply modelsim.Reply
		holds func(content string) bool
	}{
		"bad_json":       {modelsim.BadJSON(), func(c string) bool { return !jsonObject(c) && strings.HasPrefix(c, `{"`) }},
		"wrong_schema":   {modelsim.WrongSchema(), func(c string) bool { return jsonObject(c) && strings.Contains(c, `"total":{"value":300.00}`) }},
		"fenced":         {modelsim.Fenced(), func(c string) bool { return strings.HasPrefix(c, "```json\n{") && strings.HasSuffix(c, "}\n```") }},
		"bom":            {modelsim.Spoiled(modelsim.SpoilBOM), func(c string) bool { return strings.HasPrefix(c, "\ufeff{") }},
		"prose":          {modelsim.Prose(), func(c string) bool { return strings.HasPrefix(c, "Here is") && strings.HasSuffix(c, "else.") }},
		"nan":            {modelsim.Spoiled(modelsim.SpoilNaN), has(`:NaN}`)},
		"duplicate_keys": {modelsim.Spoiled(modelsim.SpoilDuplicateKeys), func(c string) bool { return strings.Count(c, `"currency":`) == 2 && jsonObject(c) }},
		"deep":           {modelsim.Spoiled(modelsim.SpoilDeep), has(strings.Repeat("[", 10_000))},
		"huge":           {modelsim.Spoiled(modelsim.SpoilHuge), func(c string) bool { return len(c) > 10_000_000 && jsonObject(c) }},
		"content":        {modelsim.Content("{}"), func(c string) bool { return c == "{}" }},
		"prose_refusal":  {modelsim.ProseRefusal(), has("I can't help")},
		"ungrounded": {modelsim.Ungrounded(), func(c string) bool {
			return jsonObject(c) && !strings.Contains(c, "300.00") && !strings.Contains(c, "HL-2041") && !strings.Contains(c, "2026")
		}},
	}
	for kind, tc := range tests {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, e := listen(t, always(tc.reply))
			_, r := mustPost(t, e, prompt("m", sample))
			if c := contentOf(t, r); !tc.holds(c) {
				t.Errorf("content is %.300q", c)
			}
			if c := s.Calls()[0]; c.Answer != kind || c.Bill.OutputTokens == 0 {
				t.Errorf("record is %+v", c)
			}
		})
	}
}

func TestSpoilingAnEmptyAnswerStillSpoilsIt(t *testing.T) {
	t.Parallel()
	for spoil, want := range map[modelsim.Spoil]string{
		"":                          `{}`,
		modelsim.SpoilBadJSON:       `{`,
		modelsim.SpoilWrongSchema:   `{"result":{"value":null}}`,
		modelsim.SpoilNaN:           `{"confidence":NaN}`,
		modelsim.SpoilDuplicateKeys: `{"value":null}`,
	} {
		_, e := listen(t, always(modelsim.Spoiled(spoil)))
		_, r := mustPost(t, e, prompt("m", ""))
		if got := contentOf(t, r); got != want {
			t.Errorf("%q: %q, want %q", spoil, got, want)
		}
	}
}

func TestTheEnvelopeCanBeWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reply modelsim.Reply
		holds func(r reply) bool
	}{
		"no_choices":   {modelsim.NoChoices(), func(r reply) bool { return r.Choices != nil && len(r.Choices) == 0 }},
		"null_content": {modelsim.NullContent(), func(r reply) bool { return r.Choices[0].Message.Content == nil }},
		"refusal": {modelsim.Refusal(), func(r reply) bool {
			return r.Choices[0].Message.Content == nil && r.Choices[0].Message.Refusal != nil
		}},
		"filtered":     {modelsim.Filtered(), func(r reply) bool { return *r.Choices[0].FinishReason == "content_filter" }},
		"truncated":    {modelsim.Truncated(), func(r reply) bool { return *r.Choices[0].FinishReason == "length" }},
		"odd_stop":     {modelsim.OddStop("null"), func(r reply) bool { return r.Choices[0].FinishReason == nil }},
		"no_usage":     {modelsim.NoUsage(), func(r reply) bool { return r.Usage == nil }},
		"absurd_usage": {modelsim.AbsurdUsage(), func(r reply) bool { return r.Usage.Total > 1_000_000 }},
		"swapped":      {modelsim.Swapped("m-mini"), func(r reply) bool { return r.Model == "m-mini" }},
	}
	for kind, tc := range tests {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, e := listen(t, always(tc.reply))
			if _, r := mustPost(t, e, prompt("m", sample)); !tc.holds(r) {
				t.Errorf("answer is %+v", r)
			}
			if c := s.Calls()[0]; c.Answer != kind || c.Bill.InputTokens == 0 || c.Bill.InputTokens > 1000 {
				t.Errorf("record is %+v", c)
			}
		})
	}
}

func TestAHangingCallEndsWhenItsCallerLeaves(t *testing.T) {
	t.Parallel()
	for kind, r := range map[string]modelsim.Reply{"hang": modelsim.Hang(), "stall": modelsim.Stall()} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			done := make(chan modelsim.Call, 1)
			arrived := make(chan modelsim.Call, 1)
			cfg := always(r)
			cfg.Models = []modelsim.Model{{Name: "m", InputPrice: 1_000_000}}
			cfg.Events = modelsim.Events{Arrived: func(c modelsim.Call) { arrived <- c }, Done: func(c modelsim.Call) { done <- c }}
			_, e := listen(t, cfg)
			ctx, leave := context.WithCancel(t.Context())
			var res *http.Response
			var err error
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				res, _, err = post(ctx, e, prompt("m", sample))
			}()
			if c := <-arrived; !c.Open || c.Answer != kind {
				t.Errorf("on arrival %+v", c)
			}
			leave()
			<-sent
			if !errors.Is(err, context.Canceled) {
				t.Errorf("caller got %v, %v", res, err)
			}
			c := <-done
			if c.Open || !c.ClientGone || c.BytesOut != 0 || c.Bill.InputTokens == 0 || c.Bill.CostMicroUSD != int64(c.Bill.InputTokens) {
				t.Errorf("at the end %+v", c)
			}
		})
	}
}

func TestAStalledCallHasItsHeaders(t *testing.T) {
	t.Parallel()
	_, e := listen(t, always(modelsim.Stall()))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL()+"/chat/completions",
		strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := e.Client().Do(req) // returns, because the headers came
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("got %v, %v", res, err)
	}
	leave()
	_, err = io.ReadAll(res.Body)
	_ = res.Body.Close()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("reading the body: %v", err)
	}
}

func TestACutAnswerEndsBeforeItsPromisedLength(t *testing.T) {
	t.Parallel()
	s, e := listen(t, always(modelsim.Cut()))
	res, body, err := post(t.Context(), e, prompt("m", sample))
	if !errors.Is(err, io.ErrUnexpectedEOF) || res.StatusCode != http.StatusOK {
		t.Fatalf("got %v, %v", res, err)
	}
	if len(body) == 0 || int64(len(body)) >= res.ContentLength {
		t.Errorf("%d of %d bytes came", len(body), res.ContentLength)
	}
	_ = e.Close() // waits for the handler
	if c := s.Calls()[0]; c.BytesOut != len(body) || c.ClientGone || c.Bill.OutputTokens == 0 {
		t.Errorf("record is %+v", c)
	}
}

func TestAConnectionCanEndWithoutAReply(t *testing.T) {
	t.Parallel()
	_, e := listen(t, modelsim.Config{Rules: []modelsim.Rule{modelsim.Always(modelsim.Match{From: 2}, modelsim.End())}})
	mustPost(t, e, prompt("m", sample)) // leaves its connection in the pool
	if _, _, err := post(t.Context(), e, prompt("m", sample)); !errors.Is(err, io.EOF) {
		t.Errorf("caller got %v, want EOF", err)
	}
}

func TestAResetConnectionIsReset(t *testing.T) {
	t.Parallel()
	afterHeaders, inBody := modelsim.Reset(), modelsim.Cut()
	afterHeaders.EarlyHeaders, inBody.Reset = true, true
	for name, r := range map[string]modelsim.Reply{"at once": modelsim.Reset(), "after the headers": afterHeaders, "in the body": inBody} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, e := listen(t, always(r))
			_, _, err := post(t.Context(), e, prompt("m", sample))
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("caller got %v", err)
			}
			if s.Count("m") != 1 {
				t.Errorf("%d calls, want 1", s.Count("m"))
			}
		})
	}
}
