// Package anthropic is the wire format of Anthropic's messages API.
package anthropic

import (
	"net/http"
	"net/url"

	"github.com/sluicehq/sluice/internal/extract/wire"
)

// version names the revision of the API that this package speaks.
const version = "2023-06-01"

// New returns a client of one model. BaseURL is the provider's address with or
// without "/v1". The formats are
//   - tool, the default: the model must call a tool whose input has the job's
//     schema, which works with every schema;
//   - json_schema: the provider enforces the schema, which it refuses to do
//     for schemas that allow further properties or bound numbers;
//   - none.
func New(c wire.Config) (*wire.Client, error) {
	if u, err := url.Parse(c.BaseURL); err == nil && u.Host != "" && (u.Path == "" || u.Path == "/") {
		c.BaseURL = u.JoinPath("v1").String()
	}
	return wire.New(c, wire.Protocol{
		Path:      "/messages",
		Formats:   []wire.Format{wire.FormatTool, wire.FormatSchema, wire.FormatNone},
		Authorize: authorize,
		Encode:    encode,
		Read:      read,
	})
}

func authorize(h http.Header, key wire.Secret) {
	h.Set("Anthropic-Version", version)
	if key != "" {
		h.Set("X-Api-Key", string(key))
	}
}
