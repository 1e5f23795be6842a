package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// Keys of the test server.
const (
	acmeKey     = "sl_acme1_0123456789abcdef0123456789abcdef"
	operatorKey = "sl_ops1_0123456789abcdef0123456789abcdef"
)

// sluice is the real API over the reference engine, with a clock of its own.
type sluice struct {
	tb     testing.TB
	url    string
	engine *memjobs.Engine

	mu  sync.Mutex
	now time.Time
	ids int
}

// morning is when the test server's clock begins.
func morning() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }

func newSluice(tb testing.TB) *sluice {
	tb.Helper()
	s := &sluice{tb: tb, now: morning()}
	control, err := backpressure.New(backpressure.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	if s.engine, err = memjobs.New(memjobs.Config{Clock: s.clock}); err != nil {
		tb.Fatal(err)
	}
	directory, ops := s.behind()
	api, err := httpapi.New(httpapi.Config{Version: "v1.2.3", Tenants: []httpapi.Tenant{
		{Name: "acme", KeySHA256: []string{hashOf(acmeKey)}, Lanes: []jobs.Lane{jobs.Interactive, jobs.Standard, jobs.Batch}},
		{Name: "ops", KeySHA256: []string{hashOf(operatorKey)}, Operator: true},
	}}, httpapi.Deps{
		Engine: s.engine, Admission: control, Schemas: schemas{}, Documents: documents{}, Watcher: deaf{}, Canceller: deaf{},
		Explain: tiers.Explain, NewID: s.newID, Now: s.clock, Tenants: directory, Operations: ops, Archive: s.engine, Gates: gates{},
	})
	if err != nil {
		tb.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = api.HTTPServer()
	srv.Start()
	s.url = srv.URL
	tb.Cleanup(func() {
		srv.Close()
		_ = s.engine.Close()
	})
	return s
}

// gates keep operators' words in memory.
type gates map[string]tiers.Override

func (g gates) Force(_ context.Context, o tiers.Override) error { g[o.Name] = o; return nil }

func (g gates) Release(_ context.Context, name string) error { delete(g, name); return nil }

func (g gates) Forced(context.Context) ([]tiers.Override, error) {
	return slices.Collect(maps.Values(g)), nil
}

// behind sets up what operators use.
func (s *sluice) behind() (*tenants.Directory, *operations.Operations) {
	s.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	directory, err := tenants.Open(ctx, tenants.Config{Engine: s.engine, Spender: s.engine, Now: s.clock, Seeds: []tenants.Seed{
		{Name: "acme", Limits: tenants.Limits{Lanes: []jobs.Lane{jobs.Interactive, jobs.Standard, jobs.Batch}}}, {Name: "ops"},
	}})
	if err != nil {
		s.tb.Fatal(err)
	}
	ops, err := operations.New(operations.Config{Engine: s.engine, Owner: "host-1/api", Now: s.clock})
	if err != nil {
		s.tb.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { ops.Run(ctx) })
	s.tb.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return directory, ops
}

func hashOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func (s *sluice) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// pass lets time pass on the server.
func (s *sluice) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *sluice) newID() jobs.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids++
	return jobs.ID(fmt.Sprintf("job_01KA7QZ3M%017d", s.ids))
}

func (s *sluice) client(key string) *client.Client {
	s.tb.Helper()
	c, err := client.New(client.Config{URL: s.url, APIKey: key})
	if err != nil {
		s.tb.Fatal(err)
	}
	return c
}

// submit makes a job of acme's.
func (s *sluice) submit(o client.Options) jobs.ID {
	s.tb.Helper()
	if o.Schema == "" {
		o.Schema = "invoice"
	}
	j, err := s.client(acmeKey).Submit(context.Background(), client.Submission{Text: "Invoice 8812", Options: o})
	if err != nil {
		s.tb.Fatal(err)
	}
	return j.ID
}

// lend takes the job, as a worker does, and gives back any that come before it.
func (s *sluice) lend(id jobs.ID) jobs.Lease {
	s.tb.Helper()
	loans, err := s.engine.Lend(context.Background(), jobs.LendRequest{Worker: "host-1/api", Max: jobs.MaxLend, Slots: 1})
	if err != nil {
		s.tb.Fatal(err)
	}
	var lease jobs.Lease
	for _, loan := range loans {
		if loan.Job.ID == id {
			lease = loan.Lease
			continue
		}
		s.finish(loan.Lease, jobs.Outcome{Kind: jobs.Release, Reason: "shutdown"})
	}
	if lease.Job != id {
		s.tb.Fatalf("%d loans, and not of %s", len(loans), id)
	}
	return lease
}

func (s *sluice) job(id jobs.ID) jobs.Job {
	s.tb.Helper()
	j, err := s.engine.Get(context.Background(), "", id)
	if err != nil {
		s.tb.Fatal(err)
	}
	return j
}

func (s *sluice) finish(l jobs.Lease, o jobs.Outcome) {
	s.tb.Helper()
	if _, err := s.engine.Finish(context.Background(), l, o); err != nil {
		s.tb.Fatal(err)
	}
}

// attempt is a row that ends as the clock then stands.
func (s *sluice) attempt(n, tier int, took time.Duration, a jobs.Attempt) jobs.Attempt {
	a.N, a.Tier, a.StartedAt = n, tier, s.clock()
	if a.Kind == "" {
		a.Kind = jobs.CallAttempt
	}
	s.pass(took)
	a.EndedAt = s.clock()
	s.pass(time.Duration(a.BackoffMS) * time.Millisecond)
	return a
}

// corrupt makes a job that failed through its document's fault.
func (s *sluice) corrupt(o client.Options) jobs.ID {
	s.tb.Helper()
	id := s.submit(o)
	s.finish(s.lend(id), jobs.Outcome{Kind: jobs.Fail, Failure: &jobs.Failure{
		Class: "corrupt", Reason: "The document is damaged: it ends in the middle of a page.",
	}})
	return id
}

// timedOut makes a job that was retried, fell to tier 2 and 3 and waits for a
// person.
func (s *sluice) timedOut(o client.Options) jobs.ID {
	s.tb.Helper()
	id := s.submit(o)
	s.pass(800 * time.Millisecond)
	l := s.lend(id)
	deadline := s.job(id).DeadlineAt
	left := func() int64 { return deadline.Sub(s.clock()).Milliseconds() }
	rows := []jobs.Attempt{
		s.attempt(1, 1, 8*time.Second, jobs.Attempt{
			Provider: "near", Model: "gpt-large", Outcome: jobs.AttemptError, Class: tiers.ClassNetAmbiguous, BackoffMS: 740, DeadlineLeftMS: left(), Billed: jobs.BilledMaybe,
		}),
		s.attempt(2, 1, 300*time.Millisecond, jobs.Attempt{
			Provider: "near", Model: "gpt-large", Outcome: jobs.AttemptError, Class: tiers.ClassRate, Status: 429, BackoffMS: 4000, DeadlineLeftMS: left(),
		}),
		s.attempt(3, 1, 0, jobs.Attempt{Kind: jobs.SkipAttempt, Outcome: jobs.AttemptSkipped, Why: tiers.WhyRetryBudget, DeadlineLeftMS: left()}),
		s.attempt(4, 2, 1900*time.Millisecond, jobs.Attempt{
			Provider: "far", Model: "gpt-small", Outcome: jobs.AttemptError, Class: tiers.ClassBadSchema, Status: 200, DeadlineLeftMS: left(),
			Usage: jobs.Usage{InputTokens: 900, OutputTokens: 80, CostMicroUSD: 310},
		}),
		s.attempt(5, 2, 1200*time.Millisecond, jobs.Attempt{
			Kind: jobs.RepairAttempt, Provider: "far", Model: "gpt-small", Outcome: jobs.AttemptError, Class: tiers.ClassBadSchema, Status: 200, DeadlineLeftMS: left(),
			Usage: jobs.Usage{InputTokens: 1100, OutputTokens: 90, CostMicroUSD: 350},
		}),
		s.attempt(6, 3, 12*time.Millisecond, jobs.Attempt{Kind: jobs.RulesAttempt, Outcome: jobs.AttemptError, Class: tiers.ClassIncomplete, DeadlineLeftMS: left()}),
	}
	s.finish(l, jobs.Outcome{Kind: jobs.ToReview, Tier: 3, Reason: "all_tiers_failed", Attempts: rows, Candidates: []jobs.Candidate{{
		Tier: 2, Data: json.RawMessage(`{"invoice_number":"8812","total":null}`), Reasons: []string{"total is missing"},
	}}})
	return id
}

// expired makes a job whose deadline passes while it waits.
func (s *sluice) expired(o client.Options) jobs.ID {
	s.tb.Helper()
	o.Deadline = time.Minute
	id := s.submit(o)
	s.pass(2 * time.Minute)
	if _, err := s.engine.Sweep(context.Background()); err != nil {
		s.tb.Fatal(err)
	}
	return id
}

// schemas knows invoice, whose invoice_number is a string.
type schemas struct{}

func (schemas) Resolve(spec jobs.Spec) (jobs.Spec, error) {
	if spec.Schema != "invoice" {
		return spec, &httpapi.SchemaFault{Unknown: true, Detail: "Known schemas are invoice@1."}
	}
	spec.Schema = "invoice@1"
	return spec, nil
}

func (schemas) Validate(_ jobs.Spec, data []byte) ([]httpapi.Violation, error) {
	var v map[string]any
	if err := json.Unmarshal(data, &v); err != nil {
		return []httpapi.Violation{{Reason: "must be an object"}}, nil
	}
	if _, ok := v["invoice_number"].(string); !ok {
		return []httpapi.Violation{{Pointer: "/invoice_number", Reason: "must be a string"}}, nil
	}
	return nil, nil
}

// documents takes everything for text.
type documents struct{}

func (documents) Check([]byte) (string, error) { return "text/plain", nil }

// deaf tells nobody of anything.
type deaf struct{}

func (deaf) Watch(jobs.ID) (<-chan struct{}, func()) { return nil, func() {} }
func (deaf) AskCancel(jobs.ID)                       {}
