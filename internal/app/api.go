package app

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// NoticeNoModel stands in every answer of a process without a model route.
const NoticeNoModel = tiers.WhyNoModel

// closeWithin is how long open connections may take once everything else has
// stopped.
const closeWithin = 5 * time.Second

// RunAPI runs the HTTP API, and a worker unless the slots are 0, until ctx
// ends. Then it stops in the order that loses nothing: readyz turns 503 and
// intake refuses; running jobs finish within the grace or are given back; the
// listeners close; the engine and the bus close. An error means that the
// process could not start or could not go on.
func RunAPI(ctx context.Context, p Parts) error {
	s, err := open(ctx, p, workerName("api"), seedsOf(p.Config))
	if err != nil {
		return err
	}
	defer s.close()
	extraction, err := newExtraction(p.Config)
	if err != nil {
		return err
	}
	defer extraction.close()
	var w *worker.Worker
	if p.Config.Slots > 0 {
		if w, err = s.openWorker(extraction); err != nil {
			return err
		}
	}
	ops, err := s.newOperations()
	if err != nil {
		return err
	}
	drain := make(chan struct{})
	deps := s.httpDeps(extraction, drain)
	deps.Operations = ops
	api, err := httpapi.New(s.httpConfig(), deps)
	if err != nil {
		return err
	}
	if err := s.bus.OnEvents(s.hub.Tell); err != nil {
		return err
	}
	return s.serve(ctx, role{http: api.HTTPServer(), worker: w, operations: ops, drain: drain})
}

// role is what an API process runs beside what every process does.
type role struct {
	http       *http.Server
	worker     *worker.Worker // nil without slots
	operations *operations.Operations
	drain      chan struct{} // closed when the process begins to stop
}

// serve listens, works, and stops.
func (s *process) serve(ctx context.Context, r role) error {
	admin := &http.Server{Handler: s.adminHandler(), ReadHeaderTimeout: closeWithin}
	r.http.ErrorLog = log.New(s.Log.With().Str("component", "http").Logger(), "", 0)
	admin.ErrorLog = r.http.ErrorLog
	listeners, err := s.listen(ctx)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer s.services.Wait()
	defer stop()
	failed := make(chan error, 2)
	s.services.Go(func() { serveUntilClosed(r.http, listeners.api, failed) })
	if listeners.admin != nil {
		s.services.Go(func() { serveUntilClosed(admin, listeners.admin, failed) })
	}
	s.startServices(running)
	s.services.Go(func() { s.retain(running) })
	s.announce(listeners)

	working, stopWork := context.WithCancel(ctx)
	defer stopWork()
	var work sync.WaitGroup
	work.Go(func() { r.operations.Run(working) })
	if r.worker != nil {
		work.Go(func() { s.work(working, r.worker) })
	}
	var cause error
	select {
	case <-ctx.Done():
	case cause = <-failed:
	}
	s.draining.Store(true)
	close(r.drain)
	s.Log.Info().Dur("grace_ms", s.Config.Grace).Msg("draining")
	stopWork()
	work.Wait()
	closeServers(context.WithoutCancel(ctx), r.http, admin)
	stop()
	s.services.Wait()
	s.Log.Info().Msg("stopped")
	return cause
}

// listeners are the open ports; admin may be nil.
type listeners struct{ api, admin net.Listener }

func (s *process) listen(ctx context.Context) (listeners, error) {
	var l listeners
	var c net.ListenConfig
	var err error
	if l.api, err = c.Listen(ctx, "tcp", s.Config.Addr); err != nil {
		return l, fmt.Errorf("addr: %w", err)
	}
	if s.Config.AdminAddr == "off" {
		return l, nil
	}
	if l.admin, err = c.Listen(ctx, "tcp", s.Config.AdminAddr); err != nil {
		_ = l.api.Close()
		return l, fmt.Errorf("admin_addr: %w (admin_addr=off opens none)", err)
	}
	return l, nil
}

func (s *process) announce(l listeners) {
	admin := ""
	if l.admin != nil {
		admin = l.admin.Addr().String()
	}
	e := s.Log.Info().Str("version", s.Version).Str("addr", l.api.Addr().String()).Str("admin_addr", admin).
		Str("engine", s.Config.EngineLabel()).Str("data_dir", s.Config.DataDir).Int("slots", s.Config.Slots).Int("tenants", len(s.Config.Tenants))
	for i, r := range []config.Route{s.Config.Primary, s.Config.Fallback} {
		e = e.Str([]string{"primary", "fallback"}[i], r.Model)
	}
	e.Msg("ready")
	if !s.Config.Primary.Configured() && !s.Config.Fallback.Configured() {
		s.Log.Warn().Str("reason", NoticeNoModel).Msg("no model is configured: only the rule parser and people answer; set SLUICE_PRIMARY_URL and SLUICE_PRIMARY_MODEL")
	}
	if s.Listening != nil {
		s.Listening(l.api.Addr().String(), admin)
	}
}

func serveUntilClosed(server *http.Server, l net.Listener, failed chan<- error) {
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		failed <- fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
}

// closeServers lets the answers under way finish and then closes what is left.
func closeServers(ctx context.Context, servers ...*http.Server) {
	ctx, cancel := context.WithTimeout(ctx, closeWithin)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
}

func (s *process) httpConfig() httpapi.Config {
	c := httpapi.Config{
		Version: s.Version, Loopback: config.Loopback(s.Config.Addr), MaxDocumentBytes: s.Config.MaxDocumentBytes,
	}
	if !s.Config.Primary.Configured() && !s.Config.Fallback.Configured() {
		c.Notices = append(c.Notices, NoticeNoModel)
	}
	for _, t := range s.Config.Tenants {
		c.Tenants = append(c.Tenants, httpapi.Tenant{
			Name: t.Name, KeySHA256: t.Keys(), MaxQueued: t.MaxQueued, Lanes: lanes(t.Lanes), Operator: t.Operator,
		})
	}
	return c
}

// lanes reads the names, which the configuration has checked.
func lanes(names []string) []jobs.Lane {
	all := make([]jobs.Lane, 0, len(names))
	for _, name := range names {
		if l, err := jobs.ParseLane(name); err == nil {
			all = append(all, l)
		}
	}
	return all
}

func (s *process) httpDeps(schemas httpapi.Schemas, drain <-chan struct{}) httpapi.Deps {
	return httpapi.Deps{
		Engine: s.engine, Archive: s.archive, Tenants: s.tenants, Gates: gateWords{s.engine.Records()}, Admission: s.control, Schemas: schemas,
		Documents: checker{document.Limits{MaxBytes: s.Config.MaxDocumentBytes, MaxPages: s.Config.Document.MaxPages}},
		Watcher:   s.hub, Canceller: s.bus, Explain: tiers.Explain, NewID: newJobID, Jitter: jitter,
		Drain: drain, Events: s.httpEvents(),
	}
}

// newJobID makes an ID that sorts by time.
func newJobID() jobs.ID { return jobs.ID("job_" + ulid.Make().String()) }

// checker joins the byte checks to the API.
type checker struct{ limits document.Limits }

// Check implements httpapi.Checker.
func (c checker) Check(data []byte) (string, error) {
	mediaType, err := document.Check(data, c.limits)
	if fault, ok := errors.AsType[*document.Fault](err); ok {
		return "", &httpapi.DocumentFault{Class: fault.Class, Detail: fault.Detail}
	}
	return string(mediaType), err
}

func (s *process) httpEvents() httpapi.Events {
	return httpapi.Events{
		Request: func(d httpapi.RequestDone) {
			s.metrics.request(d)
			s.Log.Debug().Str("request_id", d.ID).Str("method", d.Method).Str("route", d.Route).Str("tenant", d.Tenant).
				Int("status", d.Status).Str("code", string(d.Code)).Dur("took_ms", d.Duration).Int64("bytes_in", d.BytesIn).Msg("request")
		},
		Decided:   func(lane jobs.Lane, _ string, d backpressure.Decision) { s.metrics.decided(lane, d) },
		Replayed:  func(string) { s.metrics.keyReplays.Inc() },
		KeyReused: func(string) { s.metrics.keyConflicts.Inc() },
		StoreFailed: func(requestID string, err error) {
			s.Log.Error().Str("request_id", requestID).Err(err).Msg("engine")
		},
		Panicked: func(requestID string, stack []byte) {
			s.Log.Error().Str("request_id", requestID).Bytes("stack", stack).Msg("panic in a request")
		},
	}
}

// workerName tells this process from others: role, host, process.
func workerName(role string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%s-%d", role, host, os.Getpid())
}
