package tiers_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/sluicehq/sluice/pkg/tiers"
)

// checkVerdict fails on a verdict that no answer may lead to.
func checkVerdict(t *testing.T, v tiers.Verdict) {
	t.Helper()
	known := slices.ContainsFunc(tiers.Classes(), func(r tiers.Rule) bool { return r.Class == v.Class })
	if v.Class != "" && !known {
		t.Errorf("class %q is not in the table", v.Class)
	}
	if v.Wait < 0 || v.Wait > tiers.MaxHint || v.GateFor < 0 || v.GateFor > tiers.MaxHint {
		t.Errorf("wait %v and gate %v, want 0 to %v", v.Wait, v.GateFor, tiers.MaxHint)
	}
	if v.Action == "" || v.Scope == "" || v.Effect == "" || v.Billed == "" {
		t.Errorf("verdict with a gap: %+v", v)
	}
}

func FuzzClassifyBody(f *testing.F) {
	for _, body := range []string{
		"", "{}", "[]", "null", "[[[[", "data: {", "event: x\n\ndata:\ndata: {\"error\":1}", "\xef\xbb\xbf{\"error\":{}}",
		`{"error":{"code":429.0,"message":["a"],"type":{"b":1}}}`, `{"error":"s","error_type":"overloaded"}`,
		`{"object":"error","message":"maximum context length","code":400}`, `{"detail":[{"msg":1}]}`, `{"detail":"x"}`,
		`{"type":"error","error":{"type":"overloaded_error","message":"try again in 2m13s"}}`, `[{"error":{"code":"503"}}]`,
		`{"error":{"code":502,"metadata":{"raw":"{\"error\":{\"metadata\":{\"raw\":{\"error\":{}}}}}"}}}`, `{"choices":[{"error":{"code":503}}]}`,
		`{"errors":[{"code":10000}]}`, `{"fault":{"faultstring":"x"}}`, `{"statusCode":429,"details":[{"retryDelay":"9s"}]}`, `{"__type":"a#ThrottlingException"}`,
		`{"error":{"code":1e999}}`, `{"error":{"code":"0x1f4","message":"\ud800"}}`, "<html>", `{"choices":[]}`,
	} {
		f.Add(200, []byte(body))
		f.Add(429, []byte(body))
	}
	classifier := newWorld().classifier
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		sig := tiers.Signal{Status: status, Body: body, Phase: tiers.PhaseDone}
		v := classifier.Classify(sig, tiers.Judgement{}, epoch())
		checkVerdict(t, v)
		if v.OK() {
			t.Errorf("an answer without content stands: %+v", v)
		}
	})
}

func FuzzWaitHints(f *testing.F) {
	for _, hint := range []string{
		"", "2", "1.5", "-1", "1e12", "1e-9", "NaN", "Inf", "0x10", "2m13s", "20ms", "6m0s", "1h 2m", "26 seconds",
		"Mon, 05 Jan 2026 09:00:30 GMT", "2026-01-05T09:00:42Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
		"1767605400", "1767605400000", "9223372036854775807", "99999999999999999999h", "1.2.3s", "5 parsecs",
		"1 minute and 5 seconds", "3 days", "2026-12-01 at 00:00 UTC", "2026-12-01 00:00:00 utc.", "and and ,",
	} {
		f.Add(hint, hint, hint)
	}
	classifier := newWorld().classifier
	f.Fuzz(func(t *testing.T, after, reset, message string) {
		for _, header := range []http.Header{
			{"Retry-After": {after}, "X-Ratelimit-Reset-Requests": {reset}},
			{"Retry-After-Ms": {after}, "Anthropic-Ratelimit-Tokens-Reset": {reset}},
			{"X-Ms-Retry-After-Ms": {after}, "X-Ratelimit-Remaining": {reset}, "X-Ratelimit-Reset": {reset}},
		} {
			sig := tiers.Signal{
				Status: 429, Header: header, Phase: tiers.PhaseDone, Body: []byte("try again in " + message),
			}
			v := classifier.Classify(sig, tiers.Judgement{}, epoch())
			checkVerdict(t, v)
			if v.Class == tiers.ClassRate && v.Wait == 0 {
				t.Error("a rate limit without a wait")
			}
		}
	})
}

func FuzzPatterns(f *testing.F) {
	f.Add("version 1\ncode 400,5xx rate a b ~ c\n# x\n")
	f.Add("version 1\ntext * rate ^x")
	f.Fuzz(func(t *testing.T, file string) {
		c, err := tiers.NewClassifier(file)
		if err != nil {
			return
		}
		sig := tiers.Signal{Status: 400, Body: []byte(`{"error":{"code":"a","message":"x c"}}`), Phase: tiers.PhaseDone}
		checkVerdict(t, c.Classify(sig, tiers.Judgement{}, epoch()))
	})
}
