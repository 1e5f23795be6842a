package wire

import (
	"net/http"
	"strings"
)

// keptHeaders are the headers that classification reads, and the request id
// that a provider's support asks for.
var keptHeaders = []string{
	"Content-Type", "Date", "Retry-After", "Retry-After-Ms", "X-Ms-Retry-After-Ms", "X-Should-Retry",
	"X-Request-Id", "Request-Id", "X-Amzn-Errortype",
}

// keptPrefixes are those of rate limit headers.
var keptPrefixes = []string{"X-Ratelimit-", "Ratelimit", "Anthropic-Ratelimit-"}

// Bounds on the headers that are kept.
const (
	maxHeaders     = 64
	maxHeaderValue = 256
)

func headerOf(all http.Header) http.Header {
	kept := http.Header{}
	for name, values := range all {
		if len(kept) < maxHeaders && len(values) > 0 && keeps(name) {
			kept.Set(name, values[0][:min(len(values[0]), maxHeaderValue)])
		}
	}
	return kept
}

func keeps(name string) bool {
	for _, k := range keptHeaders {
		if strings.EqualFold(name, k) {
			return true
		}
	}
	for _, p := range keptPrefixes {
		if len(name) >= len(p) && strings.EqualFold(name[:len(p)], p) {
			return true
		}
	}
	return false
}
