package anthropic

import (
	"encoding/json"
	"strings"

	"github.com/sluicehq/sluice/internal/extract/wire"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// answer is the part of a message that is read.
type answer struct {
	Model      string          `json:"model"`
	Content    json.RawMessage `json:"content"`
	StopReason string          `json:"stop_reason"`
	// Usage is read apart: a strange one must not cost the answer.
	Usage json.RawMessage `json:"usage"`
}

// block is a part of the content. Blocks of other types, such as a model's
// thinking, are passed over.
type block struct {
	Type  string          `json:"type"`
	Text  string          `json:"text"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"`
}

// read takes the values out of a message. An error inside a 200 has none of its
// members and leaves the signal empty.
func read(body []byte, s *tiers.Signal) {
	var a answer
	if json.Unmarshal(body, &a) != nil {
		return
	}
	s.ServedModel, s.FinishReason = a.Model, a.StopReason
	s.Usage, s.UsageKnown = a.usage()
	text, called := a.content()
	s.Content = text
	if called && a.StopReason == "tool_use" {
		// The tool was asked for, so calling it is the proper end.
		s.FinishReason = "end_turn"
	}
}

// content is the input of the tool that was asked for, else the text. A tool
// called twice gives two inputs, of which nothing tells which one is meant.
func (a answer) content() (text string, called bool) {
	var blocks []block
	if json.Unmarshal(a.Content, &blocks) != nil {
		_ = json.Unmarshal(a.Content, &text) // gateways send a bare string
		return text, false
	}
	var texts, inputs []string
	for _, b := range blocks {
		switch {
		case b.Type == "tool_use" && b.Name == toolName && len(b.Input) > 0:
			inputs = append(inputs, unquoted(b.Input))
		case b.Type == "text":
			texts = append(texts, b.Text)
		}
	}
	if len(inputs) > 0 {
		return strings.Join(inputs, "\n"), true
	}
	return strings.Join(texts, ""), false
}

// unquoted is the input of a tool; some gateways send it as text.
func unquoted(input json.RawMessage) string {
	var text string
	if json.Unmarshal(input, &text) == nil {
		return text
	}
	return string(input)
}

// usage counts what the provider read from its cache and wrote into it as
// input, for both fill the context window.
func (a answer) usage() (jobs.Usage, bool) {
	var u struct {
		Input      *int `json:"input_tokens"`
		Output     *int `json:"output_tokens"`
		CacheWrite int  `json:"cache_creation_input_tokens"`
		CacheRead  int  `json:"cache_read_input_tokens"`
	}
	if json.Unmarshal(a.Usage, &u) != nil || u.Input == nil || u.Output == nil {
		return jobs.Usage{}, false
	}
	return wire.Usage(*u.Output, *u.Input, u.CacheWrite, u.CacheRead)
}
