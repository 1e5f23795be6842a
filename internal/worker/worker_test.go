package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

// process adapts a function to a processor.
type process func(ctx context.Context, loan jobs.Loan, h worker.Holding) (jobs.Outcome, error)

func (p process) Process(ctx context.Context, loan jobs.Loan, h worker.Holding) (jobs.Outcome, error) {
	return p(ctx, loan, h)
}

func succeed() jobs.Outcome {
	return jobs.Outcome{Kind: jobs.Succeed, Tier: 3, Result: &jobs.Result{Data: []byte(`{}`)}}
}

// rig is an engine on the bubble's clock with a worker on it.
type rig struct {
	t      *testing.T
	engine *memjobs.Engine
	stop   context.CancelFunc
	done   chan struct{}
	sweeps sync.WaitGroup
}

func start(t *testing.T, engine *memjobs.Engine, lender worker.Lender, c worker.Config, grace time.Duration, p process) (*rig, *worker.Worker) {
	t.Helper()
	c.Name = "w"
	w, err := worker.New(c, lender, p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r := &rig{t: t, engine: engine, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		w.Run(ctx, grace)
	}()
	r.sweeps.Go(func() {
		for {
			select {
			case <-r.done:
				return
			case <-time.After(time.Second):
				if _, err := engine.Sweep(context.WithoutCancel(ctx)); err != nil {
					t.Error(err)
				}
			}
		}
	})
	return r, w
}

// finish stops the worker and waits for it.
func (r *rig) finish() {
	r.stop()
	<-r.done
	r.sweeps.Wait()
}

func newEngine(t *testing.T) *memjobs.Engine {
	t.Helper()
	e, err := memjobs.New(memjobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func accept(t *testing.T, e jobs.Engine, n int) []jobs.ID {
	t.Helper()
	var subs []jobs.Submission
	var ids []jobs.ID
	for i := range n {
		id := jobs.ID(fmt.Sprintf("job_%03d", i))
		ids = append(ids, id)
		subs = append(subs, jobs.Submission{
			ID: id, Tenant: "acme", Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: string(id),
			Document: jobs.Document{Size: 1}, Body: []byte("x"), DeadlineAt: time.Now().Add(time.Hour),
		})
	}
	if _, err := e.Accept(t.Context(), subs); err != nil {
		t.Fatal(err)
	}
	return ids
}

func state(t *testing.T, e jobs.Engine, id jobs.ID) jobs.Job {
	t.Helper()
	j, err := e.Get(context.WithoutCancel(t.Context()), "", id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestNoMoreJobsRunAtOnceThanThereAreSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		ids := accept(t, e, 50)
		var mu sync.Mutex
		running, most := 0, 0
		r, w := start(t, e, e, worker.Config{Slots: 3}, time.Minute, func(context.Context, jobs.Loan, worker.Holding) (jobs.Outcome, error) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			running--
			mu.Unlock()
			return succeed(), nil
		})
		time.Sleep(10 * time.Second)
		r.finish()
		if most != 3 {
			t.Errorf("at most %d jobs ran at once, want 3", most)
		}
		for _, id := range ids {
			if j := state(t, e, id); j.State != jobs.Succeeded || j.Loans != 1 {
				t.Errorf("%s is %s after %d loans", id, j.State, j.Loans)
			}
		}
		want := worker.Load{Slots: 3, ServiceMS: 100, Done: 50, Draining: true}
		if diff := cmp.Diff(want, w.Load()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestALongJobKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		id := accept(t, e, 1)[0]
		r, _ := start(t, e, e, worker.Config{Lease: 3 * time.Second}, time.Minute, func(_ context.Context, _ jobs.Loan, h worker.Holding) (jobs.Outcome, error) {
			for range 60 {
				time.Sleep(time.Second)
				if !h.Firm() {
					t.Error("the lease is not firm while the engine answers")
				}
			}
			return succeed(), nil
		})
		time.Sleep(70 * time.Second)
		if j := state(t, e, id); j.State != jobs.Succeeded || j.Loans != 1 {
			t.Errorf("the job is %s after %d loans", j.State, j.Loans)
		}
		r.finish()
	})
}

func TestACancelledJobStopsAtOnceWhenPoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		id := accept(t, e, 1)[0]
		r, w := start(t, e, e, worker.Config{}, time.Minute, func(ctx context.Context, _ jobs.Loan, _ worker.Holding) (jobs.Outcome, error) {
			<-ctx.Done()
			return jobs.Outcome{}, context.Cause(ctx)
		})
		time.Sleep(time.Second)
		if _, err := e.Apply(t.Context(), jobs.Command{Kind: jobs.Cancel, Job: id, Reason: "enough"}); err != nil {
			t.Fatal(err)
		}
		w.Poke("another")
		w.Poke(id)
		synctest.Wait()
		if j := state(t, e, id); j.State != jobs.Cancelled || j.CancelReason != "enough" {
			t.Errorf("the job is %s (%s)", j.State, j.CancelReason)
		}
		r.finish()
	})
}

func TestAnErrorOrPanicGivesTheJobBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		id := accept(t, e, 1)[0]
		tries := 0
		var troubles []error
		c := worker.Config{Events: worker.Events{Trouble: func(_ jobs.ID, err error) { troubles = append(troubles, err) }}}
		r, _ := start(t, e, e, c, time.Minute, func(context.Context, jobs.Loan, worker.Holding) (jobs.Outcome, error) {
			tries++
			switch tries {
			case 1:
				return jobs.Outcome{}, errors.New("the disk is full")
			case 2:
				panic("secret text")
			default:
				return succeed(), nil
			}
		})
		time.Sleep(time.Second)
		r.finish()
		if j := state(t, e, id); j.State != jobs.Succeeded {
			t.Errorf("the job is %s", j.State)
		}
		if len(troubles) != 2 {
			t.Fatalf("%d troubles, want 2: %v", len(troubles), troubles)
		}
		if got := troubles[1].Error(); got != "panic while processing (string)" {
			t.Errorf("the panic is told as %q", got)
		}
	})
}

func TestDrainLetsJobsFinishAndGivesBackTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		ids := accept(t, e, 3)
		r, _ := start(t, e, e, worker.Config{Slots: 2}, 10*time.Second, func(ctx context.Context, loan jobs.Loan, _ worker.Holding) (jobs.Outcome, error) {
			took := 5 * time.Second
			if loan.Job.ID == ids[1] {
				took = time.Hour
			}
			select {
			case <-time.After(took):
				return succeed(), nil
			case <-ctx.Done():
				return jobs.Outcome{}, context.Cause(ctx)
			}
		})
		time.Sleep(time.Second)
		began := time.Now()
		r.finish()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("the drain took %s, want the grace of 10s", took)
		}
		if j := state(t, e, ids[0]); j.State != jobs.Succeeded {
			t.Errorf("the short job is %s", j.State)
		}
		if j := state(t, e, ids[1]); j.State != jobs.Queued || j.Reason != "shutdown" || j.Loans != 0 {
			t.Errorf("the long job is %s (%s, %d loans)", j.State, j.Reason, j.Loans)
		}
		if j := state(t, e, ids[2]); j.State != jobs.Queued || j.Loans != 0 || j.Version != 1 {
			t.Errorf("the waiting job was lent during the drain: %s, version %d", j.State, j.Version)
		}
	})
}

// flaky is an engine whose answers get lost while it is away.
type flaky struct {
	*memjobs.Engine
	mu   sync.Mutex
	away bool
}

func (f *flaky) set(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
}

func (f *flaky) gone() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return fmt.Errorf("lost: %w", jobs.ErrUnavailable)
	}
	return nil
}

func (f *flaky) Lend(ctx context.Context, r jobs.LendRequest) ([]jobs.Loan, error) {
	if err := f.gone(); err != nil {
		return nil, err
	}
	return f.Engine.Lend(ctx, r)
}

func (f *flaky) Extend(ctx context.Context, l []jobs.Lease, d time.Duration) ([]jobs.LeaseState, error) {
	if err := f.gone(); err != nil {
		return nil, err
	}
	return f.Engine.Extend(ctx, l, d)
}

// Finish takes effect even when its answer is lost.
func (f *flaky) Finish(ctx context.Context, l jobs.Lease, o jobs.Outcome) (jobs.Job, error) {
	j, err := f.Engine.Finish(ctx, l, o)
	if gone := f.gone(); gone != nil {
		return jobs.Job{}, gone
	}
	return j, err
}

func TestAnOutcomeWhoseAnswerWasLostIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{Engine: newEngine(t)}
		id := accept(t, f, 1)[0]
		settled := 0
		c := worker.Config{Events: worker.Events{Settled: func(jobs.Job, jobs.Outcome, time.Duration) { settled++ }}}
		r, _ := start(t, f.Engine, f, c, time.Minute, func(context.Context, jobs.Loan, worker.Holding) (jobs.Outcome, error) {
			f.set(true)
			return succeed(), nil
		})
		time.Sleep(3 * time.Second)
		f.set(false)
		time.Sleep(3 * time.Second)
		r.finish()
		if j := state(t, f, id); j.State != jobs.Succeeded || j.Version != 3 || j.Loans != 1 {
			t.Errorf("the job is %s, version %d after %d loans", j.State, j.Version, j.Loans)
		}
		if settled != 1 {
			t.Errorf("settled %d times", settled)
		}
	})
}

func TestAHolderThatCannotConfirmItsLeaseStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{Engine: newEngine(t)}
		id := accept(t, f, 1)[0]
		lost := 0
		first := true
		var firmAt, unfirmAt, stoppedAt time.Duration
		c := worker.Config{Lease: 12 * time.Second, Events: worker.Events{Lost: func(jobs.Lease) { lost++ }}}
		r, _ := start(t, f.Engine, f, c, time.Minute, func(ctx context.Context, _ jobs.Loan, h worker.Holding) (jobs.Outcome, error) {
			if !first {
				return succeed(), nil
			}
			first = false
			f.set(true)
			began := time.Now()
			for ctx.Err() == nil {
				if h.Firm() {
					firmAt = time.Since(began)
				} else if unfirmAt == 0 {
					unfirmAt = time.Since(began)
				}
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
			}
			stoppedAt = time.Since(began)
			if !errors.Is(context.Cause(ctx), worker.ErrLeaseLost) {
				t.Errorf("stopped because of %v", context.Cause(ctx))
			}
			f.set(false)
			return succeed(), nil // too late: must not be written
		})
		time.Sleep(time.Minute)
		r.finish()
		if firmAt >= 6*time.Second || unfirmAt != 6*time.Second || stoppedAt != 12*time.Second {
			t.Errorf("firm until %s, not firm from %s, stopped at %s; want <6s, 6s, 12s", firmAt, unfirmAt, stoppedAt)
		}
		if lost != 1 {
			t.Errorf("%d outcomes were given up, want 1", lost)
		}
		if j := state(t, f, id); j.State != jobs.Succeeded || j.Loans != 2 {
			t.Errorf("the job is %s after %d loans, want succeeded after 2", j.State, j.Loans)
		}
	})
}

func TestAWorkerNeedsANameAndASlot(t *testing.T) {
	for name, c := range map[string]worker.Config{
		"no name": {}, "no slots": {Name: "w", Slots: -1}, "short lease": {Name: "w", Lease: time.Millisecond},
	} {
		if _, err := worker.New(c, nil, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
