package modelsim

import (
	"encoding/json"
	"errors"
	"strings"
)

// request is the part of a chat completion request that the simulator reads.
type request struct {
	Model               string    `json:"model"`
	Messages            []message `json:"messages"`
	User                string    `json:"user"`
	Stream              bool      `json:"stream"`
	MaxTokens           int       `json:"max_tokens"`
	MaxCompletionTokens int       `json:"max_completion_tokens"`
	ResponseFormat      struct {
		JSONSchema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

type message struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

// content is a message's text: a string, or a list of parts whose text parts
// are joined by line breaks.
type content string

func (c *content) UnmarshalJSON(b []byte) error {
	var s *string
	if json.Unmarshal(b, &s) == nil {
		if s != nil {
			*c = content(*s)
		}
		return nil
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return errors.New("content is neither a string nor a list of parts")
	}
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		if p.Text != "" {
			texts = append(texts, p.Text)
		}
	}
	*c = content(strings.Join(texts, "\n"))
	return nil
}

// parseRequest reads a request body. The error is safe to show to the caller.
func parseRequest(body []byte) (request, error) {
	var r request
	if err := json.Unmarshal(body, &r); err != nil {
		return request{}, errors.New("the body is not a valid chat completion request")
	}
	switch {
	case r.Model == "":
		return request{}, errors.New("you must provide a model parameter")
	case len(r.Messages) == 0:
		return request{}, errors.New("messages must not be empty")
	case r.Stream:
		return request{}, errors.New("streaming is not supported")
	}
	return r, nil
}

// prompt is the text of the first user message: the one with the document.
// Repairs append messages behind it.
func (r request) prompt() string {
	for _, m := range r.Messages {
		if m.Role == "user" {
			return string(m.Content)
		}
	}
	return ""
}

// limit is the largest answer in tokens; 0 is unbounded.
func (r request) limit() int {
	if r.MaxCompletionTokens > 0 {
		return r.MaxCompletionTokens
	}
	return r.MaxTokens
}

// inputTokens estimates the size of the prompt.
func (r request) inputTokens() int {
	n := 0
	for _, m := range r.Messages {
		n += tokens(string(m.Content)) + 4
	}
	return n
}

// bytesPerToken is the simulator's measure of a token. It is an assumption, not
// a tokenizer: prices and windows need a figure that is always the same.
const bytesPerToken = 4

func tokens(s string) int { return (len(s) + bytesPerToken - 1) / bytesPerToken }

// cutName bounds a name that a caller sent.
func cutName(s string) string { return s[:min(len(s), maxName)] }
