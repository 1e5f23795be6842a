package operations_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// mortal is an engine as seen by a process that dies at one of its calls: by
// then that call has had its effect or not, and all later ones fail.
func mortal(e jobs.Engine, at int, last jobstest.Fault, died func()) *jobstest.Faulty {
	calls := 0
	return &jobstest.Faulty{Engine: e, Plan: func(string, int) jobstest.Fault {
		switch calls++; {
		case calls < at:
			return jobstest.None
		case calls == at:
			died()
			return last
		default:
			return jobstest.ErrorBefore
		}
	}}
}

// TestADriverMayDieAtAnyStep kills the driver at each of its calls in turn,
// and lets another finish. In between, another operation may change the same
// jobs, so that the engine's memory of the last operation does not help.
func TestADriverMayDieAtAnyStep(t *testing.T) {
	t.Parallel()
	for _, last := range []jobstest.Fault{jobstest.ErrorBefore, jobstest.ErrorAfter} {
		for _, meddle := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, meddled with %t", last, meddle), func(t *testing.T) {
				t.Parallel()
				already, deaths := 0, 0
				for at := 1; ; at++ {
					dead := false
					synctest.Test(t, func(t *testing.T) {
						already += dieAt(t, at, last, meddle, func() { dead = true })
					})
					if !dead {
						break
					}
					deaths++
				}
				// Ten jobs of at least two calls each.
				if deaths < 30 {
					t.Errorf("the driver died in %d ways only", deaths)
				}
				if already == 0 {
					t.Error("no driver ever found a job changed already")
				}
			})
		}
	}
}

// dieAt lets a driver die at a call and answers how many changes its heir found
// already made.
func dieAt(t *testing.T, at int, last jobstest.Fault, meddle bool, died func()) (already int) {
	s := newShop(t)
	ids := s.failed(10)
	heir := process(t, s)
	op := create(t, heir, operations.Order{Action: operations.Requeue, StopIf: operations.StopIf{FailureRate: 1, Window: 2}}, true)
	stop := run(t, process(t, mortal(s.Engine, at, last, died)))
	time.Sleep(time.Second)
	stop()
	if meddle {
		other := create(t, heir, operations.Order{Action: operations.Cancel, Filter: jobs.Filter{States: []jobs.State{jobs.Queued}}}, true)
		if _, err := heir.Pause(t.Context(), "", "k", op.ID); err == nil {
			stop := run(t, heir)
			time.Sleep(time.Second)
			stop()
			if _, err := heir.Resume(t.Context(), "", "k", op.ID); err != nil {
				t.Fatal(err)
			}
			if got := get(t, heir, other.ID); got.State != operations.Succeeded {
				t.Fatalf("the other operation is %s", got.State)
			}
		}
	}
	run(t, heir)
	time.Sleep(20 * time.Second) // the lease of the dead ends
	if got := s.inspect(heir, op.ID, newest(ids)); got.State != operations.Succeeded || got.Progress.Applied != 10 {
		t.Errorf("died at call %d: %s with %+v", at, got.State, got.Progress)
	}
	for _, r := range audit(t, heir, op.ID) {
		if r.Result == operations.Already {
			already++
		}
	}
	return already
}

// TestOneFaultAtAnyStepDoesNoHarm makes each call of the driver fail once, in
// each way, and lets it go on.
func TestOneFaultAtAnyStepDoesNoHarm(t *testing.T) {
	t.Parallel()
	for _, fault := range []jobstest.Fault{jobstest.ErrorBefore, jobstest.ErrorAfter, jobstest.Doubled} {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			for at := 1; ; at++ {
				reached := false
				synctest.Test(t, func(t *testing.T) {
					s := newShop(t)
					ids := s.failed(10)
					calls := 0
					e := &jobstest.Faulty{Engine: s.Engine, Plan: func(string, int) jobstest.Fault {
						if calls++; calls != at {
							return jobstest.None
						}
						reached = true
						return fault
					}}
					o := process(t, s)
					op := create(t, o, operations.Order{Action: operations.Requeue, Rate: 20}, true)
					run(t, process(t, e))
					time.Sleep(10 * time.Second)
					if got := s.inspect(o, op.ID, newest(ids)); got.State != operations.Succeeded || got.Progress.Applied != 10 {
						t.Errorf("%s at call %d: %s with %+v", fault, at, got.State, got.Progress)
					}
				})
				if at > 60 && !reached {
					break
				}
			}
		})
	}
}

// sleepy is an engine as seen by a process that stands still at one of its
// calls, before or after its effect, for longer than its lease lasts.
type sleepy struct {
	*jobstest.Faulty
	at    int
	after bool
	slept func()

	mu    sync.Mutex
	calls int
}

func (e *sleepy) now() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	return e.calls == e.at
}

func nap[T any](e *sleepy, call func() (T, error)) (T, error) {
	if !e.now() {
		return call()
	}
	e.slept()
	if !e.after {
		time.Sleep(time.Minute)
		return call()
	}
	defer time.Sleep(time.Minute)
	return call()
}

func (e *sleepy) Get(ctx context.Context, tenant string, id jobs.ID) (jobs.Job, error) {
	return nap(e, func() (jobs.Job, error) { return e.Faulty.Get(ctx, tenant, id) })
}

func (e *sleepy) Apply(ctx context.Context, c jobs.Command) (jobs.Job, error) {
	return nap(e, func() (jobs.Job, error) { return e.Faulty.Apply(ctx, c) })
}

func (e *sleepy) Records() jobs.Records { return sleepyRecords{e.Faulty.Records(), e} }

type sleepyRecords struct {
	jobs.Records
	e *sleepy
}

func (r sleepyRecords) Get(ctx context.Context, kind string, id jobs.ID) (jobs.Record, error) {
	return nap(r.e, func() (jobs.Record, error) { return r.Records.Get(ctx, kind, id) })
}

func (r sleepyRecords) Put(ctx context.Context, rec jobs.Record) (jobs.Record, error) {
	return nap(r.e, func() (jobs.Record, error) { return r.Records.Put(ctx, rec) })
}

// TestADriverThatWakesUpTooLateDoesNoHarm lets a driver stand still at each of
// its calls in turn, while another takes over and an operation of somebody else
// changes the same jobs.
func TestADriverThatWakesUpTooLateDoesNoHarm(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for _, meddle := range []bool{false, true} {
			t.Run(fmt.Sprintf("after %t, meddled with %t", after, meddle), func(t *testing.T) {
				t.Parallel()
				naps := 0
				for at := 1; ; at++ {
					slept := false
					synctest.Test(t, func(t *testing.T) {
						s := newShop(t)
						ids := s.failed(10)
						heir := process(t, s)
						op := create(t, heir, operations.Order{Action: operations.Requeue}, true)
						run(t, process(t, &sleepy{Faulty: &jobstest.Faulty{Engine: s.Engine}, at: at, after: after, slept: func() { slept = true }}))
						time.Sleep(time.Second)
						run(t, heir)
						time.Sleep(30 * time.Second)
						if meddle {
							create(t, heir, operations.Order{Action: operations.Cancel, Filter: jobs.Filter{States: []jobs.State{jobs.Queued}}}, true)
						}
						time.Sleep(2 * time.Minute)
						if got := s.inspect(heir, op.ID, newest(ids)); got.State != operations.Succeeded || got.Progress.Applied != 10 {
							t.Errorf("stood still at call %d: %s with %+v", at, got.State, got.Progress)
						}
					})
					if !slept {
						break
					}
					naps++
				}
				if naps < 25 {
					t.Errorf("the driver stood still in %d ways only", naps)
				}
			})
		}
	}
}

// TestManyDriversOverABadStoreChangeEachJobOnce lets three processes drive over
// engines that fail in all ways, while somebody pauses and resumes and other
// operations and people change the same jobs.
func TestManyDriversOverABadStoreChangeEachJobOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { storm(t, seed) })
		})
	}
}

func storm(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 7))
	s := newShop(t)
	ids := s.failed(40)
	healthy := process(t, s)
	op := create(t, healthy, operations.Order{Action: operations.Requeue, Rate: 5}, true)
	for n := range uint64(3) {
		e := &jobstest.Faulty{Engine: s.Engine, Delay: time.Duration(5+random.IntN(30)) * time.Second, Plan: jobstest.Seeded(
			seed*3+n, 0.05, jobstest.ErrorBefore, jobstest.ErrorAfter, jobstest.Doubled, jobstest.Slow)}
		run(t, process(t, e, func(c *operations.Config) { c.Owner = fmt.Sprint("api-", n) }))
	}
	requeued := func(j jobs.Job) bool { return j.Generation > 1 }
	for range 200 {
		time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
		switch random.IntN(12) {
		case 0:
			_, _ = healthy.Pause(t.Context(), "", "jo", op.ID)
		case 1, 2, 3:
			_, _ = healthy.Resume(t.Context(), "", "jo", op.ID)
		case 4: // another operation on the same jobs
			_, _ = healthy.Create(t.Context(), "", "other", operations.Order{
				Action: operations.Cancel, Filter: jobs.Filter{States: []jobs.State{jobs.Queued}}}, true)
		case 5: // a person requeues what the operation had requeued
			if j := s.job(ids[random.IntN(len(ids))]); requeued(j) && j.State == jobs.Cancelled {
				s.apply(jobs.Command{Kind: jobs.Requeue, Job: j.ID, Actor: "jo"})
			}
		}
	}
	for range 100 {
		_, _ = healthy.Resume(t.Context(), "", "jo", op.ID)
		time.Sleep(10 * time.Second)
	}
	if got := s.inspect(healthy, op.ID, newest(ids)); got.State != operations.Succeeded || got.Progress.Applied != 40 {
		t.Errorf("%s with %+v", got.State, got.Progress)
	}
}
