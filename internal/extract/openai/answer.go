package openai

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/sluicehq/sluice/internal/extract/wire"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// answer is the part of a completion that is read.
type answer struct {
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

// read takes the first choice out of a completion.
func read(body []byte, s *tiers.Signal) {
	var a answer
	if json.Unmarshal(body, &a) != nil {
		return
	}
	s.ServedModel = a.Model
	s.Usage, s.UsageKnown = a.usage()
	if len(a.Choices) == 0 {
		return
	}
	first := a.Choices[0]
	m := first.Message
	s.Content, s.FinishReason, s.Refusal = m.Content.text, first.FinishReason, cmp.Or(m.Refusal, m.Content.refusal)
}

func (a answer) usage() (jobs.Usage, bool) {
	var u struct {
		Prompt     *int `json:"prompt_tokens"`
		Completion *int `json:"completion_tokens"`
	}
	if json.Unmarshal(a.Usage, &u) != nil || u.Prompt == nil || u.Completion == nil {
		return jobs.Usage{}, false
	}
	return wire.Usage(*u.Completion, *u.Prompt)
}

// content is a message's text: a string, null, or a list of parts of which the
// texts count, and of which one may be a refusal.
type content struct{ text, refusal string }

// UnmarshalJSON implements json.Unmarshaler.
func (c *content) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &c.text) == nil {
		return nil
	}
	var parts []struct {
		Text    string `json:"text"`
		Refusal string `json:"refusal"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	var all strings.Builder
	for _, p := range parts {
		all.WriteString(p.Text)
		c.refusal = cmp.Or(c.refusal, p.Refusal)
	}
	c.text = all.String()
	return nil
}
