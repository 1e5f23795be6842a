package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Archive answers what operators ask about many jobs; see [jobs.Archive].
type Archive interface {
	Count(ctx context.Context, f jobs.Filter) (int64, error)
	Groups(ctx context.Context, f jobs.Filter) ([]jobs.Group, error)
}

// archiveRoutes registers counts and groups.
func (s *Server) archiveRoutes(api huma.API) {
	if s.deps.Archive == nil {
		return
	}
	params := slices.DeleteFunc(filterParams(deadStates()), func(p *huma.Param) bool { return p.Name == "limit" || p.Name == "cursor" })
	add(api, s, route{
		method: http.MethodGet, path: "/v1/dlq/groups", id: "group-dead-letters", summary: "Group dead letters by why they ended",
		detail: "Largest first. With state=in_review also, or only, what waits for a person.", status: http.StatusOK, params: params,
	}, s.groups)
	add(api, s, route{
		method: http.MethodGet, path: "/v1/dlq/count", id: "count-dead-letters", summary: "Count dead letters",
		status: http.StatusOK, params: params,
	}, s.count)
}

// usualDead are the states of dead letters, and deadStates those that their
// routes can be asked about.
func usualDead() []jobs.State { return []jobs.State{jobs.Failed, jobs.Expired} }

func deadStates() []jobs.State { return []jobs.State{jobs.Failed, jobs.Expired, jobs.InReview} }

// GroupView is a set of jobs that ended, or wait for a person, for the same
// reason.
type GroupView struct {
	Fingerprint string     `json:"fingerprint" doc:"Names the group, today and tomorrow"`
	State       jobs.State `json:"state" enum:"failed,expired,in_review"`
	Class       jobs.Class `json:"class" doc:"Class of the failure, or reason of the review"`
	Provider    string     `json:"provider,omitempty"`
	Tier        int        `json:"tier,omitempty"`
	Schema      string     `json:"schema,omitempty"`
	Count       int64      `json:"count"`
	FirstAt     time.Time  `json:"first_at"`
	LastAt      time.Time  `json:"last_at"`
	Sample      jobs.ID    `json:"sample" doc:"The job that came last"`
}

// GroupList is all groups, the largest first.
type GroupList struct {
	Data      []GroupView `json:"data"`
	Truncated bool        `json:"truncated" doc:"Whether there are more groups than one answer has"`
}

// groups is GET /v1/dlq/groups.
func (s *Server) groups(ctx context.Context, c *call) (*reply[GroupList], error) {
	f, p := deadFilter(c)
	if p != nil {
		return nil, p
	}
	found, err := s.deps.Archive.Groups(ctx, f)
	if err != nil {
		return nil, err
	}
	out := GroupList{Data: make([]GroupView, 0, len(found)), Truncated: len(found) >= jobs.MaxGroups}
	for _, g := range found {
		out.Data = append(out.Data, GroupView(g))
	}
	return &reply[GroupList]{Status: http.StatusOK, Body: out}, nil
}

// DeadCount is how many jobs a filter selects.
type DeadCount struct {
	Count int64 `json:"count"`
}

// count is GET /v1/dlq/count.
func (s *Server) count(ctx context.Context, c *call) (*reply[DeadCount], error) {
	f, p := deadFilter(c)
	if p != nil {
		return nil, p
	}
	n, err := s.deps.Archive.Count(ctx, f)
	if err != nil {
		return nil, err
	}
	return &reply[DeadCount]{Status: http.StatusOK, Body: DeadCount{n}}, nil
}

// deadFilter reads the filter of GET /v1/dlq.
func deadFilter(c *call) (jobs.Filter, *Problem) {
	known := slices.DeleteFunc(listParameters(), func(name string) bool { return name == "limit" || name == "cursor" })
	q, p := readQuery(c.r, known...)
	if p != nil {
		return jobs.Filter{}, p
	}
	f, p := readFilter(q, c.caller, deadStates())
	if p == nil && f.States == nil {
		f.States = usualDead()
	}
	return f, p
}
