package modelsim

import (
	"encoding/json"
	"net/http"
	"strings"
)

// API is a wire format that the simulator speaks.
type API string

// The APIs.
const (
	// ChatCompletions is what OpenAI-compatible servers speak: POST
	// /v1/chat/completions.
	ChatCompletions API = "chat_completions"
	// Messages is what Anthropic speaks: POST /v1/messages.
	Messages API = "messages"
)

// key is the API key of a request, however the API sends it.
func (a API) key(h http.Header) string {
	if a == Messages {
		return h.Get("X-Api-Key")
	}
	key, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return key
}

// failure is an error in the shape of the API.
func (a API) failure(status int, code, message string) Reply {
	if a != Messages {
		return OpenAIError(status, "invalid_request_error", code, message)
	}
	typ := map[int]string{401: "authentication_error", 404: "not_found_error", 413: "request_too_large"}[status]
	if typ == "" {
		typ = "invalid_request_error"
	}
	return AnthropicError(status, typ, message)
}

// completion is the response of a model, before it becomes JSON.
type completion struct {
	reply        Reply
	id, model    string
	created      int64
	content      string
	finish       string // in the words of chat completions
	tool         string // takes the content, if it is an object
	inputTokens  int
	outputTokens int
}

// json is the response body in the shape of the API.
func (c completion) json(a API) string {
	out := c.chat()
	if a == Messages {
		out = c.message()
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic("modelsim: " + err.Error()) // only strings and numbers are in it
	}
	return string(b)
}

// claimed is the usage that the response claims.
func (c completion) claimed() (in, out int) {
	times := max(c.reply.UsageTimes, 1)
	return c.inputTokens * times, c.outputTokens * times
}

func (c completion) chat() map[string]any {
	out := map[string]any{
		"id": "chatcmpl-" + c.id, "object": "chat.completion", "created": c.created, "model": c.model,
		"choices": c.choices(),
	}
	if !c.reply.NoUsage {
		in, answer := c.claimed()
		out["usage"] = map[string]int{"prompt_tokens": in, "completion_tokens": answer, "total_tokens": in + answer}
	}
	return out
}

func (c completion) choices() []any {
	if c.reply.NoChoices {
		return []any{}
	}
	msg := map[string]any{"role": "assistant", "content": c.content, "refusal": nil}
	if c.reply.NullContent || c.reply.Refusal != "" {
		msg["content"] = nil
	}
	if c.reply.Refusal != "" {
		msg["refusal"] = c.reply.Refusal
	}
	var finish any = c.finish
	if c.finish == "null" {
		finish = nil
	}
	return []any{map[string]any{"index": 0, "message": msg, "finish_reason": finish, "logprobs": nil}}
}

func (c completion) message() map[string]any {
	blocks, stop := c.blocks()
	out := map[string]any{
		"id": "msg_" + c.id, "type": "message", "role": "assistant", "model": c.model,
		"content": blocks, "stop_reason": stop, "stop_sequence": nil,
	}
	if !c.reply.NoUsage {
		in, answer := c.claimed()
		out["usage"] = map[string]int{
			"input_tokens": in, "output_tokens": answer,
			"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
		}
	}
	return out
}

// blocks is the content of a message and why it ended. A content that is an
// object goes into the tool that the caller asked for; what is none cannot,
// and comes as text.
func (c completion) blocks() (blocks []any, stop any) {
	blocks = []any{}
	switch {
	case c.reply.Refusal != "":
		return blocks, "refusal"
	case c.reply.NoChoices || c.reply.NullContent:
		return blocks, c.stopReason("end_turn")
	case c.tool != "" && strings.HasPrefix(c.content, "{") && json.Valid([]byte(c.content)):
		use := map[string]any{"type": "tool_use", "id": "toolu_" + c.id, "name": c.tool, "input": json.RawMessage(c.content)}
		return append(blocks, use), c.stopReason("tool_use")
	default:
		return append(blocks, map[string]any{"type": "text", "text": c.content}), c.stopReason("end_turn")
	}
}

// stopReason is the finish reason in the words of messages.
func (c completion) stopReason(whole string) any {
	switch c.finish {
	case "stop":
		return whole
	case "length":
		return "max_tokens"
	case "content_filter":
		return "refusal"
	case "tool_calls":
		return "tool_use"
	case "null":
		return nil
	default:
		return c.finish
	}
}
