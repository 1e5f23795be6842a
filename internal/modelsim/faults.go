package modelsim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Good is the honest answer at once.
func Good() Reply { return Reply{Kind: "good"} }

// Slow is the honest answer after d.
func Slow(d time.Duration) Reply { return Reply{Kind: "slow", Delay: d} }

// OpenAIError is an error as OpenAI shapes it: {"error":{message,type,param,code}}.
// An empty code is sent as null.
func OpenAIError(status int, typ, code, message string) Reply {
	type body struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	b := body{Message: message, Type: typ}
	if code != "" {
		b.Code = &code
	}
	return jsonReply(status, map[string]any{"error": b})
}

// AnthropicError is an error as Anthropic shapes it: {"type":"error","error":{type,message}}.
func AnthropicError(status int, typ, message string) Reply {
	return jsonReply(status, map[string]any{
		"type":  "error",
		"error": map[string]string{"type": typ, "message": message},
	})
}

// FlatError is an error as older vLLM servers shape it: no wrapper, and the
// code is a number.
func FlatError(status int, typ, message string) Reply {
	return jsonReply(status, map[string]any{
		"object": "error", "message": message, "type": typ, "param": nil, "code": status,
	})
}

// HTMLError is an error page from something in front of the provider.
func HTMLError(status int) Reply {
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	return Reply{
		Kind: "html", Status: status, Raw: true,
		Body: "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
			"</h1></center>\r\n</body>\r\n</html>\r\n",
	}
}

func jsonReply(status int, v any) Reply {
	b, err := json.Marshal(v)
	if err != nil {
		panic("modelsim: " + err.Error()) // only maps of strings and numbers come here
	}
	return Reply{Kind: "error", Status: status, Body: string(b), Raw: true}
}

// RateLimit is 429 rate_limit_exceeded with Retry-After in whole seconds,
// rounded up. With after ≤ 0 the header is missing.
func RateLimit(after time.Duration) Reply {
	r := OpenAIError(429, "requests", "rate_limit_exceeded", "Rate limit reached for requests.").Named("rate_limit").
		forMessages(429, "rate_limit_error", "This request would exceed your organization's rate limit.")
	if after <= 0 {
		return r
	}
	seconds := (after + time.Second - 1) / time.Second
	return r.WithHeader("Retry-After", strconv.FormatInt(int64(seconds), 10))
}

// RateLimitHeader is 429 rate_limit_exceeded with a wait in any form, such as
// ("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT") or ("Retry-After-Ms", "1500").
func RateLimitHeader(name, value string) Reply { return RateLimit(0).WithHeader(name, value) }

// Quota is a 429 that no waiting cures, with one of the billing codes such as
// "insufficient_quota". On messages it is a 400 about the credit balance.
func Quota(code string) Reply {
	return OpenAIError(429, "insufficient_quota", code, "You exceeded your current quota.").Named("quota").
		forMessages(400, "invalid_request_error", "Your credit balance is too low to access the API.")
}

// SpendLimit is Anthropic's 400 for an account at its spend limit: the text
// alone tells it from a bad request.
func SpendLimit() Reply {
	return AnthropicError(400, "invalid_request_error",
		"You have reached your specified API usage limits. You will regain access on 2027-01-01 at 00:00 UTC.").Named("spend_limit")
}

// TooLargeForRate is a 429 for one request above the rate limit by itself.
func TooLargeForRate() Reply {
	return OpenAIError(429, "tokens", "rate_limit_exceeded",
		"Request too large for this model on tokens per min (TPM): Limit 30000, Requested 61000.").Named("too_large_for_rate").
		forMessages(429, "rate_limit_error", "Request too large for this model's input tokens per minute.")
}

// SlowDown is 503 slow_down: the caller's rate grew too fast.
func SlowDown() Reply {
	return OpenAIError(503, "service_unavailable_error", "slow_down", "Slow down.").Named("slow_down").
		forMessages(429, "rate_limit_error", "Your usage grew too fast; slow down.")
}

// Overloaded is 503 server_is_overloaded.
func Overloaded() Reply {
	return OpenAIError(503, "service_unavailable_error", "server_is_overloaded", "The server is overloaded.").Named("overloaded").
		forMessages(529, "overloaded_error", "Overloaded")
}

// Overloaded529 is 529 overloaded_error, in Anthropic's shape.
func Overloaded529() Reply {
	return AnthropicError(529, "overloaded_error", "Overloaded").Named("overloaded_529")
}

// ServerError is a plain 500.
func ServerError() Reply {
	return OpenAIError(500, "server_error", "", "The server had an error while processing your request.").Named("server_error").
		forMessages(500, "api_error", "Internal server error")
}

// BadGateway is a 502 page in HTML.
func BadGateway() Reply { return HTMLError(502).Named("bad_gateway") }

// GatewayTimeout is a 504 page in HTML.
func GatewayTimeout() Reply { return HTMLError(504).Named("gateway_timeout") }

// BadKey is 401 invalid_api_key.
func BadKey() Reply {
	return OpenAIError(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided.").Named("bad_key").
		forMessages(401, "authentication_error", "invalid x-api-key")
}

// Billing is 402: the account must pay first.
func Billing() Reply {
	return AnthropicError(402, "billing_error", "Your account has a billing problem.").Named("billing")
}

// NoModel is 404 model_not_found.
func NoModel() Reply {
	return OpenAIError(404, "invalid_request_error", "model_not_found", "The model does not exist.").Named("no_model").
		forMessages(404, "not_found_error", "model: no such model")
}

// TooLong is 400 context_length_exceeded.
func TooLong() Reply {
	return OpenAIError(400, "invalid_request_error", "context_length_exceeded",
		"This model's maximum context length is 8192 tokens.").Named("too_long").
		forMessages(400, "invalid_request_error", "prompt is too long: 9000 tokens > 8192 maximum")
}

// TooLongFlat says the same in the flat shape, with nothing but the text to
// tell it by.
func TooLongFlat() Reply {
	return FlatError(400, "BadRequestError",
		"This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.").Named("too_long_flat")
}

// TooLongSGLang says it in SGLang's words, TooLongTogether as the 403 by which
// Together tells that prompt and answer do not fit together.
func TooLongSGLang() Reply {
	return FlatError(400, "BadRequestError",
		"The input (9000 tokens) is longer than the model's context length (8192 tokens).").Named("too_long_sglang")
}

// TooLongTogether is described at [TooLongSGLang].
func TooLongTogether() Reply {
	return OpenAIError(403, "invalid_request_error", "",
		"The input tokens and max_tokens together exceed 8193.").Named("too_long_together")
}

// TooBig is a 413 page in HTML.
func TooBig() Reply { return HTMLError(413).Named("too_big") }

// BadRequest is a 400 that names a parameter that is not supported.
func BadRequest() Reply {
	return OpenAIError(400, "invalid_request_error", "unsupported_parameter", "Unsupported parameter.").Named("bad_request").
		forMessages(400, "invalid_request_error", "temperature: unsupported parameter")
}

// ContentPolicy is 400 content_policy_violation.
func ContentPolicy() Reply {
	return OpenAIError(400, "invalid_request_error", "content_policy_violation",
		"Your request was rejected by our safety system.").Named("content_policy").
		forMessages(400, "invalid_request_error", "Output blocked by content filtering policy")
}

// Hang reads the request and never answers.
func Hang() Reply { return Reply{Kind: "hang", Hang: true} }

// Stall sends the headers of a good answer and then nothing.
func Stall() Reply { return Reply{Kind: "stall", EarlyHeaders: true, Hang: true} }

// Drip is the good answer, one byte every d.
func Drip(d time.Duration) Reply { return Reply{Kind: "drip", Drip: d} }

// Cut is the good answer, ended after half of its body.
func Cut() Reply { return Reply{Kind: "cut", Cut: true} }

// End closes the connection in order before any byte of a reply. On a pooled
// connection that is what a caller sees of a server that had given it up.
func End() Reply { return Reply{Kind: "end", End: true} }

// Reset resets the connection before any byte of a reply.
func Reset() Reply { return Reply{Kind: "reset", Reset: true} }
