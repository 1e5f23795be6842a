package openai

import (
	"encoding/json"

	"github.com/sluicehq/sluice/internal/extract/wire"
)

type request struct {
	Model       string         `json:"model"`
	Messages    []wire.Message `json:"messages"`
	Temperature *float64       `json:"temperature,omitempty"`
	MaxTokens   int            `json:"max_tokens,omitempty"`
	// MaxCompletionTokens also counts what a model thinks.
	MaxCompletionTokens int             `json:"max_completion_tokens,omitempty"`
	ResponseFormat      *responseFormat `json:"response_format,omitempty"`
}

type responseFormat struct {
	Type       wire.Format `json:"type"`
	JSONSchema *jsonSchema `json:"json_schema,omitempty"`
}

type jsonSchema struct {
	Name   string          `json:"name"`
	Schema json.RawMessage `json:"schema"`
}

// encode writes the request body. Temperature is 0: the same document should
// give the same answer.
func encode(c wire.Config, r wire.Request) ([]byte, error) {
	w := request{Model: c.Model, Messages: r.Messages}
	if c.Reasoning {
		w.MaxCompletionTokens = r.MaxTokens
	} else {
		w.Temperature, w.MaxTokens = new(float64), r.MaxTokens
	}
	switch {
	case c.Format == wire.FormatSchema && len(r.Schema) > 0:
		w.ResponseFormat = &responseFormat{wire.FormatSchema, &jsonSchema{r.Name(), r.Schema}}
	case c.Format == wire.FormatSchema, c.Format == wire.FormatObject:
		w.ResponseFormat = &responseFormat{Type: wire.FormatObject}
	}
	return json.Marshal(w)
}
