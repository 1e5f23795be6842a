package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// AuditRow says what an operation did to one job.
type AuditRow struct {
	// N is the job's place in the selection, from 0.
	N   int     `json:"n"`
	Job jobs.ID `json:"job"`
	// Result is applied, already (a process that died had done it) or failed.
	Result string `json:"result"`
	// Why is why it failed: the state that the action does not fit, or another
	// word.
	Why string `json:"why,omitempty"`
	// State and Version are the job's right after the change.
	State   jobs.State `json:"state,omitempty"`
	Version int64      `json:"version,omitempty"`
	At      time.Time  `json:"at"`
}

// AuditList is a part of an operation's rows, in the order of its work.
type AuditList struct {
	Operation jobs.ID    `json:"operation"`
	Action    Action     `json:"action"`
	By        string     `json:"by"`
	Data      []AuditRow `json:"data"`
	// NextCursor goes on behind the last row, also when there is none yet.
	NextCursor string `json:"next_cursor"`
	HasMore    bool   `json:"has_more"`
}

// MaxAuditPage is the most rows of [Client.Audit] on one page.
const MaxAuditPage = 1000

// Audit reads what became of each job of an operation. The page's limit is 200
// by default and at most [MaxAuditPage].
func (c *Client) Audit(ctx context.Context, id jobs.ID, p Page) (AuditList, error) {
	path, err := jobPath(operationRoot+"/", id, "/audit")
	if err != nil {
		return AuditList{}, fmt.Errorf("audit operation: %w", err)
	}
	r := call{method: http.MethodGet, path: path, query: url.Values{}}
	p.into(r.query)
	list, _, err := read[AuditList](ctx, c, r)
	if err == nil && list.Operation != id {
		err = c.badAnswer(r, "it is about another operation, or none")
	}
	for _, row := range list.Data {
		if err == nil && row.Job.Validate() != nil {
			err = c.badAnswer(r, "a row is about no job")
		}
	}
	if err != nil {
		return AuditList{}, fmt.Errorf("audit operation: %w", err)
	}
	return list, nil
}
