// Package openai is the wire format of OpenAI-compatible chat completions.
package openai

import (
	"net/http"

	"github.com/sluicehq/sluice/internal/extract/wire"
)

// New returns a client of one model. BaseURL is what an OpenAI SDK takes, such
// as "https://host/v1". The formats are json_schema, which is the default,
// json_object and none.
func New(c wire.Config) (*wire.Client, error) {
	return wire.New(c, wire.Protocol{
		Path:      "/chat/completions",
		Formats:   []wire.Format{wire.FormatSchema, wire.FormatObject, wire.FormatNone},
		Authorize: authorize,
		Encode:    encode,
		Read:      read,
	})
}

func authorize(h http.Header, key wire.Secret) {
	if key != "" {
		h.Set("Authorization", "Bearer "+string(key))
	}
}
