// Package scenarios_test drives the whole way of a job, from the engine over
// the ladder and the model clients to a simulated provider, and judges by the
// calls that reached the provider: how many, how far apart, at what cost.
package scenarios_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/extract/anthropic"
	"github.com/sluicehq/sluice/internal/extract/openai"
	"github.com/sluicehq/sluice/internal/extract/schema"
	"github.com/sluicehq/sluice/internal/extract/wire"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// The models of the two tiers. The primary speaks chat completions, the
// smaller one messages.
const (
	large = "large"
	small = "small"
)

// setup says what a stack is made of. The zero value is one process with four
// slots.
type setup struct {
	seed      uint64
	processes int
	slots     int
	rules     []modelsim.Rule
	keys      []string // that the provider lets in; both routes send "key"
	window    int      // of the small model, in the ladder's eyes
	tpm       int      // tokens per minute of the large model, at both ends
	policy    tiers.Policy
	// cold leaves the retry budgets as they are at the start of a process;
	// else they are full, as after a hundred good calls.
	cold bool
}

// stack is processes with workers on one engine, and the provider.
type stack struct {
	t       *testing.T
	sim     *modelsim.Server
	engine  *memjobs.Engine
	gates   []*tiers.Gates
	running sync.WaitGroup
	downs   atomic.Int64 // how often a process found a route down
}

// run starts a stack in a bubble of its own, hands it to f and ends it. It lets
// other tests run beside it.
func run(t *testing.T, s setup, f func(t *testing.T, s *stack)) {
	t.Helper()
	t.Parallel()
	bubble(t, s, f)
}

// bubble is run for tests that stay alone.
func bubble(t *testing.T, s setup, f func(t *testing.T, s *stack)) {
	t.Helper()
	bare(t, s, func(t *testing.T, st *stack, at *modelsim.Endpoint) {
		ctx, stop := context.WithCancel(t.Context())
		defer st.running.Wait()
		defer stop()
		st.running.Go(func() { st.sweep(ctx) })
		for n := range max(s.processes, 1) {
			st.gates = append(st.gates, &tiers.Gates{})
			st.process(ctx, n, s, at)
		}
		f(t, st)
	})
}

// bare starts an engine and the provider in a bubble, and no worker.
func bare(t *testing.T, s setup, f func(t *testing.T, s *stack, at *modelsim.Endpoint)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := modelsim.New(modelsim.Config{
			Seed: s.seed, Rules: s.rules, APIKeys: s.keys,
			Models: []modelsim.Model{
				{Name: large, InputPrice: 2_000_000, OutputPrice: 8_000_000, Latency: 400 * time.Millisecond, TokensPerMinute: s.tpm},
				{Name: small, InputPrice: 200_000, OutputPrice: 800_000, Latency: 200 * time.Millisecond},
			},
		})
		at := sim.Pipe()
		defer func() { _ = at.Close() }()
		engine, err := memjobs.New(memjobs.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = engine.Close() }()
		f(t, &stack{t: t, sim: sim, engine: engine}, at)
	})
}

// process starts one process.
func (s *stack) process(ctx context.Context, n int, from setup, at *modelsim.Endpoint) {
	s.t.Helper()
	extractor, closeAll := s.extractor(at)
	window := from.window
	if window == 0 {
		window = 100_000
	}
	budgets := &tiers.Budgets{}
	for range 100 {
		if !from.cold {
			budgets.First("near/"+large, tiers.PoolProd, 10_000)
			budgets.First("far/"+small, tiers.PoolProd, 10_000)
		}
	}
	executor, err := ladder.New(ladder.Config{
		Budgets: budgets,
		Store:   s.engine, Reader: plain{}, Policy: from.policy, Gates: s.gates[n], Records: s.engine.Records(),
		Name: fmt.Sprintf("p%d", n), Jitter: func() float64 { return 0.5 },
		Prepare: func(spec jobs.Spec, text document.Text) (ladder.Extraction, error) {
			return extractor.Prepare(spec, text)
		},
		Models: []ladder.Model{
			{Tier: 1, Provider: "near", Model: large, Window: 100_000, MaxOutput: 300, InputUSD: 2, OutputUSD: 8, Limits: tiers.LimitPolicy{TokensPerMinute: from.tpm}},
			{Tier: 2, Provider: "far", Model: small, Window: window, MaxOutput: 300, InputUSD: 0.2, OutputUSD: 0.8},
		},
		Events: ladder.Events{
			GateClosed: func(g tiers.Gate) { s.push(n, g) },
			RouteDown: func(_ string, down bool, _ time.Duration) {
				if down {
					s.downs.Add(1)
				}
			},
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	executor.SetWorkers(max(from.processes, 1))
	slots := from.slots
	if slots == 0 {
		slots = 4
	}
	w, err := worker.New(worker.Config{Name: fmt.Sprintf("w%d", n), Slots: slots, Pace: executor.Pace}, s.engine, executor)
	if err != nil {
		s.t.Fatal(err)
	}
	s.running.Go(func() {
		defer closeAll()
		w.Run(ctx, time.Minute)
	})
}

func (s *stack) extractor(at *modelsim.Endpoint) (*extract.Extractor, func()) {
	s.t.Helper()
	schemas, err := schema.NewRegistry()
	if err != nil {
		s.t.Fatal(err)
	}
	primary, err := openai.New(wire.Config{BaseURL: at.URL(), Model: large, APIKey: "key", Dial: at.Dial})
	if err != nil {
		s.t.Fatal(err)
	}
	smaller, err := anthropic.New(wire.Config{BaseURL: at.URL(), Model: small, APIKey: "key", Dial: at.Dial})
	if err != nil {
		s.t.Fatal(err)
	}
	e, err := extract.New(extract.Config{Schemas: schemas, Models: []extract.Model{
		{Tier: 1, Caller: primary, MaxOutput: 300}, {Tier: 2, Caller: smaller, MaxOutput: 300},
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	return e, func() { primary.Close(); smaller.Close() }
}

// push tells the other processes of a gate, as the bus does.
func (s *stack) push(from int, g tiers.Gate) {
	now := time.Now()
	for n, gates := range s.gates {
		if n != from {
			gates.Receive([]tiers.ClosedGate{{Name: g.Name, Left: g.Until.Sub(now), Reason: g.Reason}}, now)
		}
	}
}

func (s *stack) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := s.engine.Sweep(ctx); err != nil && !errors.Is(err, context.Canceled) {
			s.t.Error(err)
		}
	}
}

// plain reads every document as one page of text.
type plain struct{}

func (plain) Parse(_ context.Context, data []byte) (document.Text, error) {
	return document.Text{Pages: []document.Page{{Number: 1, Text: string(data)}}}, nil
}

// simple is an invoice that the rule parser proves by itself.
func simple(n int) string {
	return fmt.Sprintf("Harbour Lane Stationers Ltd\n14 Quay Street\n\nInvoice No: HL-%04d\nInvoice Date: 14 March 2026\n"+
		"Subtotal: GBP 250.00\nVAT 20%%: GBP 50.00\nTotal due: GBP 300.00\n", n)
}

// hard is an invoice whose amounts the rule parser cannot make add up.
func hard(n int) string { return strings.Replace(simple(n), "GBP 300.00", "GBP 291.37", 1) }

// job is what a test submits.
type job struct {
	text   string
	lane   jobs.Lane
	spec   jobs.Spec
	tenant string // "acme" unless given
}

// submit accepts jobs and returns their IDs.
func (s *stack) submit(all ...job) []jobs.ID {
	s.t.Helper()
	ids := make([]jobs.ID, len(all))
	for i, j := range all {
		ids[i] = s.submitAs(jobs.ID(fmt.Sprintf("job_%04d", i)), j)
	}
	return ids
}

// submitAs accepts one job under the schema of invoices.
func (s *stack) submitAs(id jobs.ID, j job) jobs.ID {
	s.t.Helper()
	j.spec.Schema = "invoice"
	_, err := s.engine.Accept(s.t.Context(), []jobs.Submission{{
		ID: id, Tenant: cmp.Or(j.tenant, "acme"), Lane: j.lane, Spec: j.spec, Fingerprint: string(id),
		Document: jobs.Document{Size: int64(len(j.text))}, Body: []byte(j.text),
		DeadlineAt: time.Now().Add(tiers.Policy{}.WithDefaults().Deadlines[j.lane]),
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// settled waits until a job is done with and returns it with its ledger.
func (s *stack) settled(id jobs.ID) (jobs.Job, []jobs.Attempt) {
	s.t.Helper()
	for began := time.Now(); time.Since(began) < 26*time.Hour; {
		j, err := s.engine.Get(s.t.Context(), "", id)
		if err != nil {
			s.t.Fatal(err)
		}
		if j.State == jobs.InReview || j.State.Terminal() {
			rows, err := s.engine.Attempts(s.t.Context(), "", id)
			if err != nil {
				s.t.Fatal(err)
			}
			return j, rows
		}
		time.Sleep(max(time.Second, time.Since(began)/20)) // a day is not looked through by the second
	}
	s.t.Fatalf("job %s never ended", id)
	return jobs.Job{}, nil
}

// sent lists the calls that reached a model, those turned away included.
func (s *stack) sent(model string) []modelsim.Call {
	var calls []modelsim.Call
	for _, c := range s.sim.Calls() {
		if c.Model == model {
			calls = append(calls, c)
		}
	}
	return calls
}

// outcome is a settled job in a line: state, tier, calls of both models, and
// the reasons of a degraded result or a review.
func (s *stack) outcome(id jobs.ID) string {
	s.t.Helper()
	j, _ := s.settled(id)
	line := fmt.Sprintf("%s tier=%d large=%d small=%d", j.State, j.Tier, len(s.sent(large)), len(s.sent(small)))
	if j.Result != nil && j.Result.Quality.Degraded {
		line += fmt.Sprint(" degraded ", j.Result.Quality.Reasons)
	}
	if j.Review != nil {
		line += " review " + j.Review.Reason
	}
	return line
}

// gaps are the times between the ends of calls and the arrivals of the next.
func gaps(calls []modelsim.Call) []time.Duration {
	var all []time.Duration
	for i := 1; i < len(calls); i++ {
		all = append(all, calls[i].At.Sub(calls[i-1].At.Add(calls[i-1].Took)))
	}
	return all
}
