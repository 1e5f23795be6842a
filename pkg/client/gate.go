package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Gate is an operator's word on the gate of a provider or of one of its routes:
// while it lasts it stands above what the provider says.
type Gate struct {
	// Gate is a route, as "provider/model", or a provider.
	Gate string `json:"gate"`
	// Closed keeps all calls away; else they are let through whatever closed
	// the gate.
	Closed bool `json:"closed"`
	// Until is when the word ends.
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// GateOptions go with [Client.HoldGate]. A reason and one of For and Until are
// required; neither may be more than 7 days ahead.
type GateOptions struct {
	// Reason is for other operators, at most 512 bytes.
	Reason string
	For    time.Duration
	Until  time.Time
}

const gateRoot = "/v1/admin/gates"

// Gates lists the gates that operators hold open or closed.
func (c *Client) Gates(ctx context.Context) ([]Gate, error) {
	list, _, err := read[struct {
		Data []Gate `json:"data"`
	}](ctx, c, call{method: http.MethodGet, path: gateRoot})
	if err != nil {
		return nil, fmt.Errorf("list gates: %w", err)
	}
	return list.Data, nil
}

// HoldGate holds a gate closed or open for a while, in place of an earlier
// word on it. Every process of the server follows within a second.
func (c *Client) HoldGate(ctx context.Context, gate string, closed bool, o GateOptions) (Gate, error) {
	r := call{method: http.MethodPost, path: gateRoot, media: "application/json"}
	var err error
	r.body, err = json.Marshal(struct {
		Gate   string    `json:"gate"`
		Closed bool      `json:"closed"`
		For    string    `json:"for,omitempty"`
		Until  time.Time `json:"until,omitzero"`
		Reason string    `json:"reason"`
	}{gate, closed, durationText(o.For), o.Until, o.Reason})
	if err != nil {
		return Gate{}, fmt.Errorf("hold gate: %w", err)
	}
	g, _, err := read[Gate](ctx, c, r)
	if err == nil && (g.Gate != gate || g.Closed != closed) {
		err = c.badAnswer(r, "it is about another gate, or none")
	}
	if err != nil {
		return Gate{}, fmt.Errorf("hold gate: %w", err)
	}
	return g, nil
}

// ReleaseGate lets a gate follow its provider again. It is no error when nobody
// holds it.
func (c *Client) ReleaseGate(ctx context.Context, gate string) error {
	body, err := json.Marshal(map[string]string{"gate": gate})
	if err == nil {
		_, err = c.do(ctx, call{method: http.MethodPost, path: gateRoot + "/release", media: "application/json", body: body})
	}
	if err != nil {
		return fmt.Errorf("release gate: %w", err)
	}
	return nil
}
