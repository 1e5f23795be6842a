package client

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Group is a set of dead letters that ended, or of jobs in review that wait for
// a person, for the same reason.
type Group struct {
	// Fingerprint names the group, today and tomorrow.
	Fingerprint string     `json:"fingerprint"`
	State       jobs.State `json:"state"`
	// Class is the class of the failure, or the reason of the review.
	Class    jobs.Class `json:"class"`
	Provider string     `json:"provider,omitempty"`
	Tier     int        `json:"tier,omitempty"`
	Schema   string     `json:"schema,omitempty"`
	Count    int64      `json:"count"`
	// FirstAt and LastAt are when the first and the last job of the group came
	// to its state.
	FirstAt time.Time `json:"first_at"`
	LastAt  time.Time `json:"last_at"`
	// Sample is the job that came last.
	Sample jobs.ID `json:"sample"`
}

// GroupList is groups, the largest first.
type GroupList struct {
	Data []Group `json:"data"`
	// Truncated is true when there are more groups than one answer has.
	Truncated bool `json:"truncated"`
}

// Groups groups failed and expired jobs by why they ended, or, where the filter
// names states, those out of failed, expired and in_review.
func (c *Client) Groups(ctx context.Context, f Filter) (GroupList, error) {
	r := call{method: http.MethodGet, path: "/v1/dlq/groups", query: f.query()}
	list, _, err := read[GroupList](ctx, c, r)
	for _, g := range list.Data {
		if err == nil && g.Sample.Validate() != nil {
			err = c.badAnswer(r, "a group has no sample")
		}
	}
	if err != nil {
		return GroupList{}, fmt.Errorf("group dead letters: %w", err)
	}
	return list, nil
}

// Count counts the jobs that [Client.DLQ] lists with the same filter.
func (c *Client) Count(ctx context.Context, f Filter) (int64, error) {
	n, _, err := read[struct {
		Count int64 `json:"count"`
	}](ctx, c, call{method: http.MethodGet, path: "/v1/dlq/count", query: f.query()})
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return n.Count, nil
}
