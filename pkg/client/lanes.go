package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// LaneQuery selects what [Client.Lanes] answers. The zero value is all that the
// key may see.
type LaneQuery struct {
	// Tenant keeps one tenant. Others than one's own are for operators.
	Tenant string
	// Limit is the most rows by tenant, 1 to [MaxPage]; 0 means 50.
	Limit int
}

// LaneList is what the queues hold at a moment.
type LaneList struct {
	AsOf time.Time `json:"as_of"`
	// Lanes are the sums by lane, the most urgent first; they name no tenant.
	Lanes []Queue `json:"lanes"`
	// Queues are the rows behind the sums, the deepest first. Those without
	// jobs are left out.
	Queues []Queue `json:"queues"`
	// Truncated is true when there are more rows.
	Truncated bool `json:"truncated"`
	// Slots and Workers are those of the fleet; nil unless the key is an
	// operator's.
	Slots   *int `json:"slots,omitempty"`
	Workers *int `json:"workers,omitempty"`
}

// Queue counts the jobs of a lane, or of a tenant in it.
type Queue struct {
	Lane   string `json:"lane"`
	Tenant string `json:"tenant,omitempty"`
	// Queued jobs could start; Parked ones wait for a time or a provider.
	Queued  int `json:"queued"`
	Running int `json:"running"`
	Parked  int `json:"parked"`
	// OldestSeconds is how long the next job has waited; 0 with none queued.
	OldestSeconds float64 `json:"oldest_s"`
	// ServiceMS is the recent mean of the milliseconds that a job holds its
	// slot; 0 for sums, and until a job of the row has ended.
	ServiceMS int64 `json:"service_ms,omitempty"`
	// Paused is whether the tenant is paused.
	Paused bool `json:"paused,omitempty"`
}

// Lanes reads how deep the lanes are and how long their jobs take.
func (c *Client) Lanes(ctx context.Context, q LaneQuery) (LaneList, error) {
	r := call{method: http.MethodGet, path: "/v1/lanes", query: url.Values{}}
	if q.Tenant != "" {
		r.query.Set("tenant", q.Tenant)
	}
	if q.Limit != 0 {
		r.query.Set("limit", strconv.Itoa(q.Limit))
	}
	list, _, err := read[LaneList](ctx, c, r)
	for _, row := range list.Queues {
		if err == nil && jobs.ID(row.Tenant).Validate() != nil {
			err = c.badAnswer(r, "a row has no tenant")
		}
	}
	if err != nil {
		return LaneList{}, fmt.Errorf("list lanes: %w", err)
	}
	return list, nil
}
