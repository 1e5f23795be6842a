package anthropic

import (
	"encoding/json"
	"strings"

	"github.com/sluicehq/sluice/internal/extract/wire"
)

// defaultMaxTokens bounds an answer where the request does not: the API takes
// none without a bound.
const defaultMaxTokens = 4096

// toolName is the tool that takes the answer. It is fixed, so that an answer
// can be told from any other tool that a gateway adds.
const toolName = "give_values"

// The request has no temperature: models since Claude Opus 4.7 refuse one.
type request struct {
	Model        string         `json:"model"`
	MaxTokens    int            `json:"max_tokens"`
	System       string         `json:"system,omitempty"`
	Messages     []wire.Message `json:"messages"`
	Tools        []tool         `json:"tools,omitempty"`
	ToolChoice   *toolChoice    `json:"tool_choice,omitempty"`
	OutputConfig *outputConfig  `json:"output_config,omitempty"`
}

type tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema"`
}

type toolChoice struct {
	Type            string `json:"type"`
	Name            string `json:"name"`
	DisableParallel bool   `json:"disable_parallel_tool_use"`
}

type outputConfig struct {
	Format outputFormat `json:"format"`
}

type outputFormat struct {
	Type   wire.Format     `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

func encode(c wire.Config, r wire.Request) ([]byte, error) {
	w := request{Model: c.Model, MaxTokens: r.MaxTokens}
	if w.MaxTokens == 0 {
		w.MaxTokens = defaultMaxTokens
	}
	w.System, w.Messages = conversation(r.Messages)
	switch {
	case len(r.Schema) == 0:
	case c.Format == wire.FormatTool:
		w.Tools = []tool{{Name: toolName, Description: "Takes the values of the document.", InputSchema: r.Schema}}
		w.ToolChoice = &toolChoice{Type: "tool", Name: toolName, DisableParallel: true}
	case c.Format == wire.FormatSchema:
		w.OutputConfig = &outputConfig{outputFormat{wire.FormatSchema, r.Schema}}
	}
	return json.Marshal(w)
}

// conversation takes the system messages out of a conversation: the API has a
// place of their own for them.
func conversation(all []wire.Message) (system string, rest []wire.Message) {
	var texts []string
	rest = []wire.Message{}
	for _, m := range all {
		if m.Role == "system" {
			texts = append(texts, m.Content)
		} else {
			rest = append(rest, m)
		}
	}
	return strings.Join(texts, "\n\n"), rest
}
