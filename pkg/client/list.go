package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Filter selects jobs; the zero filter selects all that a list is about. Fields
// are combined with and, the values of one field with or.
type Filter struct {
	States []jobs.State
	// Tenant is the caller's own without one; others are for operators.
	Tenant string
	Lanes  []string
	Schema string
	// Tier is the tier that ended or last worked on the job; 0 for any.
	Tier int
	// Classes and Provider are those of the failure, so that jobs without a
	// failure are left out.
	Classes  []jobs.Class
	Provider string
	// Labels must all be there with these values.
	Labels map[string]string
	// AcceptedAfter is inclusive, AcceptedBefore exclusive; zero is open.
	AcceptedAfter  time.Time
	AcceptedBefore time.Time
	// UpdatedAfter and UpdatedBefore bound the last change in the same way:
	// for a dead letter, when it became one.
	UpdatedAfter  time.Time
	UpdatedBefore time.Time
	// Batch keeps the jobs of one batch.
	Batch jobs.ID
	// Reasons are why jobs are parked, in review or back in their queue.
	Reasons []string
}

// MaxPage is the most rows on one page.
const MaxPage = 200

// Page asks for a part of a list. The zero value asks for the first 50.
type Page struct {
	// Limit is the most rows, 1 to [MaxPage]; 0 means 50.
	Limit int
	// Cursor is NextCursor of the page before; empty for the first.
	Cursor string
}

// Jobs lists jobs in any state.
func (c *Client) Jobs(ctx context.Context, f Filter, p Page) (JobList, error) {
	return c.list(ctx, "/v1/jobs", f, p)
}

// DLQ lists failed and expired jobs, or, where the filter names states, those
// out of failed, expired and in_review.
func (c *Client) DLQ(ctx context.Context, f Filter, p Page) (JobList, error) {
	return c.list(ctx, "/v1/dlq", f, p)
}

func (c *Client) list(ctx context.Context, path string, f Filter, p Page) (JobList, error) {
	r := call{method: http.MethodGet, path: path, query: f.query()}
	p.into(r.query)
	list, _, err := read[JobList](ctx, c, r)
	if err != nil {
		return JobList{}, fmt.Errorf("list jobs: %w", err)
	}
	for _, j := range list.Data {
		if checkJob(j) != nil {
			return JobList{}, fmt.Errorf("list jobs: %w", c.badAnswer(r, "it lists a job without an ID or state"))
		}
	}
	return list, nil
}

// into adds the page to a query.
func (p Page) into(q url.Values) {
	if p.Limit != 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	if p.Cursor != "" {
		q.Set("cursor", p.Cursor)
	}
}

func (f Filter) query() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("state", joined(f.States))
	set("tenant", f.Tenant)
	set("lane", joined(f.Lanes))
	set("schema", f.Schema)
	set("class", joined(f.Classes))
	set("provider", f.Provider)
	if f.Tier != 0 {
		q.Set("tier", strconv.Itoa(f.Tier))
	}
	for name, value := range f.Labels {
		q.Set("label."+name, value)
	}
	set("accepted_after", moment(f.AcceptedAfter))
	set("accepted_before", moment(f.AcceptedBefore))
	set("updated_after", moment(f.UpdatedAfter))
	set("updated_before", moment(f.UpdatedBefore))
	set("batch", string(f.Batch))
	set("reason", joined(f.Reasons))
	return q
}

func joined[S ~string](words []S) string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return strings.Join(list, ",")
}

// moment is the API's form of a time; empty for the zero time.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// DeadLetter reads all that is known of a job in any state.
func (c *Client) DeadLetter(ctx context.Context, id jobs.ID) (DeadLetter, error) {
	path, err := jobPath("/v1/dlq/", id, "")
	if err != nil {
		return DeadLetter{}, fmt.Errorf("get dead letter: %w", err)
	}
	r := call{method: http.MethodGet, path: path}
	d, h, err := read[DeadLetter](ctx, c, r)
	if err == nil && (d.Job.ID != id || checkJob(d.Job) != nil) {
		err = c.badAnswer(r, "it is about another job, or none")
	}
	if err != nil {
		return DeadLetter{}, fmt.Errorf("get dead letter: %w", err)
	}
	d.Job.ETag = h.Get("ETag")
	return d, nil
}
