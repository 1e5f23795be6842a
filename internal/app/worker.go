package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// probeWithin bounds the question to the engine that a readiness probe asks.
const probeWithin = time.Second

// RunWorker runs jobs of an engine that other processes share until ctx ends.
// Then it borrows no more, lets what runs finish within the grace, gives the
// rest back, and closes. It listens on the admin address alone, with /livez and
// /readyz beside the metrics. An error means that the process could not start
// or could not go on.
func RunWorker(ctx context.Context, p Parts) error {
	if p.Config.Slots < 1 {
		return errors.New("slots is 0: a worker needs at least 1")
	}
	s, err := open(ctx, p, workerName("worker"), nil)
	if err != nil {
		return err
	}
	defer s.close()
	x, err := newExtraction(p.Config)
	if err != nil {
		return err
	}
	defer x.close()
	w, err := s.openWorker(x)
	if err != nil {
		return err
	}
	return s.serveWorker(ctx, w)
}

// serveWorker works, and stops.
func (s *process) serveWorker(ctx context.Context, w *worker.Worker) error {
	l, err := s.listenAdmin(ctx)
	if err != nil {
		return err
	}
	admin := &http.Server{
		Handler: s.workerHandler(), ReadHeaderTimeout: closeWithin,
		ErrorLog: log.New(s.Log.With().Str("component", "http").Logger(), "", 0),
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer s.services.Wait()
	defer stop()
	failed := make(chan error, 1)
	if l != nil {
		s.services.Go(func() { serveUntilClosed(admin, l, failed) })
	}
	s.startServices(running)
	s.announceWorker(l)

	working, stopWork := context.WithCancel(ctx)
	defer stopWork()
	var work sync.WaitGroup
	work.Go(func() { s.work(working, w) })
	var cause error
	select {
	case <-ctx.Done():
	case cause = <-failed:
	}
	s.draining.Store(true)
	s.Log.Info().Dur("grace_ms", s.Config.Grace).Msg("draining")
	stopWork()
	work.Wait()
	closeServers(context.WithoutCancel(ctx), admin)
	stop()
	s.services.Wait()
	s.Log.Info().Msg("stopped")
	return cause
}

// listenAdmin opens the admin address; nil when that is off.
func (s *process) listenAdmin(ctx context.Context) (net.Listener, error) {
	if s.Config.AdminAddr == "off" {
		return nil, nil
	}
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", s.Config.AdminAddr)
	if err != nil {
		return nil, fmt.Errorf("admin_addr: %w (admin_addr=off opens none)", err)
	}
	return l, nil
}

func (s *process) announceWorker(l net.Listener) {
	admin := ""
	if l != nil {
		admin = l.Addr().String()
	}
	e := s.Log.Info().Str("version", s.Version).Str("worker", s.name).Str("admin_addr", admin).
		Str("engine", s.Config.EngineLabel()).Int("slots", s.Config.Slots)
	for i, r := range []config.Route{s.Config.Primary, s.Config.Fallback} {
		e = e.Str([]string{"primary", "fallback"}[i], r.Model)
	}
	e.Msg("ready")
	if s.Listening != nil {
		s.Listening("", admin)
	}
}

// workerHandler adds probes to what the admin address serves: a worker has no
// other port for them.
func (s *process) workerHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.adminHandler())
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answerProbe(w, "ok", http.StatusOK) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status, code := s.workerReady(r.Context())
		answerProbe(w, status, code)
	})
	return mux
}

// workerReady says whether the process takes jobs.
func (s *process) workerReady(ctx context.Context) (status string, code int) {
	if s.draining.Load() {
		return "draining", http.StatusServiceUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	// A job that cannot be: only an engine that answers does not find it.
	if _, err := s.engine.Get(ctx, "", "ready"); err != nil && !errors.Is(err, jobs.ErrNotFound) {
		return "engine unavailable", http.StatusServiceUnavailable
	}
	return "ok", http.StatusOK
}

func answerProbe(w http.ResponseWriter, status string, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": status}) // who asked may have gone
}
