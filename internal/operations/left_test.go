package operations_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// A job that has left the states of the filter is not what was shown, even
// where the action would fit its new state.
func TestAJobThatHasLeftTheStatesOfTheFilterIsNotTouched(t *testing.T) {
	t.Parallel()
	requeue := func(s *shop, id jobs.ID) { s.apply(jobs.Command{Kind: jobs.Requeue, Job: id}) }
	for name, tc := range map[string]struct {
		order operations.Order
		begin func(s *shop) jobs.ID
		leave func(s *shop, id jobs.ID)
		now   jobs.State
	}{
		"erase failed, and it has succeeded since": {
			order: operations.Order{Action: operations.Erase, Filter: jobs.Filter{States: []jobs.State{jobs.Failed}}},
			begin: func(s *shop) jobs.ID { return s.failed(1)[0] },
			leave: func(s *shop, id jobs.ID) {
				requeue(s, id)
				s.settle(jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{}`)}})
			},
			now: jobs.Succeeded,
		},
		"requeue failed, and it waits for a person since": {
			order: operations.Order{Action: operations.Requeue},
			begin: func(s *shop) jobs.ID { return s.failed(1)[0] },
			leave: func(s *shop, id jobs.ID) {
				requeue(s, id)
				s.settle(jobs.Outcome{Kind: jobs.ToReview, Tier: 3, Reason: "all_tiers_failed"})
			},
			now: jobs.InReview,
		},
		"requeue failed, and somebody has cancelled it since": {
			order: operations.Order{Action: operations.Requeue},
			begin: func(s *shop) jobs.ID { return s.failed(1)[0] },
			leave: func(s *shop, id jobs.ID) {
				requeue(s, id)
				s.apply(jobs.Command{Kind: jobs.Cancel, Job: id})
			},
			now: jobs.Cancelled,
		},
		"cancel queued, and it runs since": {
			order: operations.Order{Action: operations.Cancel, Filter: jobs.Filter{States: []jobs.State{jobs.Queued}}},
			begin: func(s *shop) jobs.ID { return s.queued() },
			leave: func(s *shop, _ jobs.ID) { s.lend() },
			now:   jobs.Running,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				id := tc.begin(s)
				o := process(t, s)
				op := create(t, o, tc.order, false)
				if op.Selection.Selected != 1 {
					t.Fatalf("selected %+v", op.Selection)
				}
				tc.leave(s, id)
				before := s.job(id)
				run(t, o)
				if _, err := o.Start(t.Context(), "", "k", op.ID); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				got := s.inspect(o, op.ID, []jobs.ID{id})
				want := operations.Progress{Failed: 1, FailedBy: map[string]int{string(tc.now): 1}}
				if diff := cmp.Diff(want, got.Progress); diff != "" {
					t.Errorf("progress (-want +got):\n%s", diff)
				}
				if after := s.job(id); after.State != tc.now || after.Version != before.Version {
					t.Errorf("the job is %s in version %d, was %s in version %d", after.State, after.Version, before.State, before.Version)
				}
			})
		})
	}
}
