package httpapi

import (
	"context"

	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// asKept is the caller with the limits that are kept for its tenant now; those
// of the configuration where nothing is kept.
func (s *Server) asKept(who caller) caller {
	if s.deps.Tenants == nil || !s.deps.Tenants.Known(who.Name) {
		return who
	}
	l := s.deps.Tenants.Limits(who.Name)
	who.MaxQueued, who.Lanes = l.MaxQueued, l.Lanes
	return who
}

// pauseOf is the pause that keeps the tenant's jobs from starting; nil without
// one.
func (s *Server) pauseOf(tenant string) *tenants.Pause {
	if s.deps.Tenants == nil {
		return nil
	}
	return s.deps.Tenants.Paused(tenant)
}

// whilePaused is what an admission is worth while the tenant is paused: its
// jobs wait, and nobody can say for how long.
func (s *Server) whilePaused(d backpressure.Decision, tenant string) backpressure.Decision {
	if d.Admitted() && s.pauseOf(tenant) != nil {
		d.Mode, d.Reason, d.ETAKnown = jobs.AdmitQueued, backpressure.TenantPaused, false
	}
	return d
}

// tenantDecision refuses what the tenant may not submit now; nothing said lets
// it pass.
func (s *Server) tenantDecision(ctx context.Context, tenant string, bytes int64) (d backpressure.Decision, refused bool) {
	if s.deps.Tenants == nil {
		return d, false
	}
	r := s.deps.Tenants.Admit(ctx, tenant, bytes)
	if !r.Refused() {
		return d, false
	}
	return backpressure.Decision{Mode: jobs.AdmitRejected, Reason: r.Reason, RetryAfter: r.RetryAfter}, true
}
