package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// The methods below are for operators' keys; others are [ErrAuth].

// Tenant is a tenant with its limits. Numbers of 0 are no limit.
type Tenant struct {
	Name string `json:"name"`
	// Version grows with every change.
	Version int64 `json:"version"`
	// Weight is the share inside a lane, 1 to 1000.
	Weight int `json:"weight"`
	// MaxRunning jobs run at once, MaxQueued wait at once.
	MaxRunning int `json:"max_running"`
	MaxQueued  int `json:"max_queued"`
	// Lanes are those the tenant may use; none means all.
	Lanes []string `json:"lanes"`
	// RequestsPerSecond bounds submissions, with RequestsBurst at once; 0 of
	// the latter is one second's worth. BytesPerSecond and BytesBurst bound
	// the bytes of documents in the same way.
	RequestsPerSecond float64 `json:"requests_per_second"`
	RequestsBurst     int     `json:"requests_burst"`
	BytesPerSecond    int64   `json:"bytes_per_second"`
	BytesBurst        int64   `json:"bytes_burst"`
	// CostPerDay is what model calls may cost in a day (UTC).
	CostPerDay USD `json:"cost_usd_per_day"`
	// SpentToday is what they have cost; nil in lists and when unknown.
	SpentToday *USD `json:"spent_usd_today,omitempty"`
	// Pause is nil unless the tenant is paused.
	Pause *TenantPause `json:"pause,omitempty"`
	// Edited limits were set at run time; those of the configuration count no
	// more.
	Edited    bool      `json:"edited"`
	UpdatedBy string    `json:"updated_by,omitempty"`
	UpdatedAt time.Time `json:"updated_at"`
}

// TenantPause says why and how long a tenant is paused.
type TenantPause struct {
	Reason string `json:"reason,omitempty"`
	// Until is when the pause ends by itself; zero is never.
	Until time.Time `json:"until,omitzero"`
	// RefuseIntake is true when new jobs are refused, too.
	RefuseIntake bool      `json:"refuse_intake"`
	By           string    `json:"by,omitempty"`
	At           time.Time `json:"at"`
}

// TenantList is a page of tenants by name.
type TenantList struct {
	Data []Tenant `json:"data"`
	// NextCursor asks for the next page; empty on the last.
	NextCursor string `json:"next_cursor,omitempty"`
	HasMore    bool   `json:"has_more"`
}

// TenantLimits are limits to set; nil ones stay as they are, or at their
// default when a tenant is made.
type TenantLimits struct {
	Weight            *int      `json:"weight,omitempty"`
	MaxRunning        *int      `json:"max_running,omitempty"`
	MaxQueued         *int      `json:"max_queued,omitempty"`
	Lanes             *[]string `json:"lanes,omitempty"`
	RequestsPerSecond *float64  `json:"requests_per_second,omitempty"`
	RequestsBurst     *int      `json:"requests_burst,omitempty"`
	BytesPerSecond    *int64    `json:"bytes_per_second,omitempty"`
	BytesBurst        *int64    `json:"bytes_burst,omitempty"`
	CostPerDay        *USD      `json:"cost_usd_per_day,omitempty"`
}

// PauseOptions go with [Client.PauseTenant]. The zero value pauses until
// somebody resumes, and lets new jobs in.
type PauseOptions struct {
	// Reason is for people, at most 512 bytes.
	Reason string
	// For and Until end the pause by itself; at most one is set.
	For   time.Duration
	Until time.Time
	// RefuseIntake refuses new jobs, too.
	RefuseIntake bool
	// Version makes it fail with [ErrConflict] unless the tenant has it; 0
	// means any.
	Version int64
}

// Tenants lists tenants by name.
func (c *Client) Tenants(ctx context.Context, p Page) (TenantList, error) {
	r := call{method: http.MethodGet, path: tenantRoot, query: url.Values{}}
	p.into(r.query)
	list, _, err := read[TenantList](ctx, c, r)
	for _, t := range list.Data {
		if err == nil && jobs.ID(t.Name).Validate() != nil {
			err = c.badAnswer(r, "it lists a tenant without a name")
		}
	}
	if err != nil {
		return TenantList{}, fmt.Errorf("list tenants: %w", err)
	}
	return list, nil
}

// Tenant reads a tenant.
func (c *Client) Tenant(ctx context.Context, name string) (Tenant, error) {
	return c.onTenant(ctx, "get", name, call{method: http.MethodGet}, nil)
}

// CreateTenant makes a tenant. One that is there already is [ErrConflict].
func (c *Client) CreateTenant(ctx context.Context, name string, l TenantLimits) (Tenant, error) {
	if err := jobs.ID(name).Validate(); err != nil {
		return Tenant{}, fmt.Errorf("create tenant: %w: the name: %w", ErrInvalid, err)
	}
	return c.tenant(ctx, "create", name, call{method: http.MethodPost, path: tenantRoot}, struct {
		Name string `json:"name"`
		TenantLimits
	}{name, l})
}

// EditTenant changes a tenant's limits. version makes it fail with
// [ErrConflict] unless the tenant has it; 0 means any.
func (c *Client) EditTenant(ctx context.Context, name string, version int64, l TenantLimits) (Tenant, error) {
	return c.onTenant(ctx, "edit", name, call{method: http.MethodPatch}, struct {
		Version int64 `json:"version,omitempty"`
		TenantLimits
	}{version, l})
}

// PauseTenant keeps a tenant's jobs from starting. What runs goes on.
func (c *Client) PauseTenant(ctx context.Context, name string, o PauseOptions) (Tenant, error) {
	return c.onTenant(ctx, "pause", name, call{method: http.MethodPost, path: "/pause"}, struct {
		Version      int64     `json:"version,omitempty"`
		Reason       string    `json:"reason,omitempty"`
		For          string    `json:"for,omitempty"`
		Until        time.Time `json:"until,omitzero"`
		RefuseIntake bool      `json:"refuse_intake,omitempty"`
	}{o.Version, o.Reason, durationText(o.For), o.Until, o.RefuseIntake})
}

// ResumeTenant ends a pause.
func (c *Client) ResumeTenant(ctx context.Context, name string, version int64) (Tenant, error) {
	return c.onTenant(ctx, "resume", name, call{method: http.MethodPost, path: "/resume"}, versioned{version})
}

// ResetTenant gives a tenant the limits of the server's configuration again. A
// tenant that the configuration does not name is [ErrConflict].
func (c *Client) ResetTenant(ctx context.Context, name string, version int64) (Tenant, error) {
	return c.onTenant(ctx, "reset", name, call{method: http.MethodPost, path: "/reset"}, versioned{version})
}

// DeleteTenant removes a tenant; its jobs stay, without limits. A tenant that
// the configuration names is [ErrConflict].
func (c *Client) DeleteTenant(ctx context.Context, name string) error {
	path, err := tenantPath(name)
	if err == nil {
		_, err = c.do(ctx, call{method: http.MethodDelete, path: path})
	}
	if err != nil {
		return fmt.Errorf("delete tenant: %w", err)
	}
	return nil
}

const tenantRoot = "/v1/admin/tenants"

// versioned is a body that holds a version only.
type versioned struct {
	Version int64 `json:"version,omitempty"`
}

// tenantPath is the path of a tenant. A malformed name is an error, so that it
// cannot name another route.
func tenantPath(name string) (string, error) {
	if err := jobs.ID(name).Validate(); err != nil {
		return "", fmt.Errorf("%w: the tenant's name: %w", ErrInvalid, err)
	}
	return tenantRoot + "/" + name, nil
}

// onTenant sends a request to a route of the tenant; r.path is the rest of it.
func (c *Client) onTenant(ctx context.Context, doing, name string, r call, body any) (Tenant, error) {
	path, err := tenantPath(name)
	if err != nil {
		return Tenant{}, fmt.Errorf("%s tenant: %w", doing, err)
	}
	r.path = path + r.path
	return c.tenant(ctx, doing, name, r, body)
}

// tenant sends a request that is answered with the tenant.
func (c *Client) tenant(ctx context.Context, doing, name string, r call, body any) (t Tenant, err error) {
	if body != nil {
		r.media = "application/json"
		if r.body, err = json.Marshal(body); err != nil {
			return Tenant{}, fmt.Errorf("%s tenant: %w", doing, err)
		}
	}
	t, _, err = read[Tenant](ctx, c, r)
	if err == nil && t.Name != name {
		err = c.badAnswer(r, "it is about another tenant, or none")
	}
	if err != nil {
		return Tenant{}, fmt.Errorf("%s tenant: %w", doing, err)
	}
	return t, nil
}
