//go:build linux

package child

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluicehq/sluice/bench/internal/queue"
	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/coord"
	"github.com/sluicehq/sluice/internal/coord/embedded"
	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// Store is where a served API keeps its jobs.
type Store string

// The stores.
const (
	SQLite  Store = "sqlite"  // the default engine
	Nowhere Store = "nowhere" // accepts at once and keeps nothing
)

// Workers is who does a served API's jobs.
type Workers string

// The workers.
const (
	Nobody Workers = "nobody" // jobs stay queued
	NoOp   Workers = "noop"   // a worker with a processor that calls nothing
	Rules  Workers = "rules"  // the worker that ships, without a model: the rule parser
)

// Key is the API key of the one tenant.
const Key = "sl_bench_0123456789abcdef0123456789abcdef"

// Server is an API in a process of its own.
type Server struct {
	*link
	Addr string
}

// hello is what a server says first, and counts what it answers to a question.
type (
	hello  struct{ Addr string }
	counts struct{ Accepted, Succeeded int64 }
)

// StartServer runs the API as `cmd/api` does, with its data in dir. slots is
// how many jobs its worker runs at once.
func StartServer(store Store, workers Workers, dir string, slots int) (*Server, error) {
	l, err := start(serveArg, "-store", string(store), "-workers", string(workers), "-dir", dir, "-slots", fmt.Sprint(slots))
	if err != nil {
		return nil, err
	}
	var h hello
	if err := l.ask("", &h); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &Server{l, h.Addr}, nil
}

// Counts are the jobs that the store made and those that succeeded.
func (s *Server) Counts() (accepted, succeeded int64, err error) {
	var c counts
	err = s.ask("count", &c)
	return c.Accepted, c.Succeeded, err
}

// served is the child's side.
type served struct {
	store   Store
	workers Workers
	dir     string
	slots   int

	bus       *coord.Bus
	engine    counting
	succeeded atomic.Int64
	working   sync.WaitGroup
}

func serve(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	s := &served{}
	f := flag.NewFlagSet(serveArg, flag.ContinueOnError)
	f.StringVar((*string)(&s.store), "store", "", "")
	f.StringVar((*string)(&s.workers), "workers", "", "")
	f.StringVar(&s.dir, "dir", "", "")
	f.IntVar(&s.slots, "slots", queue.Slots, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	c, err := s.config()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The end of the questions is the end of the server. Reading cannot be
	// interrupted, so nobody waits for it: the process ends soon after.
	go func() {
		defer cancel()
		s.answerAll(in, out)
	}()
	return app.RunAPI(ctx, app.Parts{
		Config: c, Version: "bench", Log: zerolog.New(io.Discard).Level(zerolog.InfoLevel), // its cost belongs to the server
		OpenEngine: s.open, Connect: s.connect,
		Listening: func(addr, _ string) {
			if answer(out, hello{addr}) != nil {
				cancel()
			}
		},
	})
}

// config is the configuration file of a server with one tenant, whose key is
// checked for each request.
func (s *served) config() (config.Config, error) {
	slots := 0
	if s.workers == Rules {
		slots = s.slots
	}
	hash := sha256.Sum256([]byte(Key))
	text := fmt.Sprintf("addr: 127.0.0.1:0\nadmin_addr: \"off\"\ndata_dir: %q\nslots: %d\ntenants:\n  - {name: bench, key_sha256: %s, max_queued: 100000000}\n",
		DataDir(s.dir), slots, hex.EncodeToString(hash[:]))
	file := filepath.Join(s.dir, "sluice.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return config.Config{}, err
	}
	return config.Load(config.Sources{File: file})
}

func (s *served) connect(o coord.Observer) (*coord.Bus, func(), error) {
	server, err := embedded.Start("")
	if err != nil {
		return nil, nil, err
	}
	if s.bus, err = coord.Connect(coord.Config{InProcess: server, Name: "sluice-bench", Observer: o}); err != nil {
		server.Close()
		return nil, nil, err
	}
	return s.bus, server.Close, nil
}

// open opens the store and starts the no-op worker if there is to be one.
func (s *served) open(ctx context.Context, l jobs.Listener) (jobs.Engine, error) {
	var e store
	var err error
	switch s.store {
	case SQLite:
		e, err = sqlitejobs.Open(ctx, sqlitejobs.Config{Dir: DataDir(s.dir), Listener: s.listener(l)})
	case Nowhere:
		e, err = memjobs.New(memjobs.Config{})
	default:
		err = fmt.Errorf("unknown store %q", s.store)
	}
	if err != nil {
		return nil, err
	}
	s.engine.store, s.engine.keep = e, s.store != Nowhere
	if s.workers == NoOp {
		if err := s.work(ctx); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	return &s.engine, nil
}

// work runs a worker with a no-op processor until the engine is closed. It
// tells the API of itself as the worker that ships does.
func (s *served) work(ctx context.Context) error {
	e := s.engine.store
	w, err := worker.New(worker.Config{Name: "bench", Slots: s.slots}, e, queue.NoOp{Ledger: e})
	if err != nil {
		return err
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.working.Go(func() { w.Run(working, endWithin) })
	s.working.Go(func() { s.beat(working, w) })
	s.engine.before = func() { stop(); s.working.Wait() }
	return nil
}

// beat tells once a second how fast the worker is.
func (s *served) beat(ctx context.Context, w *worker.Worker) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for seq := int64(1); ; seq++ {
		l := w.Load()
		s.bus.Beat(coord.Heartbeat{Worker: "bench", Boot: 1, Seq: seq, Slots: l.Slots, Busy: l.Busy, ServiceMS: l.ServiceMS, Done: l.Done})
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// listener counts successes before it tells the API.
func (s *served) listener(l jobs.Listener) jobs.Listener {
	return jobs.Listener{Committed: func(events []jobs.Event) {
		for _, e := range events {
			if e.State == jobs.Succeeded {
				s.succeeded.Add(1)
			}
		}
		l.Committed(events)
	}}
}

// answerAll answers each question with the counts.
func (s *served) answerAll(in io.Reader, out io.Writer) {
	questions := bufio.NewScanner(in)
	for questions.Scan() {
		if answer(out, counts{s.engine.made.Load(), s.succeeded.Load()}) != nil {
			return
		}
	}
}

// store is what the API wants of an engine.
type store interface {
	jobs.Engine
	jobs.Archive
}

// counting is an engine that counts the jobs it makes, or only pretends to
// make them: then the cost of keeping them is missing, and no other.
type counting struct {
	store
	keep   bool
	before func() // before Close
	seq    atomic.Int64
	made   atomic.Int64
}

// Accept implements [jobs.Engine].
func (c *counting) Accept(ctx context.Context, subs []jobs.Submission) ([]jobs.Acceptance, error) {
	if c.keep {
		answers, err := c.store.Accept(ctx, subs)
		for _, a := range answers {
			if a.Status == jobs.Created {
				c.made.Add(1)
			}
		}
		return answers, err
	}
	answers := make([]jobs.Acceptance, len(subs))
	now := time.Now()
	for i, s := range subs {
		if err := s.Validate(); err != nil {
			return nil, err
		}
		j, _ := jobs.NewJob(s, c.seq.Add(1), now)
		answers[i] = jobs.Acceptance{Status: jobs.Created, Job: j}
		c.made.Add(1)
	}
	return answers, nil
}

// Close implements [jobs.Engine].
func (c *counting) Close() error {
	if c.before != nil {
		c.before()
	}
	return c.store.Close()
}

// DataDir is where a server with a directory keeps its data.
func DataDir(dir string) string { return filepath.Join(dir, "data") }
