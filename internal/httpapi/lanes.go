package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// laneRoutes registers what the queues hold now.
func (s *Server) laneRoutes(api huma.API) {
	add(api, s, route{
		method: http.MethodGet, path: "/v1/lanes", id: "list-lanes", summary: "Read how deep the lanes are and how long jobs take",
		detail: "Sums by lane and rows by lane and tenant, the deepest first; of one's own tenant, and of all for operators.",
		status: http.StatusOK, params: []*huma.Param{
			query("tenant", "A tenant; others than one's own for operators", &huma.Schema{Type: huma.TypeString}),
			query("limit", "Rows by tenant", integer(1, maxListed)),
		},
	}, s.lanes)
}

// LaneList is what the queues hold at a moment.
type LaneList struct {
	AsOf  time.Time   `json:"as_of"`
	Lanes []QueueView `json:"lanes" doc:"Sums by lane, all four, the most urgent first"`
	// Queues are the rows behind the sums.
	Queues    []QueueView `json:"queues" doc:"By lane and tenant, the deepest first; those without jobs are left out"`
	Truncated bool        `json:"truncated" doc:"Whether there are more rows"`
	Slots     *int        `json:"slots,omitempty" doc:"Slots of the workers; for operators"`
	Workers   *int        `json:"workers,omitempty" doc:"For operators"`
}

// QueueView counts the jobs of a lane, or of a tenant in it.
type QueueView struct {
	Lane    string `json:"lane" enum:"critical,interactive,standard,batch"`
	Tenant  string `json:"tenant,omitempty"`
	Queued  int    `json:"queued" doc:"Jobs that could start"`
	Running int    `json:"running"`
	Parked  int    `json:"parked" doc:"Jobs that wait for a time or a provider"`
	// OldestSeconds is the age of the head of the queue.
	OldestSeconds float64 `json:"oldest_s" doc:"How long the next job has waited; 0 with none queued"`
	ServiceMS     int64   `json:"service_ms,omitempty" doc:"Recent mean of the time that a job holds its slot; by tenant, once one has ended"`
	Paused        bool    `json:"paused,omitempty" doc:"Whether the tenant is paused"`
}

func viewQueue(q jobs.QueueStats, at time.Time) QueueView {
	v := QueueView{
		Lane: q.Lane.String(), Tenant: q.Tenant, Queued: q.Queued, Running: q.Running, Parked: q.Parked, ServiceMS: q.Service.Milliseconds(),
	}
	if !q.OldestAt.IsZero() {
		v.OldestSeconds = seconds(max(0, at.Sub(q.OldestAt).Seconds()))
	}
	return v
}

// lanes is GET /v1/lanes.
func (s *Server) lanes(ctx context.Context, c *call) (*reply[LaneList], error) {
	q, p := readQuery(c.r, "tenant", "limit")
	if p != nil {
		return nil, p
	}
	tenant, p := tenantParameter(q, c.caller)
	if p != nil {
		return nil, p
	}
	limit, p := limitParameter(q, jobs.DefaultPage, maxListed)
	if p != nil {
		return nil, p
	}
	stats, err := s.deps.Engine.Stats(ctx)
	if err != nil {
		return nil, err
	}
	if tenant != "" {
		// The engine's rows may be shared.
		stats.Queues = slices.DeleteFunc(slices.Clone(stats.Queues), func(q jobs.QueueStats) bool { return q.Tenant != tenant })
	}
	out := LaneList{AsOf: stats.At, Queues: s.viewQueues(stats, limit), Truncated: len(stats.Queues) > limit}
	for _, l := range jobs.Lanes() {
		out.Lanes = append(out.Lanes, viewQueue(stats.Lane(l), stats.At))
	}
	if c.Operator {
		out.Slots, out.Workers = &stats.Slots, &stats.Workers
	}
	return &reply[LaneList]{Status: http.StatusOK, Body: out}, nil
}

// viewQueues shows the deepest queues, at most limit of them.
func (s *Server) viewQueues(stats jobs.Stats, limit int) []QueueView {
	rows := slices.Clone(stats.Queues)
	slices.SortStableFunc(rows, func(a, b jobs.QueueStats) int {
		return cmp.Compare(b.Queued+b.Parked+b.Running, a.Queued+a.Parked+a.Running)
	})
	views := make([]QueueView, 0, min(len(rows), limit))
	for _, row := range rows[:min(len(rows), limit)] {
		v := viewQueue(row, stats.At)
		v.Paused = s.pauseOf(row.Tenant) != nil
		views = append(views, v)
	}
	return views
}
