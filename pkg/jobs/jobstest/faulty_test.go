package jobstest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

func newEngine(t *testing.T) *memjobs.Engine {
	t.Helper()
	e, err := memjobs.New(memjobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func group(ids ...jobs.ID) []jobs.Submission {
	var subs []jobs.Submission
	for _, id := range ids {
		subs = append(subs, jobs.Submission{
			ID: id, Tenant: "acme", Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: "p",
			DeadlineAt: time.Now().Add(time.Hour),
		})
	}
	return subs
}

// known are the jobs of an engine.
func known(t *testing.T, e jobs.Engine) []jobs.ID {
	t.Helper()
	all, err := e.List(t.Context(), jobs.Filter{}, jobs.Page{})
	if err != nil {
		t.Fatal(err)
	}
	ids := []jobs.ID{}
	for _, j := range all {
		ids = append(ids, j.ID)
	}
	return ids
}

func TestEachFaultDoesWhatItSays(t *testing.T) {
	for _, c := range []struct {
		fault jobstest.Fault
		err   error
		want  []jobs.ID
		first jobs.AcceptStatus // of the answer
	}{
		{jobstest.None, nil, []jobs.ID{"b", "a"}, jobs.Created},
		{jobstest.ErrorBefore, jobs.ErrUnavailable, []jobs.ID{}, ""},
		{jobstest.ErrorAfter, jobs.ErrUnavailable, []jobs.ID{"b", "a"}, ""},
		{jobstest.Doubled, nil, []jobs.ID{"b", "a"}, jobs.Existing},
		{jobstest.Torn, jobs.ErrUnavailable, []jobs.ID{"a"}, ""},
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			e := newEngine(t)
			f := &jobstest.Faulty{Engine: e, Plan: jobstest.Script(map[string][]jobstest.Fault{"Accept": {c.fault}})}
			as, err := f.Accept(t.Context(), group("a", "b"))
			if !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Errorf("got error %v, want %v", err, c.err)
			}
			if err == nil && as[0].Status != c.first {
				t.Errorf("the first is %s, want %s", as[0].Status, c.first)
			}
			if diff := cmp.Diff(c.want, known(t, e)); diff != "" {
				t.Errorf("the jobs (-want +got):\n%s", diff)
			}
			if _, err := f.Accept(t.Context(), group("a", "b")); err != nil {
				t.Errorf("after the script: %v", err)
			}
		})
	}
}

func TestASlowCallWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		slow := func(string, int) jobstest.Fault { return jobstest.Slow }
		f := &jobstest.Faulty{Engine: e, Plan: slow, Delay: time.Minute}
		start := time.Now()
		if _, err := f.Accept(t.Context(), group("a")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("the call took %s, want 1m", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := f.Accept(ctx, group("b"))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute+time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		if diff := cmp.Diff([]jobs.ID{"a"}, known(t, e)); diff != "" {
			t.Errorf("the jobs (-want +got):\n%s", diff)
		}
		f.Delay = 0
		start = time.Now()
		if _, err := f.Stats(t.Context()); err != nil || time.Since(start) != time.Second {
			t.Errorf("by default a slow call takes %s, %v; want 1s", time.Since(start), err)
		}
	})
}

// everyMethod makes each call of a faulty engine once and returns its errors.
func everyMethod(ctx context.Context, e jobs.Engine) map[string]error {
	errs := make(map[string]error)
	l := jobs.Lease{Job: "a", Token: 1}
	_, errs["Accept"] = e.Accept(ctx, group("a"))
	_, errs["Lend"] = e.Lend(ctx, jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
	_, errs["Extend"] = e.Extend(ctx, []jobs.Lease{l}, time.Minute)
	errs["PutAttempts"] = e.PutAttempts(ctx, l)
	_, errs["Finish"] = e.Finish(ctx, l, jobs.Outcome{Kind: jobs.Release})
	_, errs["Apply"] = e.Apply(ctx, jobs.Command{Kind: jobs.Cancel, Job: "a"})
	_, errs["Sweep"] = e.Sweep(ctx)
	errs["SetBulkheads"] = e.SetBulkheads(ctx)
	_, errs["Get"] = e.Get(ctx, "", "a")
	_, errs["ByKey"] = e.ByKey(ctx, "acme", "k")
	_, errs["Document"] = e.Document(ctx, "", "a")
	_, errs["Attempts"] = e.Attempts(ctx, "", "a")
	_, errs["History"] = e.History(ctx, "", "a", 0)
	_, errs["List"] = e.List(ctx, jobs.Filter{}, jobs.Page{})
	_, errs["Stats"] = e.Stats(ctx)
	_, errs["Records.Get"] = e.Records().Get(ctx, "k", "r")
	_, errs["Records.Put"] = e.Records().Put(ctx, jobs.Record{Kind: "k", ID: "r"})
	errs["Records.Delete"] = e.Records().Delete(ctx, "k", "r", 1)
	a := e.(jobs.Archive)
	_, errs["Count"] = a.Count(ctx, jobs.Filter{})
	_, errs["Groups"] = a.Groups(ctx, jobs.Filter{})
	_, errs["Retain"] = a.Retain(ctx, jobs.Retention{})
	_, errs["Spent"] = a.Spent(ctx, "acme", time.Time{})
	_, errs["Records.List"] = e.Records().List(ctx, jobs.RecordQuery{Kind: "k"})
	return errs
}

func TestEveryMethodFailsByPlan(t *testing.T) {
	asked := make(map[string]int)
	f := &jobstest.Faulty{Engine: newEngine(t), Plan: func(method string, n int) jobstest.Fault {
		asked[method] = n
		return jobstest.ErrorBefore
	}}
	errs := everyMethod(t.Context(), f)
	for method, err := range errs {
		if !errors.Is(err, jobs.ErrUnavailable) || asked[method] != 1 {
			t.Errorf("%s: got %v, and the plan was asked for call %d", method, err, asked[method])
		}
	}
	if len(asked) != len(errs) {
		t.Errorf("the plan was asked for %v", asked)
	}
	if diff := cmp.Diff(map[jobstest.Fault]int{jobstest.ErrorBefore: len(errs)}, f.Injected()); diff != "" {
		t.Errorf("injected (-want +got):\n%s", diff)
	}
	if err := f.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestWithoutAPlanAnEngineIsAsItWas(t *testing.T) {
	straight, faulty := newEngine(t), &jobstest.Faulty{Engine: newEngine(t)}
	want, got := everyMethod(t.Context(), straight), everyMethod(t.Context(), faulty)
	for method := range want {
		if (want[method] == nil) != (got[method] == nil) {
			t.Errorf("%s: got %v, want %v", method, got[method], want[method])
		}
	}
}

func TestAnEngineWithoutAnArchiveGetsNone(t *testing.T) {
	f := &jobstest.Faulty{Engine: bent{Engine: newEngine(t)}}
	if _, err := f.Count(t.Context(), jobs.Filter{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("count: %v", err)
	}
	if _, err := f.Retain(t.Context(), jobs.Retention{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("retain: %v", err)
	}
}

func TestTornGroupsAreDoneByHalves(t *testing.T) {
	e := newEngine(t)
	f := &jobstest.Faulty{Engine: e, Plan: func(string, int) jobstest.Fault { return jobstest.Torn }}
	if _, err := e.Accept(t.Context(), group("a", "b")); err != nil {
		t.Fatal(err)
	}
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
	if err != nil {
		t.Fatal(err)
	}
	l := loans[0].Lease
	err = f.PutAttempts(t.Context(), l, jobs.Attempt{N: 1}, jobs.Attempt{N: 2})
	if !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("attempts: %v", err)
	}
	if rows, err := e.Attempts(t.Context(), "", l.Job); err != nil || len(rows) != 1 {
		t.Errorf("%d rows, %v; want 1", len(rows), err)
	}
	err = f.SetBulkheads(t.Context(), jobs.Bulkhead{Tenant: "other", Paused: true}, jobs.Bulkhead{Tenant: "acme", Paused: true})
	if !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("bulkheads: %v", err)
	}
	if loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1}); err != nil || len(loans) != 1 {
		t.Errorf("%d loans, %v: the second half was done", len(loans), err)
	}
	if _, err := f.Extend(t.Context(), []jobs.Lease{l}, time.Hour); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("extend: %v", err)
	}
	// What is no group is done whole.
	if _, err := f.Finish(t.Context(), l, jobs.Outcome{Kind: jobs.Release}); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("finish: %v", err)
	}
	if j, err := e.Get(t.Context(), "", l.Job); err != nil || j.State != jobs.Queued {
		t.Errorf("the job is %s, %v", j.State, err)
	}
}

func TestASeededPlanKeepsToItsRateAndRepeats(t *testing.T) {
	ways := []jobstest.Fault{jobstest.ErrorBefore, jobstest.ErrorAfter}
	plan, again, other := jobstest.Seeded(1, 0.25, ways...), jobstest.Seeded(1, 0.25, ways...), jobstest.Seeded(2, 0.25, ways...)
	got := make(map[jobstest.Fault]int)
	differs := false
	for n := 1; n <= 4000; n++ {
		fault := plan("Finish", n)
		got[fault]++
		if again("Finish", n) != fault {
			t.Fatalf("call %d: the same plan gives another fault", n)
		}
		differs = differs || other("Finish", n) != fault
	}
	if !differs {
		t.Error("another seed gives the same faults")
	}
	for _, way := range ways {
		if got[way] < 400 || got[way] > 600 {
			t.Errorf("%d calls of 4000 got %s, want about 500", got[way], way)
		}
	}
	if jobstest.Seeded(1, 1)("Get", 1) != jobstest.None {
		t.Error("a plan without ways to fail fails")
	}
}
