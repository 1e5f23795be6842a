package wire

import (
	"encoding/json"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Message is one message of a conversation.
type Message struct {
	Role    string `json:"role"` // system, user or assistant
	Content string `json:"content"`
}

// Request is what one call asks, whatever the protocol.
type Request struct {
	Messages []Message
	// SchemaName and Schema go where the provider's format has a place for
	// them.
	SchemaName string
	Schema     json.RawMessage
	// MaxTokens bounds the answer; 0 leaves it to the provider, or to the
	// protocol where one must be given.
	MaxTokens int
}

// Name is SchemaName in the characters that providers allow, at most 64 of
// them.
func (r Request) Name() string {
	clean := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' {
			return c
		}
		return '_'
	}, r.SchemaName)
	if clean == "" {
		return "schema"
	}
	return clean[:min(len(clean), 64)]
}

// maxTokens is above what any model takes or gives in one call; a larger count
// is no count.
const maxTokens = 1 << 31

// Usage adds up the input tokens that an answer reports. It is not known when
// one of the counts is negative or absurd.
func Usage(output int, input ...int) (jobs.Usage, bool) {
	u := jobs.Usage{OutputTokens: output}
	for _, n := range input {
		if n < 0 || n > maxTokens {
			return jobs.Usage{}, false
		}
		u.InputTokens += n
	}
	if output < 0 || output > maxTokens {
		return jobs.Usage{}, false
	}
	return u, true
}
