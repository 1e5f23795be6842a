package ladder_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// fleet is several processes with workers on one engine, inside a bubble, and
// the providers that they call.
type fleet struct {
	t         *testing.T
	engine    *memjobs.Engine
	began     time.Time
	provider  provider
	processes []*member
	stop      context.CancelFunc
	running   sync.WaitGroup
	complete  bool // the rule parser proves everything
	sweeps    time.Duration

	mu     sync.Mutex
	writes int // commits of ledger rows
	calls  []sent
}

// provider answers a call of a route at a time since the test began.
type provider func(route string, at time.Duration) func(context.Context) extract.Answer

// sent is a call as a provider saw it.
type sent struct {
	process   int
	route     string
	job       jobs.ID
	from, to  time.Duration
	inFlight  int  // on its route when it came, itself included
	shut      bool // its own process had found the route down
	afterDown time.Duration
}

// member is one process.
type member struct {
	fleet    *fleet
	n        int
	gates    *tiers.Gates
	executor *ladder.Executor
	down     map[string]time.Duration // since when, by route
	retries  int
	firsts   int
}

type setup struct {
	processes, slots int
	models           []ladder.Model
	provider         provider
	complete         bool
	sweeps           time.Duration // how often the engine is swept; 0 means 1 s
	breaker          tiers.BreakerPolicy
}

func primaryOnly() []ladder.Model {
	return []ladder.Model{{Tier: 1, Provider: "near", Model: "large", MaxOutput: 1000}}
}

func bothTiers() []ladder.Model {
	return append(primaryOnly(), ladder.Model{Tier: 2, Provider: "far", Model: "small", MaxOutput: 1000})
}

func startFleet(t *testing.T, s setup) *fleet {
	t.Helper()
	engine, err := memjobs.New(memjobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	ctx, stop := context.WithCancel(t.Context())
	f := &fleet{t: t, engine: engine, began: time.Now(), provider: s.provider, stop: stop, complete: s.complete, sweeps: max(s.sweeps, time.Second)}
	for n := range s.processes {
		f.processes = append(f.processes, f.member(n, s))
	}
	for _, p := range f.processes {
		p.executor.SetWorkers(s.processes)
		w, err := worker.New(worker.Config{Name: fmt.Sprintf("w%d", p.n), Slots: s.slots, Pace: p.executor.Pace}, engine, p.executor)
		if err != nil {
			t.Fatal(err)
		}
		f.running.Go(func() { w.Run(ctx, time.Minute) })
	}
	f.running.Go(func() { f.sweep(ctx) })
	return f
}

func (f *fleet) sweep(ctx context.Context) {
	for tick := time.NewTicker(f.sweeps); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		if _, err := f.engine.Sweep(ctx); err != nil && !errors.Is(err, context.Canceled) {
			f.t.Error(err)
		}
		for _, p := range f.processes {
			p.executor.Refresh(ctx)
		}
	}
}

func (f *fleet) member(n int, s setup) *member {
	p := &member{fleet: f, n: n, gates: &tiers.Gates{}, down: map[string]time.Duration{}}
	var err error
	p.executor, err = ladder.New(ladder.Config{
		Store: counted{f}, Reader: reader{}, Models: s.models, Gates: p.gates, Name: fmt.Sprintf("p%d", n), Records: f.engine.Records(),
		Breaker: s.breaker,
		Prepare: func(spec jobs.Spec, _ document.Text) (ladder.Extraction, error) {
			return &task{p, jobs.ID(spec.Schema)}, nil
		},
		Jitter: func() float64 { return 0.5 },
		Events: ladder.Events{
			GateClosed: func(g tiers.Gate) { f.push(n, g) },
			RouteDown: func(route string, down bool, _ time.Duration) {
				f.mu.Lock()
				defer f.mu.Unlock()
				if _, known := p.down[route]; down && !known {
					p.down[route] = time.Since(f.began)
				}
			},
			AttemptEnded: func(_ jobs.Job, e ladder.AttemptEnd) {
				f.mu.Lock()
				defer f.mu.Unlock()
				switch {
				case e.Attempt.Kind != jobs.CallAttempt, e.Attempt.Why == tiers.WhyProbe:
				case e.Retry:
					p.retries++
				default:
					p.firsts++
				}
			},
		},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// push tells the other processes of a gate, as the bus does.
func (f *fleet) push(from int, g tiers.Gate) {
	now := time.Now()
	for _, p := range f.processes {
		if p.n != from {
			p.gates.Receive([]tiers.ClosedGate{{Name: g.Name, Left: g.Until.Sub(now), Reason: g.Reason}}, now)
		}
	}
}

// finish stops the fleet.
func (f *fleet) finish() {
	f.stop()
	f.running.Wait()
}

// submit accepts n jobs. The name of a job's schema is its ID, so that the
// task knows which job it is of.
func (f *fleet) submit(n int, lane jobs.Lane) {
	f.t.Helper()
	var subs []jobs.Submission
	deadline := time.Now().Add(tiers.Policy{}.WithDefaults().Deadlines[lane])
	for i := range n {
		id := jobs.ID(fmt.Sprintf("job_%s_%04d", lane, i))
		subs = append(subs, jobs.Submission{
			ID: id, Tenant: "acme", Lane: lane, Spec: jobs.Spec{Schema: string(id)}, Fingerprint: string(id),
			Document: jobs.Document{Size: 1}, Body: []byte("x"), DeadlineAt: deadline,
		})
	}
	if _, err := f.engine.Accept(f.t.Context(), subs); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) jobs() []jobs.Job {
	f.t.Helper()
	var all []jobs.Job
	for page := (jobs.Page{Limit: 500}); ; {
		some, err := f.engine.List(f.t.Context(), jobs.Filter{}, page)
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, some...)
		if len(some) < 500 {
			return all
		}
		page.Before = some[len(some)-1].ID
	}
}

// states counts the jobs by state, and those that succeeded by tier.
func (f *fleet) states() (states map[jobs.State]int, tiers map[int]int) {
	states, tiers = map[jobs.State]int{}, map[int]int{}
	for _, j := range f.jobs() {
		states[j.State]++
		if j.State == jobs.Succeeded {
			tiers[j.Tier]++
		}
	}
	return states, tiers
}

// commits is how many commits the jobs took, from their acceptance on.
func (f *fleet) commits() (perJob float64) {
	all := f.jobs()
	f.mu.Lock()
	sum := f.writes
	f.mu.Unlock()
	for _, j := range all {
		sum += int(j.Version)
	}
	return float64(sum) / float64(len(all))
}

// counted is the engine as a store that counts what is written.
type counted struct{ *fleet }

func (c counted) PutAttempts(ctx context.Context, l jobs.Lease, rows ...jobs.Attempt) error {
	c.mu.Lock()
	c.writes++
	c.mu.Unlock()
	return c.engine.PutAttempts(ctx, l, rows...)
}

func (c counted) Document(ctx context.Context, tenant string, id jobs.ID) ([]byte, error) {
	return c.engine.Document(ctx, tenant, id)
}

// task is the extraction of one job in one process.
type task struct {
	member *member
	job    jobs.ID
}

func (x *task) Tokens(maxOutput int) int { return 100 + maxOutput }

func (x *task) Call(ctx context.Context, model int, _ bool) extract.Answer {
	f := x.member.fleet
	route := x.member.executor.Routes()[model].Name
	f.mu.Lock()
	s := sent{process: x.member.n, route: route, job: x.job, from: time.Since(f.began), inFlight: 1}
	if since, down := x.member.down[route]; down {
		s.shut, s.afterDown = true, s.from-since
	}
	for _, other := range f.calls {
		if other.route == route && other.to == 0 {
			s.inFlight++
		}
	}
	f.calls = append(f.calls, s)
	n := len(f.calls) - 1
	f.mu.Unlock()
	answer := f.provider(route, s.from)(ctx)
	f.mu.Lock()
	f.calls[n].to = max(time.Since(f.began), 1)
	f.mu.Unlock()
	return answer
}

func (x *task) Repair(ctx context.Context, model int, _ extract.Answer) extract.Answer {
	return x.Call(ctx, model, false)
}

func (x *task) Rules() extract.RulesAnswer {
	if x.member.fleet.complete {
		return extract.RulesAnswer{Complete: true, Extracted: extracted(`{"total":1}`)}
	}
	return extract.RulesAnswer{Reasons: []string{"missing:/total"}, Extracted: extracted(`{}`)}
}

// after answers once some time has passed, or gives up with the call.
func after(d time.Duration, answer func(context.Context) extract.Answer) func(context.Context) extract.Answer {
	return func(ctx context.Context) extract.Answer {
		select {
		case <-time.After(d):
			return answer(ctx)
		case <-ctx.Done():
			return hang(ctx)
		}
	}
}
