package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/pkg/tiers"
)

// Gates keeps operators' words on the gates of providers' routes.
type Gates interface {
	// Force keeps a word in place of an earlier one on the same gate. The
	// error wraps [jobs.ErrInvalid] for one that cannot be meant.
	Force(ctx context.Context, o tiers.Override) error
	// Release takes the word on a gate back; it is no error when there is
	// none.
	Release(ctx context.Context, gate string) error
	// Forced lists the words that have not ended.
	Forced(ctx context.Context) ([]tiers.Override, error)
}

// gateRoutes registers what operators do to gates.
func (s *Server) gateRoutes(api huma.API) {
	if s.deps.Gates == nil {
		return
	}
	const path = "/v1/admin/gates"
	add(api, s, route{
		method: http.MethodGet, path: path, id: "list-gates", summary: "List the gates that operators hold open or closed", detail: forOperators,
		status: http.StatusOK,
	}, operators(s.listGates))
	add(api, s, route{
		method: http.MethodPost, path: path, id: "force-gate", summary: "Hold the gate of a route or provider open or closed for a while",
		detail: forOperators + " It stands above what the provider says, and every process follows it within a second.",
		status: http.StatusOK, body: forceBody(),
	}, operators(s.forceGate))
	add(api, s, route{
		method: http.MethodPost, path: path + "/release", id: "release-gate", summary: "Let a gate follow the provider again", detail: forOperators,
		status: http.StatusNoContent, body: jsonBody(closed(map[string]*huma.Schema{"gate": gateSchema()}, "gate"), true),
	}, operators(s.releaseGate))
}

func gateSchema() *huma.Schema { return text(`A route, as "provider/model", or a provider`) }

func forceBody() *huma.RequestBody {
	return jsonBody(closed(map[string]*huma.Schema{
		"gate":   gateSchema(),
		"closed": {Type: huma.TypeBoolean, Description: "true keeps all calls away, false lets them through whatever closed the gate"},
		"until":  {Type: huma.TypeString, Format: "date-time", Description: "When it ends; at most 7 days ahead"},
		"for":    text(`How long it lasts, such as "30m", instead of until`),
		"reason": text("Why, for other operators; at most 512 bytes"),
	}, "gate", "closed", "reason"), true)
}

// GateView is an operator's word on a gate.
type GateView struct {
	Gate   string    `json:"gate"`
	Object string    `json:"object" doc:"Always gate"`
	Closed bool      `json:"closed"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// GateList is all that operators said about gates.
type GateList struct {
	Data []GateView `json:"data"`
}

func viewGate(o tiers.Override) GateView {
	return GateView{Gate: o.Name, Object: "gate", Closed: o.Closed, Until: o.Until, Reason: o.Reason, By: o.Actor, At: o.At}
}

// listGates is GET /v1/admin/gates.
func (s *Server) listGates(ctx context.Context, c *call) (*reply[GateList], error) {
	if p := refuseQuery(c.r); p != nil {
		return nil, p
	}
	all, err := s.deps.Gates.Forced(ctx)
	if err != nil {
		return nil, err
	}
	list := GateList{Data: []GateView{}}
	for _, o := range all {
		list.Data = append(list.Data, viewGate(o))
	}
	return &reply[GateList]{Status: http.StatusOK, Body: list}, nil
}

// forceGate is POST /v1/admin/gates.
func (s *Server) forceGate(ctx context.Context, c *call) (*reply[GateView], error) {
	now := s.deps.Now()
	var span time.Duration
	given := map[string]bool{}
	o := tiers.Override{Actor: c.actor(), At: now}
	p := s.decodeBody(c, func(d *decoder) members {
		return members{
			"gate": d.text(&o.Name), "closed": noted(given, "closed", d.boolean(&o.Closed)),
			"until": d.until(&o.Until, &span, now), "for": d.pauseFor(&span, &o.Until), "reason": d.text(&o.Reason),
		}
	})
	switch {
	case p != nil:
		return nil, p
	case !given["closed"]:
		return nil, problem(CodeInvalidRequest, "Say whether the gate is held open or closed.").at("/closed", "is missing")
	case span > 0:
		o.Until = now.Add(span)
	}
	o.Until = o.Until.UTC().Truncate(time.Millisecond)
	if err := o.Validate(now); err != nil {
		return nil, problem(CodeInvalidRequest, "Name a gate, a reason, and an end at most 7 days ahead.")
	}
	if err := s.deps.Gates.Force(ctx, o); err != nil {
		return nil, err
	}
	return &reply[GateView]{Status: http.StatusOK, Body: viewGate(o)}, nil
}

// releaseGate is POST /v1/admin/gates/release.
func (s *Server) releaseGate(ctx context.Context, c *call) (*reply[struct{}], error) {
	var gate string
	p := s.decodeBody(c, func(d *decoder) members { return members{"gate": d.text(&gate)} })
	switch {
	case p != nil:
		return nil, p
	case gate == "":
		return nil, problem(CodeInvalidRequest, "The body must name the gate.").at("/gate", "is missing")
	}
	if err := s.deps.Gates.Release(ctx, gate); err != nil {
		return nil, err
	}
	return &reply[struct{}]{Status: http.StatusNoContent}, nil
}
