package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// ClaimOptions go with [Client.Claim]. The zero value is fine.
type ClaimOptions struct {
	CommandOptions
	// For is how long the claim lasts, 1 min to 24 h; 0 means 15 min.
	For time.Duration
}

// Claim takes a job in review, so that nobody else claims or decides it.
// Claimed again by the same key, the claim gets a new end. A job that somebody
// else holds is [ErrConflict].
func (c *Client) Claim(ctx context.Context, id jobs.ID, o ClaimOptions) (Job, error) {
	return c.command(ctx, id, "claim", struct {
		CommandOptions
		For string `json:"for,omitempty"`
	}{o.CommandOptions, durationText(o.For)})
}

// Draft saves unfinished work, which is any JSON, on a job that the caller has
// claimed. It stays when the claim ends, for whoever is next.
func (c *Client) Draft(ctx context.Context, id jobs.ID, draft json.RawMessage, o CommandOptions) (Job, error) {
	if !json.Valid(draft) {
		return Job{}, fmt.Errorf("draft job: %w: the draft is not JSON", ErrInvalid)
	}
	return c.command(ctx, id, "draft", struct {
		CommandOptions
		Draft json.RawMessage `json:"draft"`
	}{o, draft})
}

// Unclaim gives a claimed job back, with its draft.
func (c *Client) Unclaim(ctx context.Context, id jobs.ID, o CommandOptions) (Job, error) {
	return c.command(ctx, id, "unclaim", o)
}

// SendBack returns a job in review to the machines: it gets a new run.
func (c *Client) SendBack(ctx context.Context, id jobs.ID, o RequeueOptions) (Job, error) {
	return c.command(ctx, id, "send-back", o.body())
}

// Move moves a queued or parked job to another lane.
func (c *Client) Move(ctx context.Context, id jobs.ID, lane string, o CommandOptions) (Job, error) {
	return c.command(ctx, id, "move", struct {
		CommandOptions
		Lane string `json:"lane"`
	}{o, lane})
}

// Erase removes the document and the result of a job that has ended, for good.
// History and attempts are left. From then on [Client.Get] and [Client.Result]
// are [ErrNotFound], with the code erased. Erasing again changes nothing.
func (c *Client) Erase(ctx context.Context, id jobs.ID) error {
	path, err := jobPath("/v1/jobs/", id, "")
	if err == nil {
		_, err = c.do(ctx, call{method: http.MethodDelete, path: path})
	}
	if err != nil {
		return fmt.Errorf("erase job: %w", err)
	}
	return nil
}
