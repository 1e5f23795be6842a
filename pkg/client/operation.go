package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// CreateOperation selects jobs and starts to change them, or with Draft only
// selects them. It takes as long as the selection does: allow minutes for a
// million jobs. After [ErrUnavailable] or an ended context it may have been
// made; a draft that is not started does nothing.
func (c *Client) CreateOperation(ctx context.Context, o Order) (Operation, error) {
	body, err := json.Marshal(o.wire())
	if err != nil {
		return Operation{}, fmt.Errorf("create operation: %w", err)
	}
	return c.operation(ctx, "create", "", call{method: http.MethodPost, path: operationRoot, body: body, media: "application/json"})
}

// Operation reads an operation.
func (c *Client) Operation(ctx context.Context, id jobs.ID) (Operation, error) {
	return c.onOperation(ctx, "get", id, call{method: http.MethodGet})
}

// Operations lists operations in a state; empty means any.
func (c *Client) Operations(ctx context.Context, state OperationState, p Page) (OperationList, error) {
	r := call{method: http.MethodGet, path: operationRoot, query: url.Values{}}
	if state != "" {
		r.query.Set("state", string(state))
	}
	p.into(r.query)
	list, _, err := read[OperationList](ctx, c, r)
	for _, o := range list.Data {
		if err == nil && checkOperation(o) != nil {
			err = c.badAnswer(r, "it lists an operation without an ID or state")
		}
	}
	if err != nil {
		return OperationList{}, fmt.Errorf("list operations: %w", err)
	}
	return list, nil
}

// StartOperation lets a draft run.
func (c *Client) StartOperation(ctx context.Context, id jobs.ID) (Operation, error) {
	return c.turn(ctx, id, "start")
}

// PauseOperation pauses a running operation, within a second.
func (c *Client) PauseOperation(ctx context.Context, id jobs.ID) (Operation, error) {
	return c.turn(ctx, id, "pause")
}

// ResumeOperation lets a paused or stopped operation go on.
func (c *Client) ResumeOperation(ctx context.Context, id jobs.ID) (Operation, error) {
	return c.turn(ctx, id, "resume")
}

// CancelOperation ends an operation. What it has changed stays changed.
func (c *Client) CancelOperation(ctx context.Context, id jobs.ID) (Operation, error) {
	return c.turn(ctx, id, "cancel")
}

func (c *Client) turn(ctx context.Context, id jobs.ID, verb string) (Operation, error) {
	return c.onOperation(ctx, verb, id, call{method: http.MethodPost, path: "/" + verb, body: []byte("{}"), media: "application/json"})
}

const operationRoot = "/v1/operations"

// onOperation sends a request to a route of the operation; r.path is the rest
// of it.
func (c *Client) onOperation(ctx context.Context, doing string, id jobs.ID, r call) (Operation, error) {
	path, err := jobPath(operationRoot+"/", id, r.path)
	if err != nil {
		return Operation{}, fmt.Errorf("%s operation: %w", doing, err)
	}
	r.path = path
	return c.operation(ctx, doing, id, r)
}

// operation sends a request that is answered with the operation, or any when id
// is empty.
func (c *Client) operation(ctx context.Context, doing string, id jobs.ID, r call) (Operation, error) {
	o, _, err := read[Operation](ctx, c, r)
	if err == nil && (id != "" && o.ID != id || checkOperation(o) != nil) {
		err = c.badAnswer(r, "it is about another operation, or none")
	}
	if err != nil {
		return Operation{}, fmt.Errorf("%s operation: %w", doing, err)
	}
	return o, nil
}

func checkOperation(o Operation) error {
	return checkJob(Job{ID: o.ID, State: jobs.State(o.State)})
}
