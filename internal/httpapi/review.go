package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// Bounds of a claim.
const (
	usualClaim = 15 * time.Minute
	minClaim   = time.Minute
	maxClaim   = 24 * time.Hour
)

// reviewRoutes registers what people do to jobs in review, and what operators
// do to waiting and ended ones.
func (s *Server) reviewRoutes(api huma.API) {
	id := []*huma.Param{idParam()}
	add(api, s, route{
		method: http.MethodPost, path: "/v1/jobs/{id}/claim", id: "claim-job", summary: "Take a job in review, or hold it for longer",
		detail: "While it is held, nobody else claims, completes, rejects or sends it back. Claiming again sets a new end.",
		status: http.StatusOK, params: id,
		body: commandBody(map[string]*huma.Schema{"for": text("How long, from 1m to 24h; 15m without")}),
	}, s.claim)
	add(api, s, route{
		method: http.MethodPost, path: "/v1/jobs/{id}/draft", id: "draft-job", summary: "Save unfinished work on a claimed job",
		detail: "It stays when the claim ends, for whoever is next.", status: http.StatusOK, params: id,
		body: commandBody(map[string]*huma.Schema{"draft": {Description: "Any JSON"}}, "draft"),
	}, s.draft)
	add(api, s, route{
		method: http.MethodPost, path: "/v1/jobs/{id}/unclaim", id: "unclaim-job", summary: "Give a claimed job back",
		status: http.StatusOK, params: id, body: commandBody(nil),
	}, s.unclaim)
	add(api, s, route{
		method: http.MethodPost, path: "/v1/jobs/{id}/send-back", id: "send-back-job", summary: "Return a job in review to the machines",
		status: http.StatusAccepted, params: id,
		body: commandBody(map[string]*huma.Schema{"lane": laneSchema(), "deadline": deadlineSchema()}),
	}, s.sendBack)
	add(api, s, route{
		method: http.MethodPost, path: "/v1/jobs/{id}/move", id: "move-job", summary: "Move a waiting job to another lane",
		status: http.StatusOK, params: id, body: commandBody(map[string]*huma.Schema{"lane": laneSchema()}, "lane"),
	}, s.move)
	add(api, s, route{
		method: http.MethodDelete, path: "/v1/jobs/{id}", id: "erase-job", summary: "Erase an ended job's document and result",
		detail: "History and attempts are left. Erasing again changes nothing.", status: http.StatusNoContent, params: id,
	}, s.erase)
}

// claim is POST /v1/jobs/{id}/claim.
func (s *Server) claim(ctx context.Context, c *call) (*reply[Job], error) {
	span := usualClaim
	o, p := s.order(c, func(d *decoder) members { return members{"for": d.span(&span, "15m", minClaim, maxClaim)} })
	if p != nil {
		return nil, p
	}
	return s.commanded(ctx, c, o, jobs.Command{Kind: jobs.Claim, Until: s.deps.Now().Add(span)}, http.StatusOK)
}

// draft is POST /v1/jobs/{id}/draft.
func (s *Server) draft(ctx context.Context, c *call) (*reply[Job], error) {
	var draft json.RawMessage
	o, p := s.order(c, func(*decoder) members {
		return members{"draft": func(v strictjson.Value, _ string) { draft = append(draft, v.Raw()...) }}
	})
	switch {
	case p != nil:
		return nil, p
	case draft == nil:
		return nil, problem(CodeInvalidRequest, "The body must hold the unfinished work as draft.").at("/draft", "is missing")
	}
	return s.commanded(ctx, c, o, jobs.Command{Kind: jobs.Draft, Draft: draft}, http.StatusOK)
}

// unclaim is POST /v1/jobs/{id}/unclaim.
func (s *Server) unclaim(ctx context.Context, c *call) (*reply[Job], error) {
	o, p := s.order(c, nil)
	if p != nil {
		return nil, p
	}
	return s.commanded(ctx, c, o, jobs.Command{Kind: jobs.Unclaim}, http.StatusOK)
}

// sendBack is POST /v1/jobs/{id}/send-back.
func (s *Server) sendBack(ctx context.Context, c *call) (*reply[Job], error) {
	o, cmd, p := s.rerun(c)
	if p != nil {
		return nil, p
	}
	cmd.Kind = jobs.SendBack
	return s.commanded(ctx, c, o, cmd, http.StatusAccepted)
}

// move is POST /v1/jobs/{id}/move.
func (s *Server) move(ctx context.Context, c *call) (*reply[Job], error) {
	var lane *jobs.Lane
	o, p := s.order(c, func(d *decoder) members { return members{"lane": d.lane(&lane)} })
	switch {
	case p != nil:
		return nil, p
	case lane == nil:
		return nil, problem(CodeInvalidRequest, "The body must name the lane.").at("/lane", "is missing")
	case !c.mayUse(*lane):
		return nil, laneNotAllowed(c.Tenant)
	}
	return s.commanded(ctx, c, o, jobs.Command{Kind: jobs.Move, Lane: lane}, http.StatusOK)
}

// erase is DELETE /v1/jobs/{id}.
func (s *Server) erase(ctx context.Context, c *call) (*reply[struct{}], error) {
	if p := refuseQuery(c.r); p != nil {
		return nil, p
	}
	if _, err := s.apply(ctx, c, order{}, jobs.Command{Kind: jobs.Erase}); err != nil {
		return nil, err
	}
	return &reply[struct{}]{Status: http.StatusNoContent}, nil
}
