package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Ready asks whether the server takes jobs in. While it does not, the error is
// a [*Problem] that lists what was looked at. No key is needed.
func (c *Client) Ready(ctx context.Context) (Health, error) {
	h, _, err := read[Health](ctx, c, call{method: http.MethodGet, path: "/readyz", query: url.Values{"verbose": {"1"}}})
	if err != nil {
		return Health{}, fmt.Errorf("ready: %w", err)
	}
	return h, nil
}

// Version asks for the server's version. No key is needed.
func (c *Client) Version(ctx context.Context) (Version, error) {
	v, _, err := read[Version](ctx, c, call{method: http.MethodGet, path: "/version"})
	if err != nil {
		return Version{}, fmt.Errorf("version: %w", err)
	}
	return v, nil
}
