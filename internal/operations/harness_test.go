package operations_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is an engine with jobs in it. Most tests put it in a bubble, where it
// goes by the bubble's clock.
type shop struct {
	*memjobs.Engine
	t   testing.TB
	ids int
}

func newShop(t testing.TB) *shop {
	t.Helper()
	e, err := memjobs.New(memjobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return &shop{Engine: e, t: t}
}

// queued makes a job that waits.
func (s *shop) queued(change ...func(*jobs.Submission)) jobs.ID {
	s.t.Helper()
	s.ids++
	sub := jobs.Submission{
		ID: jobs.ID(fmt.Sprintf("job_%06d", s.ids)), Tenant: "acme", Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice@1"},
		Fingerprint: "f", DeadlineAt: time.Now().Add(time.Hour),
	}
	for _, f := range change {
		f(&sub)
	}
	a, err := s.Accept(s.t.Context(), []jobs.Submission{sub})
	if err != nil || a[0].Status != jobs.Created {
		s.t.Fatalf("accept: %+v, error %v", a, err)
	}
	return sub.ID
}

// lend takes the next job, as a worker does.
func (s *shop) lend() jobs.Lease {
	s.t.Helper()
	loans, err := s.Lend(s.t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
	if err != nil || len(loans) != 1 {
		s.t.Fatalf("%d loans, error %v", len(loans), err)
	}
	return loans[0].Lease
}

func (s *shop) settle(o jobs.Outcome) jobs.ID {
	s.t.Helper()
	l := s.lend()
	if _, err := s.Finish(s.t.Context(), l, o); err != nil {
		s.t.Fatal(err)
	}
	return l.Job
}

func fail(class jobs.Class) jobs.Outcome {
	return jobs.Outcome{Kind: jobs.Fail, Tier: 1, Failure: &jobs.Failure{Class: class, Reason: "it failed", Tier: 1, Provider: "near"}}
}

func (s *shop) failed(n int) (ids []jobs.ID) {
	s.t.Helper()
	for range n {
		s.queued()
		ids = append(ids, s.settle(fail("rate")))
	}
	return ids
}

func (s *shop) reviewed() jobs.ID {
	s.t.Helper()
	s.queued()
	return s.settle(jobs.Outcome{Kind: jobs.ToReview, Tier: 3, Reason: "all_tiers_failed"})
}

func (s *shop) succeeded() jobs.ID {
	s.t.Helper()
	s.queued()
	return s.settle(jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{}`)}})
}

func (s *shop) apply(c jobs.Command) {
	s.t.Helper()
	if _, err := s.Apply(s.t.Context(), c); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) job(id jobs.ID) jobs.Job {
	s.t.Helper()
	j, err := s.Engine.Get(s.t.Context(), "", id)
	if err != nil {
		s.t.Fatal(err)
	}
	return j
}

// process is operations over an engine, with small parts.
func process(t testing.TB, e operations.Engine, change ...func(*operations.Config)) *operations.Operations {
	t.Helper()
	cfg := operations.Config{Engine: e, Owner: "api-1"}
	for _, f := range change {
		f(&cfg)
	}
	o, err := operations.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	o.SetChunk(4)
	return o
}

// run runs operations until stop is called, or the test ends.
func run(t testing.TB, o *operations.Operations) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { o.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// create makes an operation of operators.
func create(t testing.TB, o *operations.Operations, order operations.Order, start bool) operations.Operation {
	t.Helper()
	op, err := o.Create(t.Context(), "", "ops/key1", order, start)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func get(t testing.TB, o *operations.Operations, id jobs.ID) operations.Operation {
	t.Helper()
	op, err := o.Get(t.Context(), "", id)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// audit reads all rows, in pages of 3.
func audit(t testing.TB, o *operations.Operations, id jobs.ID) []operations.AuditRow {
	t.Helper()
	var all []operations.AuditRow
	for from := 0; ; {
		rows, next, more, err := o.Audit(t.Context(), "", id, from, 3)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
		if from = next; !more {
			return all
		}
	}
}

// changes counts the changes that an operation made to a job.
func (s *shop) changes(op operations.Operation, id jobs.ID) int {
	s.t.Helper()
	events, err := s.History(s.t.Context(), "", id, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, e := range events {
		if e.Actor == op.By+"@"+string(op.ID) {
			n++
		}
	}
	return n
}

// inspect judges an operation that has worked through all its jobs: each has a
// row, and was changed exactly once if the row says so.
func (s *shop) inspect(o *operations.Operations, id jobs.ID, selected []jobs.ID) operations.Operation {
	s.t.Helper()
	op := get(s.t, o, id)
	rows := audit(s.t, o, id)
	var ids []jobs.ID
	var want operations.Progress
	for n, r := range rows {
		ids = append(ids, r.Job)
		if r.N != n || r.At.IsZero() {
			s.t.Errorf("row %d is %+v", n, r)
		}
		times := s.changes(op, r.Job)
		switch r.Result {
		case operations.Applied, operations.Already:
			want.Applied++
			if times != 1 {
				s.t.Errorf("job %s is %s and was changed %d times", r.Job, r.Result, times)
			}
		case operations.NotMade:
			if want.Failed++; want.FailedBy == nil {
				want.FailedBy = map[string]int{}
			}
			want.FailedBy[r.Why]++
			if times != 0 {
				s.t.Errorf("job %s failed (%s) and was changed %d times", r.Job, r.Why, times)
			}
		default:
			s.t.Errorf("job %s is %q", r.Job, r.Result)
		}
	}
	if diff := cmp.Diff(selected, ids); diff != "" {
		s.t.Errorf("jobs of the rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, op.Progress); diff != "" {
		s.t.Errorf("progress (-from the rows +got):\n%s", diff)
	}
	if op.Selection.Selected != len(selected) || op.Driver() != "" {
		s.t.Errorf("%d selected, driven by %q", op.Selection.Selected, op.Driver())
	}
	return op
}

// newest turns IDs into the order of selections.
func newest(ids []jobs.ID) []jobs.ID {
	back := make([]jobs.ID, len(ids))
	for i, id := range ids {
		back[len(ids)-1-i] = id
	}
	return back
}
