package modelsim

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
)

// request is what the simulator needs to know of a call, whatever the API.
type request struct {
	api      API
	model    string
	messages []message
	user     string
	limit    int             // the largest answer in tokens; 0 is unbounded
	schema   json.RawMessage // of the answer; empty when none was asked for
	tool     string          // the tool that the answer is to be given to; may be empty
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

// parse reads a request body. The error is safe to show to the caller.
func (a API) parse(body []byte) (request, error) {
	var r request
	var stream bool
	var err error
	if a == Messages {
		r, stream, err = parseMessages(body)
	} else {
		r, stream, err = parseCompletion(body)
	}
	switch {
	case err != nil:
		return request{}, err
	case r.model == "":
		return request{}, errors.New("you must provide a model parameter")
	case len(r.messages) == 0:
		return request{}, errors.New("messages must not be empty")
	case stream:
		return request{}, errors.New("streaming is not supported")
	}
	return r, nil
}

func parseCompletion(body []byte) (r request, stream bool, err error) {
	var w struct {
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
	if json.Unmarshal(body, &w) != nil {
		return r, false, errors.New("the body is not a valid chat completion request")
	}
	return request{
		api: ChatCompletions, model: w.Model, messages: w.Messages, user: w.User,
		limit: cmp.Or(w.MaxCompletionTokens, w.MaxTokens), schema: w.ResponseFormat.JSONSchema.Schema,
	}, w.Stream, nil
}

func parseMessages(body []byte) (r request, stream bool, err error) {
	var w struct {
		Model     string    `json:"model"`
		System    content   `json:"system"`
		Messages  []message `json:"messages"`
		Stream    bool      `json:"stream"`
		MaxTokens int       `json:"max_tokens"`
		Metadata  struct {
			UserID string `json:"user_id"`
		} `json:"metadata"`
		Tools []struct {
			Name        string          `json:"name"`
			InputSchema json.RawMessage `json:"input_schema"`
		} `json:"tools"`
		ToolChoice struct {
			Name string `json:"name"`
		} `json:"tool_choice"`
		OutputConfig struct {
			Format struct {
				Schema json.RawMessage `json:"schema"`
			} `json:"format"`
		} `json:"output_config"`
	}
	if json.Unmarshal(body, &w) != nil {
		return r, false, errors.New("the body is not a valid messages request")
	}
	if w.MaxTokens <= 0 {
		return r, false, errors.New("max_tokens: Field required")
	}
	r = request{
		api: Messages, model: w.Model, user: w.Metadata.UserID, limit: w.MaxTokens,
		schema: w.OutputConfig.Format.Schema, messages: w.Messages,
	}
	if w.System != "" && len(w.Messages) > 0 {
		r.messages = append([]message{{Role: "system", Content: w.System}}, r.messages...)
	}
	for _, t := range w.Tools {
		if t.Name != "" && t.Name == w.ToolChoice.Name {
			r.tool, r.schema = t.Name, t.InputSchema
		}
	}
	return r, w.Stream, nil
}

// prompt is the text of the first user message: the one with the document.
// Repairs append messages behind it.
func (r request) prompt() string {
	for _, m := range r.messages {
		if m.Role == "user" {
			return string(m.Content)
		}
	}
	return ""
}

// inputTokens estimates the size of the prompt.
func (r request) inputTokens() int {
	n := 0
	for _, m := range r.messages {
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
