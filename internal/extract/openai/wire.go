package openai

import (
	"encoding/json"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Message is one message of a conversation.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Request is what one call asks.
type Request struct {
	Messages []Message
	// SchemaName and Schema go into response_format where the provider's
	// format has a place for them.
	SchemaName string
	Schema     json.RawMessage
	// MaxTokens bounds the answer; 0 leaves it to the provider.
	MaxTokens int
}

type wireRequest struct {
	Model          string          `json:"model"`
	Messages       []Message       `json:"messages"`
	Temperature    float64         `json:"temperature"`
	MaxTokens      int             `json:"max_tokens,omitempty"`
	ResponseFormat *responseFormat `json:"response_format,omitempty"`
}

type responseFormat struct {
	Type       Format      `json:"type"`
	JSONSchema *jsonSchema `json:"json_schema,omitempty"`
}

type jsonSchema struct {
	Name   string          `json:"name"`
	Schema json.RawMessage `json:"schema"`
}

// encode writes the request body. Temperature is 0: the same document should
// give the same answer.
func (r Request) encode(model string, f Format) ([]byte, error) {
	w := wireRequest{Model: model, Messages: r.Messages, MaxTokens: r.MaxTokens}
	switch {
	case f == FormatSchema && len(r.Schema) > 0:
		w.ResponseFormat = &responseFormat{FormatSchema, &jsonSchema{wireName(r.SchemaName), r.Schema}}
	case f == FormatSchema, f == FormatObject:
		w.ResponseFormat = &responseFormat{Type: FormatObject}
	}
	return json.Marshal(w)
}

// wireName makes a name of the characters that providers allow.
func wireName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, name)
	if clean == "" {
		return "schema"
	}
	return clean[:min(len(clean), 64)]
}

// wireAnswer is the part of an answer that is read.
type wireAnswer struct {
	Model   string `json:"model"`
	Choices []struct {
		FinishReason string `json:"finish_reason"`
		Message      struct {
			Content content `json:"content"`
			Refusal string  `json:"refusal"`
		} `json:"message"`
	} `json:"choices"`
	// Usage is read apart: a strange one must not cost the answer.
	Usage json.RawMessage `json:"usage"`
}

func (w wireAnswer) usage() (jobs.Usage, bool) {
	var u struct {
		Prompt     *int `json:"prompt_tokens"`
		Completion *int `json:"completion_tokens"`
	}
	if json.Unmarshal(w.Usage, &u) != nil || u.Prompt == nil || u.Completion == nil || *u.Prompt < 0 || *u.Completion < 0 {
		return jobs.Usage{}, false
	}
	return jobs.Usage{InputTokens: *u.Prompt, OutputTokens: *u.Completion}, true
}

// content is a message's text: a string, null, or a list of parts of which the
// texts count.
type content string

// UnmarshalJSON implements json.Unmarshaler.
func (c *content) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*c = content(s)
		return nil
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	var all strings.Builder
	for _, p := range parts {
		all.WriteString(p.Text)
	}
	*c = content(all.String())
	return nil
}
