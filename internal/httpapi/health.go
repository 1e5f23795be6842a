package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Health is the answer of /livez and /readyz.
type Health struct {
	Status string        `json:"status" doc:"ok"`
	Checks []CheckResult `json:"checks,omitempty"`
}

// CheckResult is what a probe found.
type CheckResult struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
}

// Version is the answer of /version.
type Version struct {
	Version string   `json:"version"`
	Notices []string `json:"notices,omitempty"`
}

const (
	probeTimeout = time.Second
	// probeAge is how long a finding stands: readiness is asked for without a
	// key, so it must cost nothing to ask often.
	probeAge = 500 * time.Millisecond
)

// readiness keeps the last findings of the probes.
type readiness struct {
	mu    sync.Mutex
	at    time.Time
	found []CheckResult
}

// live is GET /livez: the process answers.
func (s *Server) live(_ context.Context, c *call) (*reply[Health], error) {
	if p := refuseQuery(c.r); p != nil {
		return nil, p
	}
	return &reply[Health]{Status: http.StatusOK, Body: Health{Status: "ok"}}, nil
}

// readyz is GET /readyz: the process can take jobs in.
func (s *Server) readyz(ctx context.Context, c *call) (*reply[Health], error) {
	q, p := readQuery(c.r, "verbose")
	if p != nil {
		return nil, p
	}
	checks := s.probe(ctx)
	checks = append(slices.Clip(checks), CheckResult{"accepting", !s.draining()})
	switch {
	case s.draining():
		p = problem(CodeDraining, "The server is stopping.").after(5 * time.Second)
	case failed(checks):
		p = problem(CodeEngineUnavailable, "A part that is needed does not answer.").after(storeRetry)
	}
	if !q.Has("verbose") {
		checks = nil
	}
	if p != nil {
		p.Checks = checks
		return nil, p
	}
	return &reply[Health]{Status: http.StatusOK, Body: Health{Status: "ok", Checks: checks}}, nil
}

func failed(checks []CheckResult) bool {
	for _, c := range checks {
		if !c.OK {
			return true
		}
	}
	return false
}

// probe asks the parts, or answers what they said a moment ago.
func (s *Server) probe(ctx context.Context) []CheckResult {
	s.ready.mu.Lock()
	defer s.ready.mu.Unlock()
	if s.ready.found != nil && s.deps.Now().Sub(s.ready.at) < probeAge {
		return s.ready.found
	}
	// The finding is kept for others, so it must not end with this request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
	defer cancel()
	_, err := s.deps.Engine.Stats(ctx)
	found := []CheckResult{{"engine", err == nil}}
	for _, probe := range s.deps.Probes {
		found = append(found, CheckResult{probe.Name, probe.Check(ctx) == nil})
	}
	// The age counts from the answer: those who waited for it while a part was
	// slow must not ask again, one after the other.
	s.ready.at, s.ready.found = s.deps.Now(), found
	return found
}

// version is GET /version.
func (s *Server) version(_ context.Context, c *call) (*reply[Version], error) {
	if p := refuseQuery(c.r); p != nil {
		return nil, p
	}
	return &reply[Version]{Status: http.StatusOK, Body: Version{s.cfg.Version, s.cfg.Notices}}, nil
}

// openapi is GET /openapi.json.
func (s *Server) openapi(_ context.Context, c *call) (*reply[json.RawMessage], error) {
	if p := refuseQuery(c.r); p != nil {
		return nil, p
	}
	return &reply[json.RawMessage]{Status: http.StatusOK, Body: s.spec}, nil
}
