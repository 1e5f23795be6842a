package operations_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestAnOperationChangesEachJobOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		ids := s.failed(10)
		var mu sync.Mutex
		var states []operations.State
		o := process(t, s, func(c *operations.Config) {
			c.Events.Changed = func(op operations.Operation) {
				mu.Lock()
				defer mu.Unlock()
				states = append(states, op.State)
			}
		})
		run(t, o)
		lane := jobs.Batch
		op := create(t, o, operations.Order{
			Action: operations.Requeue, Reason: "INC-42", Lane: &lane, Deadline: 10 * time.Minute, Filter: jobs.Filter{Classes: []jobs.Class{"rate"}},
		}, false)
		if started, err := o.Start(t.Context(), "", "ops/key2", op.ID); err != nil || started.State != operations.Running || started.StateBy != "ops/key2" {
			t.Errorf("start: %+v, error %v", started, err)
		}
		synctest.Wait() // without time passing: Start wakes the driver
		got := s.inspect(o, op.ID, newest(ids))
		if got.State != operations.Succeeded || got.Progress.Applied != 10 || got.EndedAt.IsZero() || got.StartedAt.IsZero() || !got.ExpiresAt.IsZero() || got.StateBy != "" {
			t.Errorf("ended: %+v", got)
		}
		for _, id := range ids {
			j := s.job(id)
			events, err := s.History(t.Context(), "", id, 3)
			if err != nil || j.State != jobs.Queued || j.Generation != 2 || j.Lane != jobs.Batch || j.Operation != op.ID ||
				!j.DeadlineAt.Equal(time.Now().Add(10*time.Minute)) || events[0].Reason != "INC-42" {
				t.Errorf("job %+v, events %+v, error %v", j, events, err)
			}
		}
		if row := audit(t, o, op.ID)[9]; row.Job != ids[0] || row.State != jobs.Queued || row.Version != 4 || row.Result != operations.Applied {
			t.Errorf("the last row: %+v", row)
		}
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff([]operations.State{operations.Draft, operations.Running, operations.Succeeded}, states); diff != "" {
			t.Errorf("told states (-want +got):\n%s", diff)
		}
	})
}

func TestActions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		all := map[string]jobs.ID{
			"failed": s.failed(1)[0], "review": s.reviewed(), "claimed": s.reviewed(), "succeeded": s.succeeded(), "parked": "", "running": "", "batch": "",
		}
		s.apply(jobs.Command{Kind: jobs.Claim, Job: all["claimed"], Actor: "jo", Until: time.Now().Add(time.Hour)})
		all["erased"] = s.succeeded()
		s.apply(jobs.Command{Kind: jobs.Erase, Job: all["erased"]})
		s.queued()
		all["parked"] = s.settle(jobs.Outcome{Kind: jobs.Park, Until: time.Now().Add(time.Hour), Reason: "gated"})
		all["running"] = s.queued()
		s.lend()
		stopping := s.queued()
		s.lend()
		s.apply(jobs.Command{Kind: jobs.Cancel, Job: stopping})
		all["stopping"], all["queued"] = stopping, s.queued()
		all["batch"] = s.queued(func(sub *jobs.Submission) { sub.Lane = jobs.Batch })
		all["cancelled"] = s.queued()
		s.apply(jobs.Command{Kind: jobs.Cancel, Job: all["cancelled"]})
		names := map[jobs.ID]string{}
		for name, id := range all {
			names[id] = name
		}
		lane := jobs.Batch
		for _, tc := range []struct {
			order   operations.Order
			changed []string
			skipped map[string]int
		}{
			{operations.Order{Action: operations.Move, Lane: &lane, Filter: jobs.Filter{States: jobs.States()}},
				[]string{"parked", "queued"},
				map[string]int{"same_lane": 1, "failed": 1, "in_review": 2, "succeeded": 1, "running": 2, "cancelled": 1, "erased": 1}},
			{operations.Order{Action: operations.Reject, Filter: jobs.Filter{States: jobs.States()}},
				[]string{"review"},
				map[string]int{"claimed": 1, "failed": 1, "succeeded": 1, "running": 2, "cancelled": 1, "erased": 1, "queued": 2, "parked": 1}},
			{operations.Order{Action: operations.Requeue, Filter: jobs.Filter{States: jobs.States()}},
				[]string{"cancelled", "failed", "review"},
				map[string]int{"claimed": 1, "succeeded": 1, "running": 2, "erased": 1, "queued": 2, "parked": 1}},
			{operations.Order{Action: operations.Cancel, Filter: jobs.Filter{States: jobs.States()}},
				[]string{"batch", "cancelled", "claimed", "failed", "parked", "queued", "review", "running"},
				map[string]int{"succeeded": 1, "cancelling": 1, "erased": 1}},
			{operations.Order{Action: operations.Erase, Filter: jobs.Filter{States: jobs.States()}},
				[]string{"batch", "cancelled", "claimed", "failed", "parked", "queued", "review", "succeeded"},
				map[string]int{"running": 2, "erased": 1}},
		} {
			var asked []jobs.ID
			o := process(t, s, func(c *operations.Config) { c.AskCancel = func(id jobs.ID) { asked = append(asked, id) } })
			stop := run(t, o)
			op := create(t, o, tc.order, true)
			synctest.Wait()
			stop()
			var changed []string
			for _, r := range audit(t, o, op.ID) {
				changed = append(changed, names[r.Job])
			}
			slices.Sort(changed)
			if diff := cmp.Diff(tc.changed, changed); diff != "" {
				t.Errorf("%s: changed (-want +got):\n%s", op.Action, diff)
			}
			if diff := cmp.Diff(tc.skipped, op.Selection.Skipped); diff != "" {
				t.Errorf("%s: skipped (-want +got):\n%s", op.Action, diff)
			}
			if got := get(t, o, op.ID); got.State != operations.Succeeded || got.Progress.Failed != 0 {
				t.Errorf("%s: %s with %+v", op.Action, got.State, got.Progress)
			}
			if op.Action == operations.Cancel {
				if diff := cmp.Diff([]jobs.ID{all["running"]}, asked); diff != "" {
					t.Errorf("workers told to stop (-want +got):\n%s", diff)
				}
			}
		}
	})
}

func TestJobsThatChangedSinceTheSelectionFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		ids := s.failed(7)
		o := process(t, s)
		op := create(t, o, operations.Order{Action: operations.Requeue}, false)
		s.apply(jobs.Command{Kind: jobs.Requeue, Job: ids[1]})
		s.apply(jobs.Command{Kind: jobs.Erase, Job: ids[2]})
		s.apply(jobs.Command{Kind: jobs.Complete, Job: ids[3], Result: &jobs.Result{Data: []byte(`{}`)}})
		// Requeued by hand and failed again, it is a job as before.
		s.apply(jobs.Command{Kind: jobs.Requeue, Job: ids[4]})
		s.settle(fail("rate")) // ids[1]
		s.settle(fail("rate")) // ids[4]
		s.apply(jobs.Command{Kind: jobs.Requeue, Job: ids[1]})
		run(t, o)
		if _, err := o.Start(t.Context(), "", "k", op.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := s.inspect(o, op.ID, newest(ids))
		want := operations.Progress{Applied: 4, Failed: 3, FailedBy: map[string]int{"queued": 1, "erased": 1, "succeeded": 1}}
		if diff := cmp.Diff(want, got.Progress); diff != "" || got.State != operations.Succeeded {
			t.Errorf("%s, progress (-want +got):\n%s", got.State, diff)
		}
	})
}

func TestAnOperationThatChangedNothingFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		ids := s.failed(2)
		o := process(t, s)
		// That the stop rule trips at the last job stops nothing.
		op := create(t, o, operations.Order{Action: operations.Requeue, StopIf: operations.StopIf{FailureRate: 1, Window: 2}}, false)
		for _, id := range ids {
			s.apply(jobs.Command{Kind: jobs.Erase, Job: id})
		}
		empty := create(t, o, operations.Order{Action: operations.Requeue}, true)
		if _, err := o.Start(t.Context(), "", "k", op.ID); err != nil {
			t.Fatal(err)
		}
		run(t, o)
		synctest.Wait()
		if got := get(t, o, op.ID); got.State != operations.Failed || got.Why != "no_job_changed" {
			t.Errorf("%s, %q", got.State, got.Why)
		}
		if got := get(t, o, empty.ID); got.State != operations.Succeeded || got.Progress.Total() != 0 {
			t.Errorf("one without jobs: %s, %+v", got.State, got.Progress)
		}
	})
}

func TestASelectionThatIsLostFailsTheOperation(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(s *shop, id jobs.ID) error{
		"gone": func(s *shop, id jobs.ID) error {
			return s.Records().Delete(s.t.Context(), operations.ChunkKind, id, jobs.AnyVersion)
		},
		"damaged": func(s *shop, id jobs.ID) error {
			_, err := s.Records().Put(s.t.Context(), jobs.Record{Kind: operations.ChunkKind, ID: id, Version: jobs.AnyVersion, Value: []byte(`{"ids":["a"],"rows":[{},{}]}`)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				s.failed(10)
				o := process(t, s)
				op := create(t, o, operations.Order{Action: operations.Requeue}, true)
				if err := spoil(s, op.ID+"_001"); err != nil {
					t.Fatal(err)
				}
				run(t, o)
				synctest.Wait()
				got := get(t, o, op.ID)
				if got.State != operations.Failed || got.Why != "selection_lost" || got.Progress.Applied != 4 || got.EndedAt.IsZero() {
					t.Errorf("%s, %q, %+v", got.State, got.Why, got.Progress)
				}
				if rows, _, more, err := o.Audit(t.Context(), "", op.ID, 0, 100); len(rows) != 4 && err == nil || more {
					t.Errorf("%d rows, more %t, error %v", len(rows), more, err)
				}
			})
		})
	}
}

func TestARateIsKept(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rate float64
		jobs int
	}{{0.5, 6}, {3, 20}, {20, 100}, {400, 900}} {
		t.Run(fmt.Sprint(tc.rate), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				s.failed(tc.jobs)
				var mu sync.Mutex
				var at []time.Duration
				began := time.Now()
				o := process(t, s, func(c *operations.Config) {
					c.Events.Worked = func(operations.Operation, operations.Result, string) {
						mu.Lock()
						defer mu.Unlock()
						at = append(at, time.Since(began))
					}
				})
				o.SetChunk(150)
				run(t, o)
				op := create(t, o, operations.Order{Action: operations.Requeue, Rate: tc.rate}, true)
				for get(t, o, op.ID).State == operations.Running {
					time.Sleep(100 * time.Millisecond)
				}
				mu.Lock()
				defer mu.Unlock()
				if len(at) != tc.jobs {
					t.Fatalf("%d jobs were worked on", len(at))
				}
				// A batch is what half a second allows.
				for i := range at {
					for k := i; k < len(at); k++ {
						if most := tc.rate*(at[k]-at[i]).Seconds() + max(1, tc.rate/2) + 1e-6; float64(k-i+1) > most {
							t.Fatalf("%d jobs between %s and %s", k-i+1, at[i], at[k])
						}
					}
				}
				took, ideal := at[len(at)-1].Seconds(), float64(tc.jobs-1)/tc.rate
				if took > ideal*1.1+0.6 || took < ideal-1 {
					t.Errorf("%d jobs took %g s, want %g", tc.jobs, took, ideal)
				}
			})
		})
	}
}

func TestAPaceDoesNotSaveUp(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	p := operations.NewPace(40, now)
	if n, _ := p.Allowed(now); n != 1 {
		t.Errorf("%d jobs at once at the start", n)
	}
	now = now.Add(time.Hour) // the engine was slow
	if n, _ := p.Allowed(now); n != 20 {
		t.Errorf("%d jobs at once after an hour, want half a second's", n)
	}
	if wait := p.Took(20); wait != 500*time.Millisecond {
		t.Errorf("the next batch comes after %s", wait)
	}
	if n, wait := p.Allowed(now.Add(-time.Minute)); n != 0 || wait != 25*time.Millisecond {
		t.Errorf("on a clock that was set back: %d jobs, wait %s", n, wait)
	}
	if n, wait := operations.NewPace(0, now).Allowed(now); n != 100 || wait != 0 {
		t.Errorf("without a rate: %d jobs, wait %s", n, wait)
	}
	slow := operations.NewPace(0.001, now)
	slow.Took(1)
	if n, wait := slow.Allowed(now); n != 0 || wait != 500*time.Millisecond {
		t.Errorf("at a slow rate: %d jobs, wait %s; a pause must be seen", n, wait)
	}
}

func TestPauseResumeAndCancelActWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		ids := s.failed(200)
		o := process(t, s)
		run(t, o)
		there := process(t, s) // commands come in anywhere; within a second they are found
		op := create(t, there, operations.Order{Action: operations.Requeue, Rate: 10}, true)
		time.Sleep(5 * time.Second)
		if got := get(t, there, op.ID); got.Progress.Applied < 35 || got.Progress.Applied > 51 || got.Driver() != "api-1" {
			t.Errorf("after 5 s at 10/s: %+v, driven by %q", got.Progress, got.Driver())
		}
		paused, err := there.Pause(t.Context(), "", "jo", op.ID)
		if err != nil || paused.State != operations.Paused || paused.StateBy != "jo" {
			t.Errorf("pause: %+v, error %v", paused, err)
		}
		time.Sleep(time.Second)
		before := get(t, there, op.ID)
		time.Sleep(time.Minute)
		if got := get(t, there, op.ID); got.Progress.Applied != before.Progress.Applied || got.Progress.Applied > paused.Progress.Applied+10 || got.Driver() != "" {
			t.Errorf("paused it went on: %d, %d, %d", paused.Progress.Applied, before.Progress.Applied, got.Progress.Applied)
		}
		if _, err := there.Resume(t.Context(), "", "jo", op.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if got := get(t, there, op.ID); got.Progress.Applied < before.Progress.Applied+30 {
			t.Errorf("resumed it is at %d, from %d", got.Progress.Applied, before.Progress.Applied)
		}
		cancelled, err := there.Cancel(t.Context(), "", "jo", op.ID)
		if err != nil || cancelled.State != operations.Cancelled || cancelled.EndedAt.IsZero() {
			t.Errorf("cancel: %+v, error %v", cancelled, err)
		}
		time.Sleep(time.Minute)
		got := get(t, there, op.ID)
		s.inspectPart(there, got, newest(ids))
		if got.Progress.Applied > cancelled.Progress.Applied+10 {
			t.Errorf("cancelled it went on: from %d to %d", cancelled.Progress.Applied, got.Progress.Applied)
		}
		all, _, err := there.List(t.Context(), operations.Query{})
		if err != nil || all[0].Progress.Applied != got.Progress.Applied {
			t.Errorf("listed with %d, read with %d; error %v", all[0].Progress.Applied, got.Progress.Applied, err)
		}
		for verb, do := range map[string]func(context.Context, string, string, jobs.ID) (operations.Operation, error){
			"start": o.Start, "pause": o.Pause, "resume": o.Resume,
		} {
			if _, err := do(t.Context(), "", "jo", op.ID); !errors.Is(err, jobs.ErrConflict) {
				t.Errorf("%s of a cancelled operation: error %v", verb, err)
			}
		}
		if again, err := o.Cancel(t.Context(), "", "else", op.ID); err != nil || again.StateBy != "jo" {
			t.Errorf("cancelled twice: %+v, error %v", again, err)
		}
	})
}

// inspectPart judges an operation that ended before its time.
func (s *shop) inspectPart(o *operations.Operations, op operations.Operation, selected []jobs.ID) {
	s.t.Helper()
	rows := audit(s.t, o, op.ID)
	if op.Progress.Total() != len(rows) {
		s.t.Errorf("progress is %+v with %d rows", op.Progress, len(rows))
	}
	for n, id := range selected {
		times := s.changes(op, id)
		switch {
		case n < len(rows) && (rows[n].Job != id || times != 1):
			s.t.Errorf("row %d is %+v, want %s, changed %d times", n, rows[n], id, times)
		case n >= len(rows) && times != 0:
			s.t.Errorf("job %s has no row and was changed %d times", id, times)
		}
	}
}

func TestTheStopRuleStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		ids := s.failed(40)
		o := process(t, s)
		op := create(t, o, operations.Order{Action: operations.Requeue, StopIf: operations.StopIf{FailureRate: 0.3, Window: 10}}, false)
		// Newest first: 20 go well, then every other one fails.
		for n := 1; n < 20; n += 2 {
			s.apply(jobs.Command{Kind: jobs.Erase, Job: ids[n]})
		}
		run(t, o)
		if _, err := o.Start(t.Context(), "", "k", op.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := get(t, o, op.ID)
		// Failures are at places 20, 22 and 24: the third of ten.
		if got.State != operations.Stopped || got.Why != "failure_rate" || got.Progress.Applied != 22 || got.Progress.Failed != 3 || got.Driver() != "" || !got.EndedAt.IsZero() {
			t.Errorf("%s %q by %q with %+v", got.State, got.Why, got.Driver(), got.Progress)
		}
		time.Sleep(time.Minute)
		if again := get(t, o, op.ID); again.Version != got.Version {
			t.Error("a stopped operation goes on")
		}
		resumed, err := o.Resume(t.Context(), "", "jo", op.ID)
		if err != nil || resumed.Why != "" {
			t.Errorf("resume: %+v, error %v", resumed, err)
		}
		synctest.Wait()
		// Judged anew: failures are at 26, 28 and 30.
		if got = get(t, o, op.ID); got.State != operations.Stopped || got.Progress.Applied != 25 || got.Progress.Failed != 6 {
			t.Errorf("%s with %+v", got.State, got.Progress)
		}
	})
}

func TestTheStopRuleRemembersAcrossDrivers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		ids := s.failed(40)
		o := process(t, s)
		op := create(t, o, operations.Order{Action: operations.Requeue, Rate: 2, StopIf: operations.StopIf{FailureRate: 0.5, Window: 6}}, true)
		for n := 32; n < 38; n += 2 { // places 3, 5 and 7 fail
			s.apply(jobs.Command{Kind: jobs.Erase, Job: ids[n]})
		}
		// Each driver does a job or two.
		for range 10 {
			stop := run(t, process(t, s))
			time.Sleep(600 * time.Millisecond)
			stop()
		}
		if got := get(t, o, op.ID); got.State != operations.Stopped || got.Progress.Failed != 3 || got.Progress.Applied != 5 {
			t.Errorf("%s with %+v", got.State, got.Progress)
		}
	})
}

func TestAStopHandsTheOperationOverAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		ids := s.failed(60)
		here := process(t, s)
		stop := run(t, here)
		op := create(t, here, operations.Order{Action: operations.Requeue, Rate: 10}, true)
		time.Sleep(3 * time.Second)
		stop()
		left := get(t, here, op.ID)
		if left.State != operations.Running || left.Driver() != "" || left.Progress.Applied == 0 {
			t.Errorf("left behind: %s by %q with %+v", left.State, left.Driver(), left.Progress)
		}
		run(t, process(t, s))
		time.Sleep(3 * time.Second)
		if got := get(t, here, op.ID); got.Progress.Applied <= left.Progress.Applied+10 {
			t.Errorf("nobody went on: %d jobs, then %d", left.Progress.Applied, got.Progress.Applied)
		}
		time.Sleep(10 * time.Second)
		s.inspect(here, op.ID, newest(ids))
	})
}

func TestSlowOperationsOfOneOwnerDoNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.failed(20)
		s.queued(func(sub *jobs.Submission) { sub.Tenant = "other" })
		s.settle(fail("rate"))
		o := process(t, s)
		run(t, o)
		for range 10 {
			if _, err := o.Create(t.Context(), "acme", "k", operations.Order{Action: operations.Requeue, Rate: 0.001}, true); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		op, err := o.Create(t.Context(), "other", "k", operations.Order{Action: operations.Requeue}, true)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := get(t, o, op.ID); got.State != operations.Succeeded || got.Progress.Applied != 1 {
			t.Errorf("the other's operation is %s with %+v", got.State, got.Progress)
		}
		driven := 0
		all, _, err := o.List(t.Context(), operations.Query{Tenant: "acme"})
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range all {
			if op.Driver() != "" {
				driven++
			}
		}
		if driven != 4 {
			t.Errorf("%d of one owner's operations are driven at once, want 4", driven)
		}
	})
}
