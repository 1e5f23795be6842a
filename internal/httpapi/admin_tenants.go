package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// tenantRoutes registers what operators do to tenants.
func (s *Server) tenantRoutes(api huma.API) {
	if s.deps.Tenants == nil {
		return
	}
	const one = "/v1/admin/tenants/{tenant}"
	name := []*huma.Param{tenantParam()}
	add(api, s, route{
		method: http.MethodGet, path: "/v1/admin/tenants", id: "list-tenants", summary: "List tenants by name", detail: forOperators,
		status: http.StatusOK, params: pageParams("Tenants"),
	}, operators(s.listTenants))
	add(api, s, route{
		method: http.MethodPost, path: "/v1/admin/tenants", id: "create-tenant", summary: "Make a tenant", detail: forOperators,
		status: http.StatusCreated, body: tenantBody("name"),
	}, operators(s.createTenant))
	add(api, s, route{
		method: http.MethodGet, path: one, id: "get-tenant", summary: "Read a tenant", detail: forOperators,
		status: http.StatusOK, params: name,
	}, operators(s.getTenant))
	add(api, s, route{
		method: http.MethodPatch, path: one, id: "edit-tenant", summary: "Change a tenant's limits",
		detail: forOperators + " What is not given stays. The change acts at once, and in other processes within a second.",
		status: http.StatusOK, params: name, body: tenantBody("version"),
	}, operators(s.editTenant))
	add(api, s, route{
		method: http.MethodDelete, path: one, id: "delete-tenant", summary: "Remove a tenant that is not in the configuration",
		detail: forOperators + " Its jobs stay, without limits.", status: http.StatusNoContent, params: name,
	}, operators(s.deleteTenant))
	add(api, s, route{
		method: http.MethodPost, path: one + "/pause", id: "pause-tenant", summary: "Keep a tenant's jobs from starting",
		detail: forOperators + " What runs goes on, and new jobs are accepted unless refuse_intake is true.",
		status: http.StatusOK, params: name, body: pauseBody(),
	}, operators(s.pauseTenant))
	add(api, s, route{
		method: http.MethodPost, path: one + "/resume", id: "resume-tenant", summary: "End a pause", detail: forOperators,
		status: http.StatusOK, params: name, body: versionBody(),
	}, operators(s.turnTenant(s.deps.Tenants.Resume)))
	add(api, s, route{
		method: http.MethodPost, path: one + "/reset", id: "reset-tenant", summary: "Give a tenant the limits of the configuration again",
		detail: forOperators, status: http.StatusOK, params: name, body: versionBody(),
	}, operators(s.turnTenant(s.deps.Tenants.Reset)))
}

const forOperators = "For operators' keys."

// operators lets only operators in.
func operators[B any](handle func(context.Context, *call) (*reply[B], error)) func(context.Context, *call) (*reply[B], error) {
	return func(ctx context.Context, c *call) (*reply[B], error) {
		if !c.Operator {
			return nil, problem(CodeOperatorOnly, "Only operators' keys may do this.")
		}
		return handle(ctx, c)
	}
}

// TenantView is a tenant as the API shows it.
type TenantView struct {
	Name    string `json:"name"`
	Object  string `json:"object" doc:"Always tenant"`
	Version int64  `json:"version" doc:"Grows with every change; an edit may name the one it means"`

	Weight            int      `json:"weight" doc:"Share inside a lane, 1 to 1000"`
	MaxRunning        int      `json:"max_running" doc:"Most jobs that run at once; 0 is no limit"`
	MaxQueued         int      `json:"max_queued" doc:"Most jobs that wait; 0 is no limit"`
	Lanes             []string `json:"lanes" enum:"critical,interactive,standard,batch" doc:"Lanes the tenant may use; none means all"`
	RequestsPerSecond float64  `json:"requests_per_second" doc:"Submissions a second; 0 is no limit"`
	RequestsBurst     int      `json:"requests_burst" doc:"Submissions at once; 0 is one second's worth"`
	BytesPerSecond    int64    `json:"bytes_per_second" doc:"Bytes of documents a second; 0 is no limit"`
	BytesBurst        int64    `json:"bytes_burst" doc:"Bytes at once; 0 is one second's worth"`
	CostPerDay        USD      `json:"cost_usd_per_day" doc:"What model calls may cost in a day (UTC); 0 is no limit"`
	// SpentToday is left out of lists.
	SpentToday *USD `json:"spent_usd_today,omitempty" doc:"What model calls have cost today, up to a second late"`

	Pause *TenantPause `json:"pause,omitempty" doc:"There while the tenant is paused"`
	// Edited limits are no longer those of the configuration.
	Edited    bool      `json:"edited" doc:"Whether the limits were set at run time, and the configuration no longer decides them"`
	UpdatedBy string    `json:"updated_by,omitempty"`
	UpdatedAt time.Time `json:"updated_at"`
}

// TenantPause says why and how long a tenant is paused.
type TenantPause struct {
	Reason       string    `json:"reason,omitempty"`
	Until        time.Time `json:"until,omitzero" doc:"When the pause ends by itself"`
	RefuseIntake bool      `json:"refuse_intake"`
	By           string    `json:"by,omitempty"`
	At           time.Time `json:"at"`
}

// TenantList is a page of tenants by name.
type TenantList struct {
	Data       []TenantView `json:"data"`
	NextCursor string       `json:"next_cursor,omitempty" doc:"Ask for the next page with ?cursor="`
	HasMore    bool         `json:"has_more"`
}

func viewTenant(t tenants.Tenant) TenantView {
	v := TenantView{
		Name: t.Name, Object: "tenant", Version: t.Version, Weight: t.Weight, MaxRunning: t.MaxRunning, MaxQueued: t.MaxQueued,
		Lanes: laneNames(t.Lanes), RequestsPerSecond: t.RequestsPerSecond, RequestsBurst: t.RequestsBurst,
		BytesPerSecond: t.BytesPerSecond, BytesBurst: t.BytesBurst, CostPerDay: USD(t.MicroUSDPerDay),
		Edited: t.Edited, UpdatedBy: t.UpdatedBy, UpdatedAt: t.UpdatedAt,
	}
	if p := t.Pause; p != nil {
		v.Pause = &TenantPause{Reason: p.Reason, Until: p.Until, RefuseIntake: p.RefuseIntake, By: p.By, At: p.At}
	}
	return v
}

// laneNames names lanes. A list of lanes themselves would be described as bytes.
func laneNames(lanes []jobs.Lane) []string {
	names := make([]string, len(lanes))
	for i, l := range lanes {
		names[i] = l.String()
	}
	return names
}

// tenantReply shows a tenant with what it has spent.
func (s *Server) tenantReply(ctx context.Context, t tenants.Tenant, status int) *reply[TenantView] {
	v := viewTenant(t)
	if micro, known := s.deps.Tenants.Spent(ctx, t.Name); known {
		spent := USD(micro)
		v.SpentToday = &spent
	}
	return &reply[TenantView]{Status: status, Body: v}
}

const tenantCursor = "t1:"

// listTenants is GET /v1/admin/tenants.
func (s *Server) listTenants(ctx context.Context, c *call) (*reply[TenantList], error) {
	q, p := readQuery(c.r, "limit", "cursor")
	if p != nil {
		return nil, p
	}
	limit, after, p := readPage(q, tenantCursor)
	if p != nil {
		return nil, p
	}
	found, err := s.deps.Tenants.List(ctx, after, limit+1)
	if err != nil {
		return nil, err
	}
	out := TenantList{Data: []TenantView{}, HasMore: len(found) > limit}
	found = found[:min(len(found), limit)]
	for _, t := range found {
		out.Data = append(out.Data, viewTenant(t))
	}
	if out.HasMore {
		out.NextCursor = cursor(tenantCursor, found[limit-1].Name)
	}
	return &reply[TenantList]{Status: http.StatusOK, Body: out}, nil
}

// createTenant is POST /v1/admin/tenants.
func (s *Server) createTenant(ctx context.Context, c *call) (*reply[TenantView], error) {
	var name string
	var l tenants.Limits
	p := s.decodeBody(c, func(d *decoder) members {
		known := limitMembers(d, &l)
		known["name"] = d.id(&name)
		return known
	})
	switch {
	case p != nil:
		return nil, p
	case name == "":
		return nil, problem(CodeInvalidRequest, "The body must hold the tenant's name.").at("/name", "is missing")
	}
	t, err := s.deps.Tenants.Create(ctx, name, l, c.actor())
	if err != nil {
		return nil, tenantProblem(err)
	}
	c.w.Header().Set("Location", "/v1/admin/tenants/"+t.Name)
	return s.tenantReply(ctx, t, http.StatusCreated), nil
}

// tenantName is the tenant in the path of a call without a query.
func tenantName(c *call) (string, *Problem) {
	name := c.r.PathValue("tenant")
	if jobs.ID(name).Validate() != nil {
		return "", noTenant()
	}
	return name, refuseQuery(c.r)
}

func noTenant() *Problem { return problem(CodeTenantNotFound, "No tenant has this name.") }

// getTenant is GET /v1/admin/tenants/{tenant}.
func (s *Server) getTenant(ctx context.Context, c *call) (*reply[TenantView], error) {
	name, p := tenantName(c)
	if p != nil {
		return nil, p
	}
	t, err := s.deps.Tenants.Get(ctx, name)
	if err != nil {
		return nil, tenantProblem(err)
	}
	return s.tenantReply(ctx, t, http.StatusOK), nil
}

// editTenant is PATCH /v1/admin/tenants/{tenant}.
func (s *Server) editTenant(ctx context.Context, c *call) (*reply[TenantView], error) {
	var version int64
	var edits []func(*tenants.Limits)
	return s.onTenant(ctx, c, func(d *decoder) members {
		known := limitEdits(d, &edits)
		known["version"] = d.version(&version)
		return known
	}, func(name string) (tenants.Tenant, error) {
		return s.deps.Tenants.Edit(ctx, name, version, c.actor(), func(l *tenants.Limits) {
			for _, edit := range edits {
				edit(l)
			}
		})
	})
}

// pauseTenant is POST /v1/admin/tenants/{tenant}/pause.
func (s *Server) pauseTenant(ctx context.Context, c *call) (*reply[TenantView], error) {
	var version int64
	var span time.Duration
	pause := tenants.Pause{By: c.actor()}
	return s.onTenant(ctx, c, func(d *decoder) members {
		return members{
			"version": d.version(&version), "reason": d.text(&pause.Reason),
			"until": d.until(&pause.Until, &span, s.deps.Now()), "for": d.pauseFor(&span, &pause.Until),
			"refuse_intake": d.boolean(&pause.RefuseIntake),
		}
	}, func(name string) (tenants.Tenant, error) {
		if span > 0 {
			pause.Until = s.deps.Now().Add(span)
		}
		return s.deps.Tenants.Pause(ctx, name, version, pause)
	})
}

// turnTenant is POST /v1/admin/tenants/{tenant}/resume and the like.
func (s *Server) turnTenant(
	do func(ctx context.Context, name string, version int64, by string) (tenants.Tenant, error),
) func(context.Context, *call) (*reply[TenantView], error) {
	return func(ctx context.Context, c *call) (*reply[TenantView], error) {
		var version int64
		return s.onTenant(ctx, c, func(d *decoder) members { return members{"version": d.version(&version)} },
			func(name string) (tenants.Tenant, error) { return do(ctx, name, version, c.actor()) })
	}
}

// deleteTenant is DELETE /v1/admin/tenants/{tenant}.
func (s *Server) deleteTenant(ctx context.Context, c *call) (*reply[struct{}], error) {
	name, p := tenantName(c)
	if p != nil {
		return nil, p
	}
	if err := s.deps.Tenants.Delete(ctx, name, 0); err != nil {
		return nil, tenantProblem(err)
	}
	return &reply[struct{}]{Status: http.StatusNoContent}, nil
}

// onTenant reads a body and does something to the tenant in the path.
func (s *Server) onTenant(
	ctx context.Context, c *call, shape func(*decoder) members, do func(name string) (tenants.Tenant, error),
) (*reply[TenantView], error) {
	name, p := tenantName(c)
	if p == nil {
		p = s.decodeBody(c, shape)
	}
	if p != nil {
		return nil, p
	}
	t, err := do(name)
	if err != nil {
		return nil, tenantProblem(err)
	}
	return s.tenantReply(ctx, t, http.StatusOK), nil
}

// tenantProblem turns what a change of a tenant met into a problem; another
// error stays.
func tenantProblem(err error) error {
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		return noTenant()
	case errors.Is(err, tenants.ErrConfigured):
		return problem(CodeTenantConflict, "The configuration names the tenant and would bring it back; take it out there first.")
	case errors.Is(err, tenants.ErrNotConfigured):
		return problem(CodeTenantConflict, "The configuration does not name the tenant, so there is nothing to go back to.")
	case errors.Is(err, jobs.ErrConflict):
		return problem(CodeTenantConflict, "The tenant has another version, or is there already.")
	default:
		return err
	}
}
