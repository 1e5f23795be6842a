package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// GetOptions say when [Client.Get] answers. The zero value answers at once.
type GetOptions struct {
	// Wait is how long the server may hold the answer back until the job has
	// settled or, with Known, until it has changed: 0 to 30 s, rounded up to
	// whole seconds.
	Wait time.Duration
	// Known is the ETag of the job as the caller has it.
	Known string
}

// Get reads a job. With Known it returns [ErrNotModified] when the job has not
// changed.
func (c *Client) Get(ctx context.Context, id jobs.ID, o GetOptions) (Job, error) {
	path, err := jobPath("/v1/jobs/", id, "")
	if err != nil {
		return Job{}, fmt.Errorf("get job: %w", err)
	}
	r := call{method: http.MethodGet, path: path, header: http.Header{}}
	if o.Wait > 0 {
		r.query = url.Values{"wait": {wholeSeconds(o.Wait)}}
	}
	if o.Known != "" {
		r.header.Set("If-None-Match", o.Known)
	}
	j, _, err := c.job(ctx, r, id)
	if err != nil {
		return Job{}, fmt.Errorf("get job: %w", err)
	}
	return j, nil
}

// job sends a request that is answered with a job: the one with the ID, or any
// when id is empty.
func (c *Client) job(ctx context.Context, r call, id jobs.ID) (Job, http.Header, error) {
	a, err := c.do(ctx, r)
	if err != nil {
		return Job{}, nil, err
	}
	if a.status == http.StatusNotModified {
		return Job{}, nil, ErrNotModified
	}
	var j Job
	if err := json.Unmarshal(a.body, &j); err != nil {
		return Job{}, nil, c.badAnswer(r, "it is not the JSON of a job")
	}
	if id != "" && j.ID != id || checkJob(j) != nil {
		return Job{}, nil, c.badAnswer(r, "it is about another job, or none")
	}
	j.ETag, j.RetryAfter = a.header.Get("ETag"), retryAfter(a.header)
	return j, a.header, nil
}

// checkJob refuses a job that no server of ours would name: its ID goes into
// paths and command lines.
func checkJob(j Job) error {
	if err := j.ID.Validate(); err != nil {
		return err
	}
	if j.State == "" {
		return errors.New("a job without a state")
	}
	return nil
}

func (c *Client) badAnswer(r call, why string) error {
	return fmt.Errorf("%s %s: %w: %s", r.method, c.at(r), ErrBadAnswer, why)
}

// Result reads a job's data and nothing else. A job that has not finished, or
// ended without a result, is [ErrConflict].
func (c *Client) Result(ctx context.Context, id jobs.ID) (json.RawMessage, error) {
	path, err := jobPath("/v1/jobs/", id, "/result")
	if err != nil {
		return nil, fmt.Errorf("get result: %w", err)
	}
	data, _, err := read[json.RawMessage](ctx, c, call{method: http.MethodGet, path: path})
	if err != nil {
		return nil, fmt.Errorf("get result: %w", err)
	}
	return data, nil
}

// Attempts reads a job's ledger over all its runs.
func (c *Client) Attempts(ctx context.Context, id jobs.ID) (AttemptList, error) {
	path, err := jobPath("/v1/jobs/", id, "/attempts")
	if err != nil {
		return AttemptList{}, fmt.Errorf("get attempts: %w", err)
	}
	list, _, err := read[AttemptList](ctx, c, call{method: http.MethodGet, path: path})
	if err != nil {
		return AttemptList{}, fmt.Errorf("get attempts: %w", err)
	}
	return list, nil
}

// CommandOptions go with a command on a job. The zero value is fine.
type CommandOptions struct {
	// Reason is kept in the job's history, at most 512 bytes.
	Reason string `json:"reason,omitempty"`
	// Version makes the command fail with [ErrConflict] unless the job has
	// it; 0 means any.
	Version int64 `json:"version,omitempty"`
}

// RequeueOptions go with [Client.Requeue]. The zero value is fine.
type RequeueOptions struct {
	CommandOptions
	// Lane moves the job; empty leaves it where it was.
	Lane string
	// Deadline is how long the new run may take, 1 s to a week; 0 gives it as
	// much time as the run before had.
	Deadline time.Duration
}

// Cancel ends a job that waits, and tells a running one to stop: then the job
// it returns still runs, with Cancelling set.
func (c *Client) Cancel(ctx context.Context, id jobs.ID, o CommandOptions) (Job, error) {
	return c.command(ctx, id, "cancel", o)
}

// Requeue gives a job that failed, expired, was cancelled or waits for a person
// a new run.
func (c *Client) Requeue(ctx context.Context, id jobs.ID, o RequeueOptions) (Job, error) {
	return c.command(ctx, id, "requeue", o.body())
}

// body is the JSON of a command that gives a job a new run.
func (o RequeueOptions) body() any {
	return struct {
		CommandOptions
		Lane     string `json:"lane,omitempty"`
		Deadline string `json:"deadline,omitempty"`
	}{o.CommandOptions, o.Lane, durationText(o.Deadline)}
}

// Complete gives a job its result by hand. The data must fit the job's schema;
// where it does not, the [*Problem] names the places.
func (c *Client) Complete(ctx context.Context, id jobs.ID, data json.RawMessage, o CommandOptions) (Job, error) {
	if !json.Valid(data) {
		return Job{}, fmt.Errorf("complete job: %w: the data is not JSON", ErrInvalid)
	}
	return c.command(ctx, id, "complete", struct {
		CommandOptions
		Data json.RawMessage `json:"data"`
	}{o, data})
}

// RejectOptions go with [Client.Reject]. The zero value is fine.
type RejectOptions struct {
	CommandOptions
	// Class is the class of the failure, 1 to 64 characters of 0-9 A-Z a-z _
	// and -; empty means rejected.
	Class jobs.Class
}

// Reject gives up a job that waits for a person: it fails.
func (c *Client) Reject(ctx context.Context, id jobs.ID, o RejectOptions) (Job, error) {
	return c.command(ctx, id, "reject", struct {
		CommandOptions
		Class jobs.Class `json:"class,omitempty"`
	}{o.CommandOptions, o.Class})
}

// command sends a command with its body.
func (c *Client) command(ctx context.Context, id jobs.ID, verb string, body any) (Job, error) {
	path, err := jobPath("/v1/jobs/", id, "/"+verb)
	if err != nil {
		return Job{}, fmt.Errorf("%s job: %w", verb, err)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return Job{}, fmt.Errorf("%s job: %w", verb, err)
	}
	j, _, err := c.job(ctx, call{method: http.MethodPost, path: path, body: data, media: "application/json"}, id)
	if err != nil {
		return Job{}, fmt.Errorf("%s job: %w", verb, err)
	}
	return j, nil
}
