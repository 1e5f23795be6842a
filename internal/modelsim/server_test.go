package modelsim_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/modelsim"
)

func TestAGoodAnswerIsACompletionWithUsage(t *testing.T) {
	t.Parallel()
	_, e := listen(t, modelsim.Config{})
	res, r := mustPost(t, e, prompt("large", sample))
	if res.StatusCode != http.StatusOK || r.Model != "large" || *r.Choices[0].FinishReason != "stop" {
		t.Fatalf("got status %d, %+v", res.StatusCode, r)
	}
	if r.Usage == nil || r.Usage.Prompt < len(sample)/4 || r.Usage.Completion == 0 || r.Usage.Total != r.Usage.Prompt+r.Usage.Completion {
		t.Errorf("usage does not add up: %+v", r.Usage)
	}
	want := `{"currency":"GBP","invoice_date":"14 March 2026","invoice_number":"HL-2041",` +
		`"seller":"Harbour Lane Stationers Ltd","subtotal":250.00,"tax":50.00,"total":300.00}`
	want = strings.Replace(want, "14 March 2026", "2026-03-14", 1)
	if diff := cmp.Diff(want, contentOf(t, r)); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

func TestARequestThatIsNoCompletionIsRefusedAndNotRecorded(t *testing.T) {
	t.Parallel()
	user := []map[string]string{{"role": "user", "content": "x"}}
	tests := map[string]struct {
		request any
		status  int
		code    string
	}{
		"no object":     {[]int{1}, 400, ""},
		"no model":      {map[string]any{"messages": user}, 400, ""},
		"no messages":   {map[string]any{"model": "large"}, 400, ""},
		"odd content":   {map[string]any{"model": "large", "messages": []map[string]any{{"role": "user", "content": 7}}}, 400, ""},
		"streaming":     {map[string]any{"model": "large", "messages": user, "stream": true}, 400, ""},
		"unknown model": {map[string]any{"model": "none", "messages": user}, 404, "model_not_found"},
		"too large":     {map[string]any{"model": "large", "messages": user, "user": strings.Repeat("u", 2000)}, 413, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, e := listen(t, modelsim.Config{Models: []modelsim.Model{{Name: "large"}}, MaxBody: 1000})
			res, r := mustPost(t, e, tc.request)
			if res.StatusCode != tc.status || r.Error == nil || r.Error.Message == "" {
				t.Fatalf("got status %d, error %+v", res.StatusCode, r.Error)
			}
			if got := r.Error.Code; tc.code != "" && (got == nil || *got != tc.code) {
				t.Errorf("code is %v, want %s", got, tc.code)
			}
			if n := s.Count(""); n != 0 {
				t.Errorf("%d calls recorded", n)
			}
		})
	}
}

func TestOnlyAConfiguredKeyIsLetIn(t *testing.T) {
	t.Parallel()
	s, e := listen(t, modelsim.Config{APIKeys: []string{"old", "new"}})
	for key, want := range map[string]int{"": 401, "Bearer other": 401, "new": 401, "Bearer new": 200, "Bearer old": 200} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL()+"/chat/completions",
			strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"x"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", key)
		res, err := e.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("key %q: status %d, want %d", key, res.StatusCode, want)
		}
	}
	var names []string
	for _, c := range s.Calls() {
		if c.Status == 401 {
			if c.Answer != "bad_key" || c.Bill != (modelsim.Bill{}) {
				t.Errorf("record is %+v", c)
			}
			names = append(names, c.Key)
		}
	}
	slices.Sort(names)
	if want := []string{"", "", modelsim.KeyName("other")}; !slices.Equal(names, want) {
		t.Errorf("keys that were refused are %q, want %q", names, want)
	}
	s.SetAPIKeys("newest")
	if res, _ := mustPost(t, e, prompt("m", sample)); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the rotation: status %d", res.StatusCode)
	}
	s.SetAPIKeys()
	if res, _ := mustPost(t, e, prompt("m", sample)); res.StatusCode != http.StatusOK {
		t.Errorf("without keys: status %d", res.StatusCode)
	}
}

func TestTheModelsAreListed(t *testing.T) {
	t.Parallel()
	_, e := listen(t, modelsim.DemoScript())
	for path, want := range map[string]int{"/models": 200, "/nothing": 404} {
		res, err := e.Client().Get(e.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := res.Write(&b); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want || want == 200 && !strings.Contains(b.String(), modelsim.DemoSmaller) {
			t.Errorf("%s: %s", path, b.String())
		}
	}
}

func TestAPromptBeyondTheWindowIsTooLongForThatModelOnly(t *testing.T) {
	t.Parallel()
	s, e := listen(t, modelsim.Config{Models: []modelsim.Model{{Name: "wide"}, {Name: "narrow", Window: 100}}})
	long := sample + strings.Repeat("terms and conditions ", 100)
	if res, _ := mustPost(t, e, prompt("wide", long)); res.StatusCode != http.StatusOK {
		t.Errorf("wide: status %d", res.StatusCode)
	}
	res, r := mustPost(t, e, prompt("narrow", long))
	if res.StatusCode != http.StatusBadRequest || *r.Error.Code != "context_length_exceeded" {
		t.Errorf("narrow: status %d, %+v", res.StatusCode, r.Error)
	}
	if c := s.Calls()[1]; c.Answer != "too_long" || c.Bill != (modelsim.Bill{}) {
		t.Errorf("record is %+v", c)
	}
}

func TestATooSmallMaxTokensTruncatesTheAnswer(t *testing.T) {
	t.Parallel()
	_, e := listen(t, modelsim.Config{})
	for _, field := range []string{"max_tokens", "max_completion_tokens"} {
		p := prompt("large", sample)
		p[field] = 5
		_, r := mustPost(t, e, p)
		if *r.Choices[0].FinishReason != "length" || len(contentOf(t, r)) != 20 || r.Usage.Completion != 5 {
			t.Errorf("%s: %+v, content %q", field, r.Usage, contentOf(t, r))
		}
	}
}
