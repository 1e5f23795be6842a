package tiers_test

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// report lets one call of a job through and reports its class; "" is success.
func report(t *testing.T, b *tiers.Breaker, job int, status int) {
	t.Helper()
	done, err := b.Allow()
	if err != nil {
		t.Fatalf("job %d: %v", job, err)
	}
	sig := tiers.Signal{Status: status, Phase: tiers.PhaseDone, Content: "{}", FinishReason: "stop"}
	done(jobs.ID(strconv.Itoa(job)), newWorld().classifier.Classify(sig, tiers.Judgement{}, epoch()))
}

func TestABreakerOpensAfterTenJobsAndProbesAfterItsPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := tiers.NewBreaker(tiers.BreakerPolicy{})
		for job := range 10 {
			report(t, b, job, 500)
		}
		if _, err := b.Allow(); !errors.Is(err, tiers.ErrBreakerOpen) {
			t.Fatalf("after ten failed jobs: %v, want open", err)
		}
		if got, want := b.OpenUntil(), time.Now().Add(30*time.Second); !got.Equal(want) {
			t.Errorf("open until %v, want %v", got, want)
		}
		time.Sleep(31 * time.Second)
		probe, err := b.Allow()
		if err != nil {
			t.Fatalf("no probe after the pause: %v", err)
		}
		if _, err := b.Allow(); err == nil {
			t.Error("a second probe beside the first")
		}
		probe("x", tiers.Verdict{Effect: tiers.EffectSuccess})
		if !b.OpenUntil().IsZero() {
			t.Error("still open after a good probe")
		}
		report(t, b, 11, 500)
	})
}

func TestAFailedProbeOpensTheBreakerAgainAndANeutralOneDecidesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := tiers.NewBreaker(tiers.BreakerPolicy{MinJobs: 2})
		report(t, b, 1, 500)
		report(t, b, 2, 500)
		time.Sleep(31 * time.Second)
		report(t, b, 1, 400) // our mistake: no evidence, and the slot is free again
		report(t, b, 1, 500)
		if _, err := b.Allow(); err == nil {
			t.Error("closed after a failed probe of a job that had failed before")
		}
	})
}

func TestOneDocumentCannotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := tiers.NewBreaker(tiers.BreakerPolicy{})
		for range 50 {
			report(t, b, 1, 500)
		}
		for job := range 50 {
			report(t, b, job, 400) // neutral
			report(t, b, job, 429) // a gate's business
		}
		if _, err := b.Allow(); err != nil {
			t.Errorf("open: %v", err)
		}
	})
}

func TestFailuresOlderThanTheWindowDoNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := tiers.NewBreaker(tiers.BreakerPolicy{})
		for job := range 9 {
			report(t, b, job, 500)
		}
		time.Sleep(2 * time.Minute)
		for job := range 9 {
			report(t, b, job, 500)
		}
		if _, err := b.Allow(); err != nil {
			t.Errorf("open: %v", err)
		}
	})
}

func TestMoreSuccessesThanFailuresKeepTheBreakerClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := tiers.NewBreaker(tiers.BreakerPolicy{})
		for job := range 40 {
			report(t, b, job, 200)
			report(t, b, job, 200)
			report(t, b, job, 500)
		}
		if _, err := b.Allow(); err != nil {
			t.Errorf("open: %v", err)
		}
	})
}

func TestCallsThatHangOpenTheBreakerHoweverLongTheyTake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := tiers.NewBreaker(tiers.BreakerPolicy{})
		hung := tiers.Verdict{Class: tiers.ClassNetAmbiguous, Effect: tiers.EffectFailure}
		for job := range 9 { // one slot, two minutes each: never ten in a window
			done, err := b.Allow()
			if err != nil {
				t.Fatalf("job %d: %v", job, err)
			}
			time.Sleep(2 * time.Minute)
			done(jobs.ID(strconv.Itoa(job)), hung)
		}
		report(t, b, 100, 200)
		for job := range 9 {
			report(t, b, job, 500)
			time.Sleep(2 * time.Minute)
		}
		if _, err := b.Allow(); err != nil {
			t.Errorf("open although a call succeeded between the failures: %v", err)
		}
		report(t, b, 9, 500)
		if _, err := b.Allow(); err == nil {
			t.Error("closed after ten jobs failed in a row")
		}
	})
}

func TestACallFromBeforeTheBreakerOpenedIsNoProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := tiers.NewBreaker(tiers.BreakerPolicy{MinJobs: 2})
		old, err := b.Allow()
		if err != nil {
			t.Fatal(err)
		}
		report(t, b, 1, 500)
		report(t, b, 2, 500)
		time.Sleep(31 * time.Second)
		old("x", tiers.Verdict{Effect: tiers.EffectSuccess})
		if _, err := b.Allow(); err != nil {
			t.Fatalf("no probe after the pause: %v", err)
		}
		if _, err := b.Allow(); err == nil {
			t.Error("a call that began before the breaker opened closed it")
		}
	})
}

func TestThreePagesInARowHaltARoute(t *testing.T) {
	t.Parallel()
	b := tiers.NewBreaker(tiers.BreakerPolicy{})
	page := tiers.Verdict{Class: tiers.ClassNotAPI, Action: tiers.ActSwitch, Effect: tiers.EffectFailure, Scope: tiers.ScopeProvider}
	fine, stopped := tiers.Verdict{}, tiers.Verdict{Class: tiers.ClassCancelled, Action: tiers.ActStop}
	for i, tc := range []struct {
		v     tiers.Verdict
		halts bool
	}{{page, false}, {page, false}, {fine, false}, {page, false}, {stopped, false}, {page, false}, {page, true}, {page, true}, {fine, false}, {page, false}} {
		got := b.Judge(tc.v)
		if halted := got.Action == tiers.ActHalt && got.GateFor > 0 && got.Scope == tiers.ScopeRoute; halted != tc.halts {
			t.Errorf("verdict %d is %+v", i, got)
		}
	}
}
