package tiers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestAGateNeverOpensSooner(t *testing.T) {
	t.Parallel()
	var g tiers.Gates
	now := epoch()
	minute := tiers.Gate{Name: "a/m", Until: now.Add(time.Minute), Reason: tiers.ClassRate}
	if !g.Close(minute, now) {
		t.Error("closing an open gate changed nothing")
	}
	if g.Close(tiers.Gate{Name: "a/m", Until: now.Add(time.Second), Reason: tiers.ClassSrv}, now) {
		t.Error("a shorter closure changed a longer one")
	}
	if got := g.Of("a", "m", now); got != minute {
		t.Errorf("gate %+v, want %+v", got, minute)
	}
	g.Close(tiers.Gate{Name: "far", Until: now.Add(100 * time.Hour)}, now)
	if got := g.Of("far", "m", now).Until; !got.Equal(now.Add(tiers.MaxHint)) {
		t.Errorf("a gate closed until %v, want at most %v from now", got, tiers.MaxHint)
	}
	if g.Close(tiers.Gate{Name: "x", Until: now}, now) || g.Of("x", "y", now).Closed(now) {
		t.Error("a closure of no length closed the gate")
	}
}

// TestGatesMergeTheSameInAnyOrder says that processes that hear the same
// closures in another order, or twice, hold the same gates.
func TestGatesMergeTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := epoch()
		heard := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) tiers.ClosedGate {
			left := time.Duration(rapid.IntRange(-10, 5000).Draw(t, "left")) * time.Second
			return tiers.ClosedGate{Name: rapid.SampledFrom([]string{"a", "a/m", "b", ""}).Draw(t, "name"), Left: left, Reason: tiers.ClassRate}
		}), 0, 20).Draw(t, "heard")
		var one, other tiers.Gates
		one.Receive(heard, now)
		other.Receive(rapid.Permutation(heard).Draw(t, "order"), now)
		other.Receive(one.Closed(now), now)
		if diff := cmp.Diff(one.Closed(now), other.Closed(now)); diff != "" {
			t.Fatalf("gates differ:\n%s", diff)
		}
		for _, c := range one.Closed(now) {
			if c.Left > tiers.MaxHint {
				t.Fatalf("a gate closed for %v from outside", c.Left)
			}
		}
	})
}

func TestAVerdictClosesTheGateOfItsScope(t *testing.T) {
	t.Parallel()
	now := epoch()
	for status, want := range map[int]string{429: "a/m", 401: "a", 404: "a/m", 500: ""} {
		var g tiers.Gates
		v := newWorld().classifier.Classify(tiers.Signal{Status: status, Phase: tiers.PhaseDone}, tiers.Judgement{}, now)
		gate, changed := g.CloseBy(v, "a", "m", now)
		if gate.Name != want || changed != (want != "") {
			t.Errorf("%d closed %q (changed %v), want %q", status, gate.Name, changed, want)
		}
		if others := g.Of("a", "other", now).Closed(now); others != (want == "a") {
			t.Errorf("%d: the provider's other model is closed: %v", status, others)
		}
	}
}

func TestOthersCannotFillTheGates(t *testing.T) {
	t.Parallel()
	var g tiers.Gates
	now := epoch()
	flood := make([]tiers.ClosedGate, 5000)
	for i := range flood {
		flood[i] = tiers.ClosedGate{Name: fmt.Sprintf("g%d", i), Left: time.Minute}
	}
	g.Receive(flood[:2500], now)
	g.Receive(flood[2500:], now)
	if n := len(g.Closed(now)); n != 1024 {
		t.Errorf("%d gates held, want the limit of 1024", n)
	}
	later := now.Add(2 * time.Minute)
	if !g.Close(tiers.Gate{Name: "mine", Until: later.Add(time.Second)}, later) {
		t.Error("no room although the others have opened")
	}
}

func TestAnOperatorsWordStandsAboveTheProviders(t *testing.T) {
	t.Parallel()
	now := epoch()
	var g tiers.Gates
	g.Close(tiers.Gate{Name: "a", Until: now.Add(time.Minute), Reason: tiers.ClassAuth}, now)
	closed := func(model string, at time.Time) bool { return g.Of("a", model, at).Closed(at) }

	g.Override([]tiers.Override{{Name: "a/m", Until: now.Add(10 * time.Second)}})
	if closed("m", now) || !closed("other", now) {
		t.Error("a route forced open is closed, or another one is open")
	}
	if !closed("m", now.Add(10*time.Second)) {
		t.Error("an override that has ended still counts")
	}
	g.Override([]tiers.Override{{Name: "a", Closed: true, Until: now.Add(time.Hour)}, {Name: "a/m", Until: now.Add(time.Hour)}})
	if closed("m", now) || !closed("other", now.Add(30*time.Minute)) {
		t.Error("the word on a route does not count before the one on its provider")
	}
	if gate := g.Of("a", "other", now); gate.Reason != tiers.ReasonForced || gate.Name != "a" {
		t.Errorf("got %+v", gate)
	}
	if left := g.Closed(now); len(left) != 1 || left[0].Reason != tiers.ClassAuth {
		t.Errorf("others are told %+v: overrides are records and not for heartbeats", left)
	}
	g.Override(nil)
	if !closed("m", now) {
		t.Error("without overrides the provider's word counts again")
	}
}

func TestAnOverrideMustSayHowLongAndWhy(t *testing.T) {
	t.Parallel()
	now := epoch()
	good := tiers.Override{Name: "a/m", Until: now.Add(time.Hour), Reason: "migration", Actor: "kim"}
	if err := good.Validate(now); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(o *tiers.Override){
		"no name":  func(o *tiers.Override) { o.Name = "" },
		"no end":   func(o *tiers.Override) { o.Until = time.Time{} },
		"too long": func(o *tiers.Override) { o.Until = now.Add(8 * 24 * time.Hour) },
		"no why":   func(o *tiers.Override) { o.Reason = "" },
		"long who": func(o *tiers.Override) { o.Actor = strings.Repeat("k", jobs.MaxActorBytes+1) },
	} {
		o := good
		if spoil(&o); !errors.Is(o.Validate(now), jobs.ErrInvalid) {
			t.Errorf("%s is let through", name)
		}
	}
}
