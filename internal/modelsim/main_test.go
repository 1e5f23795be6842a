package modelsim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/internal/modelsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const sample = `Harbour Lane Stationers Ltd
14 Quay Street

Invoice No: HL-2041
Invoice Date: 14 March 2026
Subtotal: GBP 250.00
VAT 20%: GBP 50.00
Total due: GBP 300.00
`

// listen serves cfg on a real socket for the length of the test.
func listen(t *testing.T, cfg modelsim.Config) (*modelsim.Server, *modelsim.Endpoint) {
	t.Helper()
	s := modelsim.New(cfg)
	e, err := s.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return s, e
}

// always is the configuration in which every call gets r.
func always(r modelsim.Reply) modelsim.Config {
	return modelsim.Config{Rules: []modelsim.Rule{modelsim.Always(modelsim.Match{}, r)}}
}

// prompt is a request for text by model.
func prompt(model, text string) map[string]any {
	return map[string]any{
		"model":    model,
		"messages": []map[string]string{{"role": "system", "content": "Extract."}, {"role": "user", "content": text}},
	}
}

// post sends a request and returns its response, with the body read as far as
// it came.
func post(ctx context.Context, e *modelsim.Endpoint, request any) (*http.Response, string, error) {
	b, err := json.Marshal(request)
	if err != nil {
		return nil, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL()+"/chat/completions", bytes.NewReader(b))
	if err != nil {
		return nil, "", err
	}
	res, err := e.Client().Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

// reply is a chat completion as a client reads it.
type reply struct {
	Model   string `json:"model"`
	Choices []struct {
		Message struct {
			Content *string `json:"content"`
			Refusal *string `json:"refusal"`
		} `json:"message"`
		FinishReason *string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	} `json:"usage"`
	Error *struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Code    *string `json:"code"`
	} `json:"error"`
}

func mustPost(t *testing.T, e *modelsim.Endpoint, request any) (*http.Response, reply) {
	t.Helper()
	res, body, err := post(t.Context(), e, request)
	if err != nil {
		t.Fatal(err)
	}
	var r reply
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("answer %q is no JSON: %v", body, err)
	}
	return res, r
}

// contentOf is what the model said.
func contentOf(t *testing.T, r reply) string {
	t.Helper()
	if len(r.Choices) != 1 || r.Choices[0].Message.Content == nil {
		t.Fatalf("answer has no content: %+v", r)
	}
	return *r.Choices[0].Message.Content
}
