package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// jobCursor begins the cursors of lists of jobs.
const jobCursor = "j1:"

// JobList is a page of jobs, the newest first. Listed jobs carry no results.
type JobList struct {
	Data       []Job  `json:"data"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Ask for the next page with ?cursor="`
	HasMore    bool   `json:"has_more"`
	// Partial is true when the engine gave the page up before it was full: it
	// keeps no index for the filter, and had looked at as many jobs as it may.
	Partial bool `json:"partial,omitempty" doc:"The filter needs a search, which stopped early. Go on with next_cursor."`
}

// listParameters are the filters of lists.
func listParameters() []string {
	return []string{
		"state", "tenant", "lane", "schema", "tier", "class", "provider", labelPrefix,
		"accepted_after", "accepted_before", "updated_after", "updated_before", "batch", "reason", "limit", "cursor",
	}
}

// listJobs is GET /v1/jobs.
func (s *Server) listJobs(ctx context.Context, c *call) (*reply[JobList], error) {
	return s.list(ctx, c, nil, jobs.States())
}

// listDead is GET /v1/dlq: dead letters, and on request what is in review.
func (s *Server) listDead(ctx context.Context, c *call) (*reply[JobList], error) {
	return s.list(ctx, c, usualDead(), deadStates())
}

// list answers a page of jobs in the usual states, or in those of the allowed
// ones that the request names.
func (s *Server) list(ctx context.Context, c *call, usual, allowed []jobs.State) (*reply[JobList], error) {
	q, p := readQuery(c.r, listParameters()...)
	if p != nil {
		return nil, p
	}
	f, p := readFilter(q, c.caller, allowed)
	if p != nil {
		return nil, p
	}
	if f.States == nil {
		f.States = usual
	}
	limit, before, p := readPage(q, jobCursor)
	if p != nil {
		return nil, p
	}
	// One more says whether there is a next page.
	found, err := s.deps.Engine.List(ctx, f, jobs.Page{Limit: limit + 1, Before: jobs.ID(before)})
	partial, gaveUp := errors.AsType[*jobs.PartialError](err)
	if err != nil && !gaveUp {
		return nil, err
	}
	out := JobList{Data: []Job{}, HasMore: len(found) > limit || gaveUp, Partial: gaveUp}
	if gaveUp {
		out.NextCursor = cursor(jobCursor, string(partial.Next))
	}
	if len(found) > limit {
		found = found[:limit]
		out.NextCursor = cursor(jobCursor, string(found[limit-1].ID))
	}
	for _, j := range found {
		out.Data = append(out.Data, s.view(j))
	}
	return &reply[JobList]{Status: http.StatusOK, Body: out}, nil
}

// readFilter reads the filters, within the caller's scope.
func readFilter(q url.Values, c caller, allowed []jobs.State) (f jobs.Filter, p *Problem) {
	if f.Tenant, p = tenantParameter(q, c); p != nil {
		return f, p
	}
	f.States, p = words(q, "state", "must be states out of "+stateNames(allowed), func(s string) (jobs.State, error) {
		if !slices.Contains(allowed, jobs.State(s)) {
			return "", jobs.ErrInvalid
		}
		return jobs.State(s), nil
	})
	if p != nil {
		return f, p
	}
	if f.Lanes, p = words(q, "lane", "must be critical, interactive, standard or batch", jobs.ParseLane); p != nil {
		return f, p
	}
	if f.Classes, p = words(q, "class", "must be error classes", parseClass); p != nil {
		return f, p
	}
	f.Schema, f.Provider = q.Get("schema"), q.Get("provider")
	if q.Has("tier") {
		tier, err := strconv.Atoi(q.Get("tier"))
		if err != nil || tier < 1 || tier > 4 {
			return f, badParameter("tier", "must be 1 to 4")
		}
		f.Tier = tier
	}
	if p = readTimes(q, &f); p != nil {
		return f, p
	}
	if f.Reasons, p = words(q, "reason", "must be reasons", parseWord); p != nil {
		return f, p
	}
	if f.Batch = jobs.ID(q.Get("batch")); q.Has("batch") && f.Batch.Validate() != nil {
		return f, badParameter("batch", "must be the id of a batch")
	}
	f.Labels, p = labelParameters(q)
	return f, p
}

// readTimes reads when jobs were accepted or last changed.
func readTimes(q url.Values, f *jobs.Filter) (p *Problem) {
	for _, bound := range []struct {
		name string
		into *time.Time
	}{
		{"accepted_after", &f.AcceptedFrom}, {"accepted_before", &f.AcceptedUntil},
		{"updated_after", &f.UpdatedFrom}, {"updated_before", &f.UpdatedUntil},
	} {
		if *bound.into, p = moment(q, bound.name); p != nil {
			return p
		}
	}
	return nil
}

// tenantParameter is the tenant to list: the caller's own, or for operators
// any.
func tenantParameter(q url.Values, c caller) (string, *Problem) {
	name := q.Get("tenant")
	switch {
	case !q.Has("tenant"):
		return c.scope(), nil
	case jobs.ID(name).Validate() != nil:
		return "", badParameter("tenant", "must be the name of a tenant")
	case !c.Operator && name != c.Name:
		return "", problem(CodeOperatorOnly, "Your key sees its own tenant only.").at("tenant", "is not yours")
	default:
		return name, nil
	}
}

func labelParameters(q url.Values) (map[string]string, *Problem) {
	var labels map[string]string
	for name, values := range q {
		label, ok := strings.CutPrefix(name, labelPrefix)
		if !ok {
			continue
		}
		if jobs.ID(label).Validate() != nil || len(labels) == jobs.MaxLabels {
			return nil, badParameter(labelPrefix+"*", "a label's name is malformed, or there are too many labels")
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[label] = values[0]
	}
	return labels, nil
}

func stateNames(states []jobs.State) string {
	names := make([]string, len(states))
	for i, st := range states {
		names[i] = string(st)
	}
	return strings.Join(names, ", ")
}
