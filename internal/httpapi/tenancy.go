package httpapi

import (
	"context"

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
