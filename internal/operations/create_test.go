package operations_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

func TestADryRunSaysWhatWouldHappen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.failed(3)
		s.queued(func(sub *jobs.Submission) { sub.Lane, sub.Tenant = jobs.Batch, "other" })
		other := s.settle(fail("corrupt"))
		review := s.reviewed()
		claimed := s.reviewed()
		s.apply(jobs.Command{Kind: jobs.Claim, Job: claimed, Actor: "jo", Until: time.Now().Add(time.Minute)})
		succeeded := s.succeeded()
		o := process(t, s)
		op := create(t, o, operations.Order{
			Action: operations.Requeue, Reason: "INC-42",
			Filter: jobs.Filter{States: []jobs.State{jobs.Failed, jobs.InReview, jobs.Succeeded}},
		}, false)
		want := operations.Selection{
			AsOf: time.Now().UTC(), Matched: 7, Selected: 5,
			Skipped: map[string]int{"claimed": 1, "succeeded": 1},
			By: map[string]map[string]int{
				"state": {"failed": 4, "in_review": 1}, "lane": {"standard": 4, "batch": 1}, "tenant": {"acme": 4, "other": 1},
				"class": {"rate": 3, "corrupt": 1}, "schema": {"invoice@1": 5},
			},
			Sample: []operations.Sampled{
				{Job: succeeded, Tenant: "acme", State: jobs.Succeeded, Skip: "succeeded"},
				{Job: claimed, Tenant: "acme", State: jobs.InReview, Skip: "claimed"},
				{Job: review, Tenant: "acme", State: jobs.InReview},
				{Job: other, Tenant: "other", State: jobs.Failed, Class: "corrupt"},
				{Job: "job_000003", Tenant: "acme", State: jobs.Failed, Class: "rate"},
				{Job: "job_000002", Tenant: "acme", State: jobs.Failed, Class: "rate"},
				{Job: "job_000001", Tenant: "acme", State: jobs.Failed, Class: "rate"},
			},
		}
		if diff := cmp.Diff(want, op.Selection); diff != "" {
			t.Errorf("selection (-want +got):\n%s", diff)
		}
		if op.State != operations.Draft || op.By != "ops/key1" || !op.ExpiresAt.Equal(time.Now().Add(24*time.Hour)) || op.Tenant != "" {
			t.Errorf("draft: %+v", op)
		}
		run(t, o)
		time.Sleep(time.Minute)
		if got := get(t, o, op.ID); got.State != operations.Draft || got.Progress.Total() != 0 {
			t.Errorf("a draft that nobody started: %+v", got)
		}
		if diff := cmp.Diff(op, get(t, o, op.ID), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("read again (-made +read):\n%s", diff)
		}
	})
}

func TestASelectionTakesTheNewestUpToItsMax(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ids := s.failed(10)
	o := process(t, s)
	for _, tc := range []struct {
		limit   int
		limited bool
	}{{9, true}, {10, false}, {11, false}, {4, true}, {1, true}} {
		op := create(t, o, operations.Order{Action: operations.Requeue, Max: tc.limit}, false)
		if op.Selection.Selected != min(tc.limit, 10) || op.Selection.Limited != tc.limited || op.Selection.Sample[0].Job != ids[9] {
			t.Errorf("max %d: %+v", tc.limit, op.Selection)
		}
	}
}

func TestATenantsOperationIsAboutItsOwnJobs(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.failed(2)
	s.queued(func(sub *jobs.Submission) { sub.Tenant = "other" })
	theirs := s.settle(fail("rate"))
	o := process(t, s)
	op, err := o.Create(t.Context(), "acme", "acme/k", operations.Order{Action: operations.Requeue, Filter: jobs.Filter{Tenant: "other"}}, false)
	if err != nil || op.Selection.Selected != 2 || op.Filter.Tenant != "acme" || op.Tenant != "acme" {
		t.Errorf("%+v, error %v", op, err)
	}
	for what, do := range map[string]func(tenant string) error{
		"get":    func(tenant string) error { _, err := o.Get(t.Context(), tenant, op.ID); return err },
		"start":  func(tenant string) error { _, err := o.Start(t.Context(), tenant, "x", op.ID); return err },
		"cancel": func(tenant string) error { _, err := o.Cancel(t.Context(), tenant, "x", op.ID); return err },
		"audit":  func(tenant string) error { _, _, _, err := o.Audit(t.Context(), tenant, op.ID, 0, 1); return err },
	} {
		if err := do("other"); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("%s by another tenant: error %v", what, err)
		}
	}
	create(t, o, operations.Order{Action: operations.Requeue}, false)
	for tenant, want := range map[string]int{"acme": 1, "other": 0, "": 2} {
		all, _, err := o.List(t.Context(), operations.Query{Tenant: tenant})
		if err != nil || len(all) != want {
			t.Errorf("tenant %q lists %d operations, error %v; want %d", tenant, len(all), err, want)
		}
	}
	if j := s.job(theirs); j.Version != 3 {
		t.Errorf("the other tenant's job has changed: %+v", j)
	}
}

func TestListsBeginWithTheNewestAndPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		o := process(t, s)
		var want []jobs.ID
		for n := range 5 {
			tenant := []string{"", "acme"}[n%2]
			op, err := o.Create(t.Context(), tenant, "k", operations.Order{Action: operations.Requeue}, false)
			if err != nil {
				t.Fatal(err)
			}
			want = append([]jobs.ID{op.ID}, want...)
			time.Sleep(time.Second)
		}
		if _, err := o.Cancel(t.Context(), "", "k", want[1]); err != nil {
			t.Fatal(err)
		}
		list := func(q operations.Query) (got []jobs.ID) {
			for pages := 1; ; pages++ {
				page, next, err := o.List(t.Context(), q)
				if err != nil || pages > 5 {
					t.Fatalf("page %d, error %v", pages, err)
				}
				for _, op := range page {
					got = append(got, op.ID)
				}
				if q.After = next; next == "" {
					return got
				}
				if len(page) != q.Limit {
					t.Errorf("a page of %d, which is not the last", len(page))
				}
			}
		}
		for _, tc := range []struct {
			q    operations.Query
			want []jobs.ID
		}{
			{operations.Query{Limit: 2}, want},
			{operations.Query{Limit: 5}, want},
			{operations.Query{Tenant: "acme", Limit: 1}, []jobs.ID{want[1], want[3]}},
			{operations.Query{State: operations.Draft, Limit: 3}, []jobs.ID{want[0], want[2], want[3], want[4]}},
			{operations.Query{State: operations.Cancelled, Tenant: "acme", Limit: 3}, []jobs.ID{want[1]}},
			{operations.Query{State: operations.Running, Limit: 3}, nil},
		} {
			if diff := cmp.Diff(tc.want, list(tc.q)); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", tc.q, diff)
			}
		}
	})
}

func TestOrdersThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	o := process(t, s)
	lane, none := jobs.Batch, jobs.Lane(9)
	for want, order := range map[string]operations.Order{
		"action must":           {Action: "complete"},
		"states of the jobs":    {Action: operations.Cancel},
		"jobs to erase":         {Action: operations.Erase},
		"rate is -1":            {Action: operations.Requeue, Rate: -1},
		"rate is NaN":           {Action: operations.Requeue, Rate: math.NaN()},
		"rate is 10001":         {Action: operations.Requeue, Rate: 10_001},
		"max is":                {Action: operations.Requeue, Max: operations.MaxJobs + 1},
		"failure_rate is 1.5":   {Action: operations.Requeue, StopIf: operations.StopIf{FailureRate: 1.5}},
		"window is 1001":        {Action: operations.Requeue, StopIf: operations.StopIf{FailureRate: 1, Window: 1001}},
		"no failure_rate":       {Action: operations.Requeue, StopIf: operations.StopIf{Window: 5}},
		"reason has 513":        {Action: operations.Requeue, Reason: strings.Repeat("a", 513)},
		"move needs a lane":     {Action: operations.Move},
		"lane is unknown":       {Action: operations.Requeue, Lane: &none},
		"lane is for":           {Action: operations.Reject, Lane: &lane},
		"deadline is for":       {Action: operations.Move, Lane: &lane, Deadline: time.Minute},
		"deadline is 1ms, want": {Action: operations.Requeue, Deadline: time.Millisecond},
	} {
		if _, err := o.Create(t.Context(), "", "k", order, true); !errors.Is(err, jobs.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want it to name %q", err, want)
		}
	}
	if _, err := o.Create(t.Context(), "", strings.Repeat("a", operations.MaxActorBytes+1), operations.Order{Action: operations.Requeue}, true); !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("a long actor: %v", err)
	}
	for name, cfg := range map[string]operations.Config{
		"engine": {}, "lease": {Engine: s, Lease: time.Second}, "poll": {Engine: s, Poll: time.Hour},
		"parallel": {Engine: s, Parallel: -1}, "drafts": {Engine: s, KeepDrafts: time.Second}, "keep": {Engine: s, Keep: -1},
	} {
		if _, err := operations.New(cfg); !errors.Is(err, jobs.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestATenantHasSoManyOpenOperationsAndNoMore(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	o := process(t, s)
	make1 := func(tenant string) (operations.Operation, error) {
		return o.Create(t.Context(), tenant, "k", operations.Order{Action: operations.Requeue}, false)
	}
	var last operations.Operation
	for range operations.MaxOpen {
		var err error
		if last, err = make1("acme"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := make1("acme"); !errors.Is(err, operations.ErrTooMany) {
		t.Errorf("one more: error %v", err)
	}
	if _, err := make1("other"); err != nil {
		t.Errorf("one of another tenant: %v", err)
	}
	if _, err := o.Cancel(t.Context(), "acme", "k", last.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := make1("acme"); err != nil {
		t.Errorf("one more after one has ended: %v", err)
	}
}

// endless lists more jobs than an operation takes.
type endless struct {
	operations.Engine
	n int
}

func (e *endless) List(_ context.Context, _ jobs.Filter, p jobs.Page) ([]jobs.Job, error) {
	page := make([]jobs.Job, p.Limit)
	for i := range page {
		e.n++
		page[i] = jobs.Job{ID: jobs.ID("job_" + strings.Repeat("x", 10)), State: jobs.Failed}
	}
	return page, nil
}

func TestASelectionHasALimit(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	e := &endless{Engine: s}
	o := process(t, e)
	o.SetChunk(1000)
	o.SetMost(10_000)
	if _, err := o.Create(t.Context(), "", "k", operations.Order{Action: operations.Requeue}, true); !errors.Is(err, operations.ErrTooLarge) {
		t.Errorf("error %v", err)
	}
	if e.n != 11*jobs.MaxPage {
		t.Errorf("%d jobs were listed", e.n)
	}
	leftovers(t, s)
	op, err := o.Create(t.Context(), "", "k", operations.Order{Action: operations.Requeue, Max: 10_000}, false)
	if err != nil || op.Selection.Selected != 10_000 || !op.Selection.Limited {
		t.Errorf("%+v, error %v", op.Selection, err)
	}
}

// leftovers finds records that nobody needs.
func leftovers(t testing.TB, e operations.Engine) {
	t.Helper()
	for _, kind := range []string{operations.Kind, operations.ChunkKind} {
		left, err := e.Records().List(t.Context(), jobs.RecordQuery{Kind: kind})
		if err != nil || len(left) != 0 {
			t.Errorf("%d records of kind %s are left, error %v", len(left), kind, err)
		}
	}
}

// TestACreationThatBreaksOffLeavesNothing fails each call of a creation in
// turn, before and after its effect.
func TestACreationThatBreaksOffLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, fault := range []jobstest.Fault{jobstest.ErrorBefore, jobstest.ErrorAfter} {
		for _, dies := range []bool{true, false} {
			for at := 1; ; at++ {
				reached := false
				synctest.Test(t, func(t *testing.T) {
					s := newShop(t)
					s.failed(10)
					e := &jobstest.Faulty{Engine: s.Engine}
					calls := 0
					e.Plan = func(string, int) jobstest.Fault {
						calls++
						reached = reached || calls >= at
						switch {
						case calls == at:
							return fault
						case calls > at && dies:
							return jobstest.ErrorBefore
						}
						return jobstest.None
					}
					op, err := process(t, e).Create(t.Context(), "", "k", operations.Order{Action: operations.Requeue}, false)
					whole := process(t, s)
					time.Sleep(time.Hour)
					if err := whole.TidyOnce(t.Context()); err != nil {
						t.Error(err)
					}
					all, _, listErr := whole.List(t.Context(), operations.Query{})
					switch {
					case listErr != nil:
						t.Error(listErr)
					case err == nil:
						if len(all) != 1 || all[0].ID != op.ID || op.State != operations.Draft || op.Selection.Selected != 10 {
							t.Errorf("call %d, %s: %+v and %d operations", at, fault, op, len(all))
						}
					case len(all) == 1 && all[0].State == operations.Draft && fault == jobstest.ErrorAfter && dies:
						// The answer was lost and the process died: a draft stays until it expires.
					default:
						leftovers(t, s)
					}
				})
				if !reached {
					break
				}
			}
		}
	}
}

func TestDraftsExpireAndOldOperationsGoIfAskedTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.failed(9)
		var removed []jobs.ID
		o := process(t, s, func(c *operations.Config) {
			c.KeepDrafts, c.Keep = 2*time.Hour, 48*time.Hour
			c.Events.Removed = func(id jobs.ID) { removed = append(removed, id) }
		})
		draft := create(t, o, operations.Order{Action: operations.Requeue}, false)
		started := create(t, o, operations.Order{Action: operations.Requeue}, true)
		keeper := process(t, s)
		time.Sleep(2*time.Hour - time.Second)
		if err := o.TidyOnce(t.Context()); err != nil || len(removed) != 0 {
			t.Errorf("removed %v, error %v", removed, err)
		}
		time.Sleep(time.Second)
		stop := run(t, o)
		synctest.Wait()
		if diff := cmp.Diff([]jobs.ID{draft.ID}, removed); diff != "" {
			t.Errorf("removed (-want +got):\n%s", diff)
		}
		time.Sleep(time.Minute)
		stop()
		if got := get(t, o, started.ID); got.State != operations.Succeeded {
			t.Errorf("the other is %s", got.State)
		}
		time.Sleep(1000 * time.Hour)
		if err := keeper.TidyOnce(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := keeper.Get(t.Context(), "", started.ID); err != nil {
			t.Errorf("an operation is gone that nobody asked to remove: %v", err)
		}
		if err := o.TidyOnce(t.Context()); err != nil {
			t.Error(err)
		}
		leftovers(t, s)
	})
}

// nosy is an engine that tells of each deletion before it happens.
type nosy struct {
	operations.Engine
	deleting func(kind string)
}

func (e *nosy) Records() jobs.Records { return nosyRecords{e.Engine.Records(), e} }

type nosyRecords struct {
	jobs.Records
	e *nosy
}

func (r nosyRecords) Delete(ctx context.Context, kind string, id jobs.ID, version int64) error {
	r.e.deleting(kind)
	return r.Records.Delete(ctx, kind, id, version)
}

func TestADraftThatIsBeingRemovedDoesNotStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.failed(9)
		there := process(t, s)
		var draft operations.Operation
		tried := 0
		o := process(t, &nosy{s, func(kind string) {
			tried++
			if _, err := there.Start(t.Context(), "", "k", draft.ID); !errors.Is(err, jobs.ErrConflict) {
				t.Errorf("a start while a record of kind %s is removed: error %v", kind, err)
			}
		}})
		draft = create(t, there, operations.Order{Action: operations.Requeue}, false)
		time.Sleep(25 * time.Hour)
		if err := o.TidyOnce(t.Context()); err != nil || tried != 4 {
			t.Errorf("%d deletions, error %v", tried, err)
		}
		leftovers(t, s)
	})
}
