package backpressure_test

import (
	"math"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// start is an arbitrary moment; nothing in the package looks at a clock.
func start() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// fataler is the part of testing.TB that rapid.T has too.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

func controller(t fataler) *backpressure.Controller {
	t.Helper()
	c, err := backpressure.New(backpressure.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func load(worker string, at time.Time, slots int, service time.Duration) backpressure.Load {
	return backpressure.Load{
		Worker: worker, At: at, Slots: slots, Busy: slots,
		ServiceMS: float64(service.Milliseconds()), Completions: 100,
	}
}

func wantRate(t *testing.T, c *backpressure.Controller, now time.Time, rate float64) {
	t.Helper()
	if got := c.Report(now).Rate; math.Abs(got-rate) > 1e-9 {
		t.Errorf("rate at %s is %g, want %g", now.Format("15:04:05"), got, rate)
	}
}

func TestTheRateIsSlotsOverServiceTimeSummedOverWorkers(t *testing.T) {
	t.Parallel()
	c, now := controller(t), start()
	c.Heartbeat(load("a", now, 8, 2*time.Second))
	c.Heartbeat(load("b", now, 3, 6*time.Second))
	wantRate(t, c, now, 4.5)
}

func TestAWorkerThatFinishedNothingIsTakenAtThePriorOrAtWhatOthersNeed(t *testing.T) {
	t.Parallel()
	c, now := controller(t), start()
	c.Heartbeat(backpressure.Load{Worker: "new", At: now, Slots: 16, ServiceMS: 1})
	wantRate(t, c, now, 2) // 16 slots at 8 s
	c.Heartbeat(load("old", now, 4, 4*time.Second))
	wantRate(t, c, now, 5) // both at 4 s
}

func TestAStaleRateFallsButNeverRises(t *testing.T) {
	t.Parallel()
	c, now := controller(t), start()
	c.Heartbeat(load("slow", now.Add(-10*time.Second), 1, 20*time.Second))
	c.Heartbeat(load("fast", now, 4, time.Second))
	c.Heartbeat(backpressure.Load{Worker: "fresh", At: now, Slots: 21})
	// The fresh worker is taken at the mean of the others, 10.5 s.
	wantRate(t, c, now, 0.05+4+2)
	// The slow one drops out: its rate goes, and the mean must not improve.
	wantRate(t, c, now.Add(10*time.Second), 4+2)
}

func TestABlindRateIsTheLastOne(t *testing.T) {
	t.Parallel()
	c, now := controller(t), start()
	c.Heartbeat(load("a", now, 8, 2*time.Second))
	wantRate(t, c, now.Add(time.Hour), 4)
	if got := c.Report(now.Add(time.Hour)).Signals; got != backpressure.SignalsNone {
		t.Errorf("signals without any snapshot are %q, want none", got)
	}
}

func TestTheRateIsNeverZeroOnceAWorkerWasSeen(t *testing.T) {
	t.Parallel()
	now := start()
	for name, l := range map[string]backpressure.Load{
		"no slots":          {Worker: "a", At: now},
		"endless service":   {Worker: "a", At: now, Slots: 1, Completions: 1, ServiceMS: math.Inf(1)},
		"no number":         {Worker: "a", At: now, Slots: 1, Completions: 1, ServiceMS: math.NaN()},
		"negative service":  {Worker: "a", At: now, Slots: 1, Completions: 1, ServiceMS: -4},
		"very long service": {Worker: "a", At: now, Slots: 1, Completions: 1, ServiceMS: 1e18},
	} {
		c := controller(t)
		c.Heartbeat(l)
		if got := c.Report(now).Rate; !(got > 0) || math.IsInf(got, 0) {
			t.Errorf("%s: rate is %g, want a number above 0", name, got)
		}
	}
}

func TestAReportThatCameLateOrMakesNoSenseIsIgnored(t *testing.T) {
	t.Parallel()
	c, now := controller(t), start()
	c.Heartbeat(load("a", now, 8, 2*time.Second))
	c.Heartbeat(load("a", now.Add(-time.Second), 80, 2*time.Second))
	c.Heartbeat(load("b", now, -80, 2*time.Second))
	c.Heartbeat(load("c", time.Time{}, 80, 2*time.Second))
	wantRate(t, c, now, 4)
}

func TestSlotsThatAskedTheEngineStandInForHeartbeats(t *testing.T) {
	t.Parallel()
	c, now := controller(t), start()
	c.Snapshot(jobs.Stats{At: now, Slots: 16})
	wantRate(t, c, now, 2)
	if got := c.Report(now).Signals; got != backpressure.SignalsFresh {
		t.Errorf("signals are %q, want fresh", got)
	}
}

func TestWorkersThatComeAndGoAreForgotten(t *testing.T) {
	t.Parallel()
	c, now := controller(t), start()
	for i := range 100 {
		c.Heartbeat(load(string(rune('a'+i%26))+"-"+time.Duration(i).String(), now.Add(time.Duration(i)*time.Minute), 1, time.Second))
	}
	wantRate(t, c, now.Add(99*time.Minute), 1)
}
