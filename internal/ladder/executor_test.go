package ladder_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// store keeps the ledger in memory.
type store struct {
	mu   sync.Mutex
	rows []jobs.Attempt
	err  error
}

func (s *store) PutAttempts(_ context.Context, _ jobs.Lease, rows ...jobs.Attempt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for _, row := range rows {
		s.put(row)
	}
	return nil
}

func (s *store) put(row jobs.Attempt) {
	for i := range s.rows {
		if s.rows[i].N == row.N {
			s.rows[i] = row
			return
		}
	}
	s.rows = append(s.rows, row)
}

func (s *store) Document(context.Context, string, jobs.ID) ([]byte, error) { return []byte("x"), nil }

// reader answers a fixed text or error.
type reader struct{ err error }

func (r reader) Parse(context.Context, []byte) (document.Text, error) {
	return document.Text{Pages: []document.Page{{Number: 1, Text: "x"}}}, r.err
}

// script is an extraction whose models answer what the test says.
type script struct {
	t     *testing.T
	store *store
	// answers are given in order, whatever the model; the last one repeats.
	answers []func(ctx context.Context) extract.Answer
	rules   extract.RulesAnswer
	mu      sync.Mutex
	calls   []string // "model kind", in order
	lenient bool     // several jobs share the script, so open rows say nothing
}

func (s *script) Tokens(maxOutput int) int { return 100 + maxOutput }

func (s *script) Call(ctx context.Context, model int, _ bool) extract.Answer {
	return s.answer(ctx, fmt.Sprintf("%d call", model))
}

func (s *script) Repair(ctx context.Context, model int, wrong extract.Answer) extract.Answer {
	if wrong.Judgement.Fault == tiers.FaultNone {
		s.t.Error("a repair of an answer that stands")
	}
	return s.answer(ctx, fmt.Sprintf("%d repair", model))
}

func (s *script) answer(ctx context.Context, what string) extract.Answer {
	open := 0
	s.store.mu.Lock()
	for _, row := range s.store.rows {
		if row.Open() {
			open++
		}
	}
	s.store.mu.Unlock()
	if open != 1 && !s.lenient {
		s.t.Errorf("%s leaves with %d open rows in the ledger, want 1", what, open)
	}
	s.mu.Lock()
	f := s.answers[min(len(s.calls), len(s.answers)-1)]
	s.calls = append(s.calls, what)
	s.mu.Unlock()
	return f(ctx)
}

func (s *script) Rules() extract.RulesAnswer { return s.rules }

func extracted(data string) extract.Extracted {
	return extract.Extracted{Data: json.RawMessage(data), Fields: map[string]jobs.Field{"/total": {Confidence: 0.9, ValueFrom: jobs.FromModel}}}
}

func good(context.Context) extract.Answer {
	return extract.Answer{
		Signal: tiers.Signal{
			Status: 200, Phase: tiers.PhaseDone, Content: `{"total":1}`, FinishReason: "stop", AskedModel: "large", ServedModel: "large",
			Usage: jobs.Usage{InputTokens: 1000, OutputTokens: 100}, UsageKnown: true,
		},
		Judged: extract.Judged{Extracted: extracted(`{"total":1}`)},
	}
}

func status(code int, retryAfter string) func(context.Context) extract.Answer {
	return func(context.Context) extract.Answer {
		h := http.Header{}
		if retryAfter != "" {
			h.Set("Retry-After", retryAfter)
		}
		return extract.Answer{Signal: tiers.Signal{Status: code, Header: h, Phase: tiers.PhaseDone, Body: []byte(`{}`)}}
	}
}

func faulty(f tiers.Fault) func(context.Context) extract.Answer {
	return func(ctx context.Context) extract.Answer {
		a := good(ctx)
		a.Judgement = tiers.Judgement{Fault: f, Pointers: []string{"/total"}}
		return a
	}
}

func hang(ctx context.Context) extract.Answer {
	<-ctx.Done()
	return extract.Answer{Signal: tiers.Signal{Err: ctx.Err(), Phase: tiers.PhaseWait, Timeout: tiers.BudgetOf(ctx)}}
}

type firm bool

func (f firm) Firm() bool { return bool(f) }

// rig runs one job.
type rig struct {
	store  *store
	script *script
	config ladder.Config
	mu     sync.Mutex
	ends   []ladder.AttemptEnd
	gates  []tiers.Gate
}

func newRig(t *testing.T, answers ...func(context.Context) extract.Answer) *rig {
	t.Helper()
	r := &rig{store: &store{}}
	r.script = &script{t: t, store: r.store, answers: answers, rules: extract.RulesAnswer{Reasons: []string{"missing:/total"}, Extracted: extracted(`{}`)}}
	r.config = ladder.Config{
		Store: r.store, Reader: reader{},
		Prepare: func(jobs.Spec, document.Text) (ladder.Extraction, error) { return r.script, nil },
		Models: []ladder.Model{
			{Tier: 1, Provider: "near", Model: "large", Window: 8000, MaxOutput: 1000, InputUSD: 2, OutputUSD: 10},
			{Tier: 2, Provider: "far", Model: "small", Window: 8000, MaxOutput: 1000},
		},
		Jitter: func() float64 { return 0.5 },
		Events: ladder.Events{
			AttemptEnded: func(_ jobs.Job, e ladder.AttemptEnd) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.ends = append(r.ends, e)
			},
			GateClosed: func(g tiers.Gate) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.gates = append(r.gates, g)
			},
		},
	}
	return r
}

func loan(lane jobs.Lane) jobs.Loan {
	now := time.Now()
	return jobs.Loan{
		Lease: jobs.Lease{Job: "job_1", Token: 1},
		Job: jobs.Job{
			ID: "job_1", Tenant: "acme", Lane: lane, State: jobs.Running, Generation: 1, Spec: jobs.Spec{Schema: "invoice"},
			AcceptedAt: now, EnqueuedAt: now, DeadlineAt: now.Add(tiers.Policy{}.WithDefaults().Deadlines[lane]),
		},
	}
}

func (r *rig) run(ctx context.Context, t *testing.T, l jobs.Loan, h worker.Holding) (jobs.Outcome, error) {
	t.Helper()
	e, err := ladder.New(r.config)
	if err != nil {
		t.Fatal(err)
	}
	return e.Process(ctx, l, h)
}

func (r *rig) settle(t *testing.T, l jobs.Loan) jobs.Outcome {
	t.Helper()
	r.store.rows = nil
	o, err := r.run(t.Context(), t, l, firm(true))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, row := range o.Attempts {
		r.store.put(row)
	}
	for _, row := range r.store.rows {
		if row.Open() {
			t.Errorf("attempt %d is still open after the outcome", row.N)
		}
	}
	return o
}

func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

func TestAGoodAnswerOfThePrimaryIsTheResult(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, good)
		o := r.settle(t, loan(jobs.Interactive))
		want := &jobs.Result{
			Data:    json.RawMessage(`{"total":1}`),
			Fields:  map[string]jobs.Field{"/total": {Confidence: 0.9, ValueFrom: jobs.FromModel, Tier: 1}},
			Quality: jobs.Quality{Tier: 1, ServedModel: "large", Review: "none"},
			Usage:   jobs.Usage{InputTokens: 1000, OutputTokens: 100, CostMicroUSD: 3000},
		}
		if diff := cmp.Diff(want, o.Result); diff != "" {
			t.Error(diff)
		}
	})
}

func TestATransientFaultIsRetriedWithinTheSlot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, status(503, ""), good)
		began := time.Now()
		o := r.settle(t, loan(jobs.Interactive))
		if o.Kind != jobs.Succeed || o.Result.Quality.Degraded {
			t.Errorf("got %+v", o)
		}
		if diff := cmp.Diff([]string{"0 call", "0 call"}, r.script.calls); diff != "" {
			t.Error(diff)
		}
		if waited := time.Since(began); waited != 250*time.Millisecond {
			t.Errorf("waited %s between the calls, want half of 500ms", waited)
		}
		if len(r.ends) != 2 || r.ends[0].Retry || !r.ends[1].Retry {
			t.Errorf("got %+v", r.ends)
		}
	})
}

func TestAPrimaryThatIsDownLeadsToTheSmallerModel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, hang, good)
		o := r.settle(t, loan(jobs.Interactive))
		if o.Kind != jobs.Succeed || o.Tier != 2 || !o.Result.Quality.Degraded || len(o.Result.Quality.Reasons) == 0 {
			t.Errorf("got %+v", o)
		}
		if !r.ends[0].TimedOut {
			t.Error("the timeout is not told")
		}
	})
}

func TestWithoutModelsTheRulesAnswerAndSaySo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.config.Models = nil
		r.script.rules = extract.RulesAnswer{Complete: true, Extracted: extracted(`{"total":2}`)}
		o := r.settle(t, loan(jobs.Standard))
		q := o.Result.Quality
		if o.Tier != 3 || !q.Degraded || !cmp.Equal(q.Reasons, []string{tiers.WhyNoModel}) {
			t.Errorf("got %+v", q)
		}
		if f := o.Result.Fields["/total"]; f.Tier != 3 {
			t.Errorf("got %+v", f)
		}
		if len(o.Attempts) != 3 {
			t.Errorf("%d ledger rows, want two skips and the rules: %+v", len(o.Attempts), o.Attempts)
		}
	})
}

func TestWhatNoTierAnswersGoesToAPersonWithEveryCandidate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, faulty(tiers.FaultSchema))
		o := r.settle(t, loan(jobs.Interactive))
		if o.Kind != jobs.ToReview || o.Reason != tiers.ReviewAllFailed {
			t.Fatalf("got %+v", o)
		}
		byTier := map[int]int{}
		for _, c := range o.Candidates {
			byTier[c.Tier]++
			if len(c.Reasons) == 0 || c.Data == nil {
				t.Errorf("a candidate without reason or data: %+v", c)
			}
		}
		if byTier[1] == 0 || byTier[2] == 0 || byTier[3] != 1 {
			t.Errorf("candidates by tier: %v", byTier)
		}
		if r.script.calls[1] != "0 repair" {
			t.Errorf("calls were %v, want one repair after the first", r.script.calls)
		}
	})
}

func TestAFaultOfTheDocumentFailsTheJobWithoutACall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, good)
		r.config.Reader = reader{err: fmt.Errorf("child: %w", &document.Fault{Class: "corrupt", Detail: "no pages"})}
		o := r.settle(t, loan(jobs.Standard))
		if o.Kind != jobs.Fail || o.Failure.Class != tiers.ClassCorrupt || o.Failure.Reason == "" {
			t.Errorf("got %+v", o)
		}
		if len(r.script.calls) != 0 {
			t.Errorf("calls were made: %v", r.script.calls)
		}
	})
}

func TestTroubleOfOurOwnGivesTheJobBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		trouble := errors.New("no child could be started")
		r := newRig(t, good)
		r.config.Reader = reader{err: trouble}
		if _, err := r.run(t.Context(), t, loan(jobs.Standard), firm(true)); !errors.Is(err, trouble) {
			t.Errorf("got %v", err)
		}
		r = newRig(t, good)
		r.store.err = jobs.ErrUnavailable
		if _, err := r.run(t.Context(), t, loan(jobs.Standard), firm(true)); !errors.Is(err, jobs.ErrUnavailable) || len(r.script.calls) != 0 {
			t.Errorf("got %v after calls %v: no call may leave before its row is durable", err, r.script.calls)
		}
	})
}

func TestAJobHeldLooselyMakesNoPaidCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, good)
		if _, err := r.run(t.Context(), t, loan(jobs.Standard), firm(false)); err == nil || len(r.script.calls) != 0 {
			t.Errorf("got error %v and calls %v", err, r.script.calls)
		}
	})
}

func TestACancelledJobStopsItsCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, hang)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(worker.ErrCancelAsked) })
		o, err := r.run(ctx, t, loan(jobs.Standard), firm(true))
		if err != nil || o.Kind != jobs.Stopped {
			t.Fatalf("got %+v, %v", o, err)
		}
		if len(o.Attempts) != 1 || o.Attempts[0].Outcome != jobs.AttemptCancelled {
			t.Errorf("the ledger says %+v", o.Attempts)
		}
	})
}

func TestALongPauseOfTheProviderParksABatchJob(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, status(429, "300"))
		now := time.Now()
		o := r.settle(t, loan(jobs.Batch))
		if o.Kind != jobs.Park || o.Until.Before(now.Add(300*time.Second)) || o.Reason != string(tiers.ClassRate) {
			t.Errorf("got %+v", o)
		}
		if len(r.gates) != 1 || r.gates[0].Until.Before(now.Add(300*time.Second)) {
			t.Errorf("gates told of: %+v", r.gates)
		}
		if len(r.script.calls) != 1 {
			t.Errorf("calls: %v", r.script.calls)
		}
	})
}

func TestAJobLentAgainContinuesItsLedger(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, good)
		l := loan(jobs.Standard)
		l.Attempts = []jobs.Attempt{
			{Generation: 1, N: 1, Tier: 1, Kind: jobs.SkipAttempt, Outcome: jobs.AttemptSkipped, Why: tiers.WhyGated, EndedAt: time.Now()},
			{Generation: 1, N: 2, Tier: 2, Kind: jobs.CallAttempt, Provider: "far", Model: "small", Outcome: jobs.AttemptLost, Billed: jobs.BilledMaybe, EndedAt: time.Now()},
		}
		o := r.settle(t, l)
		if o.Tier != 2 || o.Attempts[len(o.Attempts)-1].N != 3 {
			t.Errorf("got tier %d with rows %+v", o.Tier, o.Attempts)
		}
		if diff := cmp.Diff([]string{"1 call"}, r.script.calls); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAConfigurationWithoutItsPartsIsRefused(t *testing.T) {
	if _, err := ladder.New(ladder.Config{}); err == nil {
		t.Error("no error without parts")
	}
	r := newRig(t)
	r.config.Models[0].Tier = 3
	if _, err := ladder.New(r.config); err == nil {
		t.Error("no error for a model of tier 3")
	}
}
