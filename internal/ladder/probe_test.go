package ladder_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// twins are two processes on the same records.
func twins(t *testing.T, answer func(context.Context) extract.Answer) (one, two *rig, executors [2]*ladder.Executor, records jobs.Records) {
	t.Helper()
	engine, err := memjobs.New(memjobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	one, two = onlyPrimary(newRig(t, answer)), onlyPrimary(newRig(t, answer))
	for i, r := range []*rig{one, two} {
		r.script.lenient = true
		r.config.Name, r.config.Records, r.config.Gates = []string{"one", "two"}[i], engine.Records(), &tiers.Gates{}
		if executors[i], err = ladder.New(r.config); err != nil {
			t.Fatal(err)
		}
	}
	return one, two, executors, engine.Records()
}

// shut closes the gate of the route in all processes until it opens at until.
func shut(until time.Time, rigs ...*rig) {
	for _, r := range rigs {
		r.config.Gates.Close(tiers.Gate{Name: "near/large", Until: until, Reason: tiers.ClassOverload}, time.Now())
	}
}

func TestTheFleetProbesARouteOnceAndThenUsesIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		one, two, executors, _ := twins(t, after(3*time.Second, good))
		shut(time.Now().Add(10*time.Second), one, two)
		for _, e := range executors {
			e.Pace() // both see it down
		}
		time.Sleep(10 * time.Second)
		began := time.Now()
		var all sync.WaitGroup
		var took [2]time.Duration
		for i, e := range executors {
			all.Go(func() {
				if o, err := e.Process(t.Context(), loan(jobs.Standard), firm(true)); err != nil || o.Kind != jobs.Succeed {
					t.Errorf("ended by %s, %v", o.Kind, err)
				}
				took[i] = time.Since(began)
			})
		}
		all.Wait()
		if first, second := min(took[0], took[1]), max(took[0], took[1]); first != 3*time.Second || second < 6*time.Second || second > 8*time.Second {
			t.Errorf("the calls ended after %v and %v, want the second to wait for the first", first, second)
		}
		if len(one.script.calls)+len(two.script.calls) != 2 {
			t.Errorf("%d calls, want 2", len(one.script.calls)+len(two.script.calls))
		}
	})
}

func TestAProbeThatFailsKeepsAllProcessesAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		one, two, executors, _ := twins(t, status(500, ""))
		var pushed []tiers.Gate
		one.config.Events.GateClosed = func(g tiers.Gate) { pushed = append(pushed, g) }
		shut(time.Now().Add(time.Second), one, two)
		for _, e := range executors {
			e.Pace()
		}
		time.Sleep(time.Second)
		o, err := executors[0].Process(t.Context(), loan(jobs.Batch), firm(true))
		if err != nil || o.Kind != jobs.Park || o.Until.Before(time.Now().Add(29*time.Second)) {
			t.Errorf("ended by %s until %v, %v", o.Kind, o.Until, err)
		}
		if row := o.Attempts[0]; row.Why != tiers.WhyProbe {
			t.Errorf("the probe's row says %q", row.Why)
		}
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		if _, err := executors[1].Process(ctx, loan(jobs.Batch), firm(true)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if len(two.script.calls) != 0 {
			t.Error("another process probed right after a probe failed")
		}
	})
}

func TestAProbeThatSaysNothingLeavesThePlaceToTheNext(t *testing.T) {
	for name, answer := range map[string]func(context.Context) extract.Answer{
		"bad request": status(400, ""),
		"cancelled":   hang,
		"panic":       func(context.Context) extract.Answer { panic("a bug of ours") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				one, two, executors, _ := twins(t, answer)
				shut(time.Now().Add(time.Second), one, two)
				for _, e := range executors {
					e.Pace()
				}
				time.Sleep(time.Second)
				for _, r := range []int{0, 1, 0} {
					ctx, stop := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, tiers.ErrShutdown)
					func() {
						defer stop()
						defer func() { _ = recover() }() // as the worker does
						_, _ = executors[r].Process(ctx, loan(jobs.Batch), firm(true))
					}()
				}
				if len(one.script.calls) < 2 || len(two.script.calls) < 1 {
					t.Errorf("%d and %d calls: a probe without a result kept the next away", len(one.script.calls), len(two.script.calls))
				}
			})
		})
	}
}

// away is a store of records that does not answer.
type away struct{ jobs.Records }

func (away) Get(context.Context, string, jobs.ID) (jobs.Record, error) {
	return jobs.Record{}, jobs.ErrUnavailable
}

func (away) Put(context.Context, jobs.Record) (jobs.Record, error) {
	return jobs.Record{}, jobs.ErrUnavailable
}

func (away) List(context.Context, jobs.RecordQuery) ([]jobs.Record, error) {
	return nil, jobs.ErrUnavailable
}

func TestWithoutRecordsAProcessProbesForItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := onlyPrimary(newRig(t, good))
		failed := 0
		r.config.Gates, r.config.Records = &tiers.Gates{}, away{}
		r.config.Events.StoreFailed = func(string, error) { failed++ }
		shut(time.Now().Add(time.Second), r)
		e, err := ladder.New(r.config)
		if err != nil {
			t.Fatal(err)
		}
		e.Pace()
		e.Refresh(t.Context())
		time.Sleep(time.Second)
		if o, err := e.Process(t.Context(), loan(jobs.Standard), firm(true)); err != nil || o.Kind != jobs.Succeed {
			t.Errorf("ended by %s, %v", o.Kind, err)
		}
		if failed == 0 {
			t.Error("nobody is told that the records are away")
		}
	})
}

func TestAnOperatorShutsARouteForAWhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		one, _, executors, records := twins(t, good)
		now := time.Now()
		word := tiers.Override{Name: "near", Closed: true, Until: now.Add(time.Minute), Reason: "key rotation", Actor: "kim", At: now}
		if err := ladder.ForceGate(t.Context(), records, tiers.Override{Name: "near", At: now, Until: now}); !errors.Is(err, jobs.ErrInvalid) {
			t.Errorf("a word without an end: %v", err)
		}
		if err := ladder.ForceGate(t.Context(), records, word); err != nil {
			t.Fatal(err)
		}
		if all, err := ladder.ForcedGates(t.Context(), records, now); err != nil || !cmp.Equal(all, []tiers.Override{word}) {
			t.Errorf("got %+v, %v", all, err)
		}
		executors[0].Refresh(t.Context())
		o, err := executors[0].Process(t.Context(), loan(jobs.Batch), firm(true))
		if err != nil || o.Kind != jobs.Park || len(one.script.calls) != 0 {
			t.Errorf("ended by %s after %v, %v", o.Kind, one.script.calls, err)
		}
		if state := executors[0].Routes()[0]; state.GateReason != string(tiers.ReasonForced) || state.GateLeft != time.Minute {
			t.Errorf("got %+v", state)
		}
		if err := ladder.ReleaseGate(t.Context(), records, "near"); err != nil {
			t.Fatal(err)
		}
		if err := ladder.ReleaseGate(t.Context(), records, "near"); err != nil {
			t.Errorf("releasing twice: %v", err)
		}
		executors[0].Refresh(t.Context())
		if o, err := executors[0].Process(t.Context(), loan(jobs.Batch), firm(true)); err != nil || o.Kind != jobs.Succeed {
			t.Errorf("ended by %s, %v", o.Kind, err)
		}
	})
}

func TestAProbeThatIsAskedToSlowDownHasFoundTheRouteWorking(t *testing.T) {
	bubble(t, func(t *testing.T) {
		one, two, executors, _ := twins(t, status(429, "2"))
		shut(time.Now().Add(time.Second), one, two)
		executors[0].Pace()
		time.Sleep(time.Second)
		if _, err := executors[0].Process(t.Context(), loan(jobs.Batch), firm(true)); err != nil {
			t.Fatal(err)
		}
		if state := executors[0].Routes()[0]; state.GateLeft > 3*time.Second {
			t.Errorf("the gate is closed for %v, want the 2 s that the server asked for", state.GateLeft)
		}
	})
}

func TestAProcessHearsThatAnotherHasSeenTheRouteWork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		one, two, executors, _ := twins(t, after(time.Second, good))
		shut(time.Now().Add(time.Second), one, two)
		for _, e := range executors {
			e.Pace()
		}
		time.Sleep(time.Second)
		if o, err := executors[0].Process(t.Context(), loan(jobs.Batch), firm(true)); err != nil || o.Kind != jobs.Succeed {
			t.Fatalf("ended by %s, %v", o.Kind, err)
		}
		if executors[1].Routes()[0].Down == 0 {
			t.Fatal("the other knows it already")
		}
		executors[1].Refresh(t.Context())
		if down := executors[1].Routes()[0].Down; down != 0 {
			t.Errorf("the other believes the route down for %v", down)
		}
	})
}

// TestClocksThatDisagreeCostAProbeAndNoRoute reads records that a machine wrote
// whose clock is five minutes off.
func TestClocksThatDisagreeCostAProbeAndNoRoute(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ahead": 5 * time.Minute, "behind": -5 * time.Minute} {
		for what, value := range map[string]string{
			"a pass from before the outage": `{"passed_at":%q}`, "a probe under way": `{"holder":"other","until":%q}`,
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					one, two, executors, records := twins(t, status(500, ""))
					shut(time.Now().Add(time.Second), one, two)
					executors[0].Pace()
					theirs := time.Now().Add(skew).Format(time.RFC3339Nano)
					time.Sleep(2 * time.Second)
					r := jobs.Record{Kind: "route_probe", ID: ladder.RecordID("near/large"), Version: jobs.AnyVersion, Value: fmt.Appendf(nil, value, theirs)}
					if _, err := records.Put(t.Context(), r); err != nil {
						t.Fatal(err)
					}
					executors[0].Refresh(t.Context())
					if state := executors[0].Routes()[0]; state.Down == 0 {
						t.Error("the route counts as working")
					}
					o, err := executors[0].Process(t.Context(), loan(jobs.Batch), firm(true))
					if err != nil || len(one.script.calls) != 1 {
						t.Errorf("%d calls, %v", len(one.script.calls), err)
					}
					if len(o.Attempts) == 0 || o.Attempts[0].Why != tiers.WhyProbe {
						t.Errorf("the call was no probe: %+v", o.Attempts)
					}
				})
			})
		}
	}
}
