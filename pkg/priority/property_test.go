package priority_test

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// limited walks at random under changing limits.
func limited(t *testing.T, watch func(t *rapid.T, w *walk)) {
	t.Helper()
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWalk(t, drawConfig().Draw(t, "config"))
		watch(t, w)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			w.step()
			w.stepLimits()
		}
	})
}

func TestP1APickFindsNothingOnlyWhenNothingMayStart(t *testing.T) {
	limited(t, func(t *rapid.T, w *walk) {
		w.onPick = func(it item, ok bool) {
			if can := w.g.eligible(); ok != slices.Contains(can, it) || ok != (len(can) > 0) {
				t.Fatalf("picked %+v %t, may start: %+v", it, ok, can)
			}
		}
	})
}

func TestP2ATenantsJobsInALaneStartInTheOrderOfTheirQueue(t *testing.T) {
	limited(t, func(t *rapid.T, w *walk) {
		w.onPick = func(it item, ok bool) {
			for _, other := range w.g.queued {
				if ok && other.lane == it.lane && other.tenant == it.tenant && other.Seq < it.Seq {
					t.Fatalf("picked %+v before %+v", it, other)
				}
			}
		}
	})
}

func TestP4WhatAPickStartsStaysWithinEveryCap(t *testing.T) {
	limited(t, func(t *rapid.T, w *walk) {
		w.onPick = func(it item, ok bool) {
			if !ok {
				return
			}
			if c := w.g.cfg.LaneCaps[it.lane]; c > 0 && count(w.g.running, inLane(it.lane)) >= c {
				t.Fatalf("picked %+v with %d running in a lane with cap %d", it, count(w.g.running, inLane(it.lane)), c)
			}
			c := w.g.tenant(it.tenant)
			if c.Paused || c.MaxRunning > 0 && count(w.g.running, ofTenant(it.tenant)) >= c.MaxRunning {
				t.Fatalf("picked %+v of a tenant with %d running: %+v", it, count(w.g.running, ofTenant(it.tenant)), c)
			}
		}
	})
}

func TestP3LanesShareByWeight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := neverLate(drawConfig().Draw(t, "config"))
		w := newWalk(t, cfg)
		maxCost := rapid.SampledFrom([]int32{1, 7, 60_000}).Draw(t, "max_cost")
		w.cost = rapid.Int32Range(1, maxCost)
		g := newGauge(maxCost)
		w.setSlots(rapid.SampledFrom([]int{0, 0, 3, 6}).Draw(t, "slots"))
		for _, l := range jobs.Lanes() {
			// The kept slot lets critical run ahead of the others.
			if l != jobs.Critical || w.g.slots < w.g.cfg.ReserveFrom {
				g.add(l.String(), w.g.cfg.LaneWeights[l])
			}
		}
		w.onPick = func(it item, ok bool) {
			if ok && slices.Contains(g.parties, it.lane.String()) {
				g.serve(it.lane.String(), it.Cost)
			}
		}
		w.onChange = func() {
			if a, b, off, bound := g.update(laneNames(w.g.active())); off > bound {
				t.Fatalf("%s and %s drifted by %d, bound %d", a, b, off, bound)
			}
		}
		w.bursts(20)
	})
}

func TestP3TenantsShareALaneByWeight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := neverLate(drawConfig().Draw(t, "config"))
		w := newWalk(t, cfg)
		maxCost := rapid.SampledFrom([]int32{1, 7, 60_000}).Draw(t, "max_cost")
		w.cost = rapid.Int32Range(1, maxCost)
		var gauges [jobs.NumLanes]*gauge
		for i := range gauges {
			gauges[i] = newGauge(maxCost)
		}
		for _, name := range w.names {
			c := drawTenant().Draw(t, "tenant")
			w.setTenant(name, c)
			for _, g := range gauges {
				g.add(name, c.Weight)
			}
		}
		w.onPick = func(it item, ok bool) {
			if ok {
				gauges[it.lane].serve(it.tenant, it.Cost)
			}
		}
		w.onChange = func() {
			ready := w.g.ready()
			for _, l := range jobs.Lanes() {
				if a, b, off, bound := gauges[l].update(tenantsOf(ready, l)); off > bound {
					t.Fatalf("in %s, %q and %q drifted by %d, bound %d", l, a, b, off, bound)
				}
			}
		}
		w.bursts(20)
	})
}

// bursts alternates rows of arrivals with rows of picks, so that queues both
// last and run dry.
func (w *walk) bursts(n int) {
	for range rapid.IntRange(1, n).Draw(w.t, "bursts") {
		lane, name := drawLane().Draw(w.t, "lane"), rapid.SampledFrom(w.names).Draw(w.t, "tenant")
		for range rapid.IntRange(1, 12).Draw(w.t, "arrivals") {
			w.enqueue(lane, name)
		}
		for range rapid.IntRange(0, 15).Draw(w.t, "picks") {
			w.pick()
			if len(w.g.running) > 2 || rapid.Bool().Draw(w.t, "ends") {
				if len(w.g.running) > 0 {
					w.done(0)
				}
			}
		}
	}
}

// ceilDiv is the least whole number that is at least a/b.
func ceilDiv(a, b int) int { return (a + b - 1) / b }

// waits counts, for each party, the picks since it last was served or became
// present.
type waits map[string]int

func (w waits) present(names []string) {
	for name := range w {
		if !slices.Contains(names, name) {
			delete(w, name)
		}
	}
	for _, name := range names {
		if _, ok := w[name]; !ok {
			w[name] = 0
		}
	}
}

func (w waits) picked(who string) {
	for name := range w {
		w[name]++
	}
	w[who] = 0
}

func TestP5NoLaneWaitsLongerThanItsBoundInPicks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		weights [jobs.NumLanes]int
		bounds  [jobs.NumLanes]int
	}{
		{[jobs.NumLanes]int{8, 4, 2, 1}, [jobs.NumLanes]int{7, 8, 11, 18}},
		{[jobs.NumLanes]int{1, 1, 1, 1}, [jobs.NumLanes]int{7, 7, 7, 7}},
		{[jobs.NumLanes]int{1, 2, 3, 40}, [jobs.NumLanes]int{49, 27, 20, 7}},
	} {
		t.Run(fmt.Sprint(c.weights), func(t *testing.T) {
			t.Parallel()
			for i, got := range c.bounds { // the formula behind the numbers
				want := 1
				for j := range c.weights {
					if j != i {
						want += ceilDiv(c.weights[j], c.weights[i]) + 1
					}
				}
				if got != want {
					t.Fatalf("bound of lane %d is %d, want %d", i, got, want)
				}
			}
			rapid.Check(t, func(t *rapid.T) {
				w := newWalk(t, neverLate(priority.Config{LaneWeights: c.weights}))
				w.cost = rapid.Just(int32(1))
				w.boundLaneWaits(c.bounds)
				w.bursts(40)
			})
		})
	}
}

// boundLaneWaits fails when an active lane is passed over too often.
func (w *walk) boundLaneWaits(bounds [jobs.NumLanes]int) {
	count := waits{}
	w.onPick = func(it item, ok bool) {
		if !ok {
			return
		}
		for _, l := range jobs.Lanes() {
			if n, here := count[l.String()]; here && l != it.lane && n+1 >= bounds[l] {
				w.t.Fatalf("lane %s was passed over %d times, bound %d picks", l, n+1, bounds[l])
			}
		}
		count.picked(it.lane.String())
	}
	w.onChange = func() { count.present(laneNames(w.g.active())) }
}

func TestP5AmongSteadyTenantsEachGoesOnceARound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "tenants")
		w := newWalk(t, neverLate(priority.Config{}))
		w.cost = rapid.Just(int32(1))
		for i := range n {
			for range 10 {
				w.enqueue(jobs.Standard, fmt.Sprint("tenant-", i))
			}
		}
		for range 10 {
			seen := map[string]bool{}
			for range n {
				it, _ := w.pick()
				seen[it.tenant] = true
			}
			if len(seen) != n {
				t.Fatalf("a round of %d picks served %d tenants", n, len(seen))
			}
		}
	})
}

func TestP5NoTenantWaitsLongerThanItsBoundInPicksOfItsLane(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWalk(t, neverLate(priority.Config{}))
		w.cost = rapid.Just(int32(1))
		weights := map[string]int{}
		for _, name := range w.names {
			weights[name] = rapid.SampledFrom([]int{1, 1, 2, 5}).Draw(t, "weight")
			w.setTenant(name, priority.Tenant{Weight: weights[name]})
		}
		count, met := waits{}, map[string]map[string]bool{} // met: who was there while one waited
		bound := func(name string) int {
			n := 1
			for other := range met[name] {
				n += ceilDiv(weights[other], weights[name]) + 1
			}
			return n
		}
		w.onPick = func(it item, ok bool) {
			if !ok || it.lane != jobs.Batch {
				return
			}
			for name, n := range count {
				if name != it.tenant && n+1 >= bound(name) {
					t.Fatalf("%q was passed over %d times, bound %d picks", name, n+1, bound(name))
				}
			}
			count.picked(it.tenant)
			met[it.tenant] = nil
		}
		w.onChange = func() {
			here := tenantsOf(w.g.ready(), jobs.Batch)
			count.present(here)
			for _, name := range w.names {
				if !slices.Contains(here, name) || met[name] == nil {
					met[name] = map[string]bool{}
				}
				for _, other := range here {
					if other != name {
						met[name][other] = true
					}
				}
			}
		}
		w.bursts(40)
	})
}

func TestP5TenantsThatComeLaterDoNotPassOneThatWaits(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, priority.Config{})
	enqueue := func(name string) { s.Enqueue(jobs.Standard, name, priority.Entry{Seq: 1, Cost: 1}) }
	enqueue("a-first")
	enqueue("z-waits")
	for i := range 1_000 {
		enqueue(fmt.Sprintf("b-%04d", i))
		if _, got, _, _ := s.Pick(0); got == "z-waits" {
			if i > 2 {
				t.Fatalf("served at pick %d, want one of the first 3", i+1)
			}
			return
		}
	}
	t.Fatal("newcomers with smaller names passed the waiting tenant 1,000 times")
}

// overdueCase enqueues jobs of all ages and costs, everyone of them late, and
// returns them most overdue first.
func overdueCase(w *walk, n int) []item {
	for range n {
		w.now += rapid.Int64Range(0, 3).Draw(w.t, "gap")
		w.enqueue(drawLane().Draw(w.t, "lane"), rapid.SampledFrom(w.names).Draw(w.t, "tenant"))
	}
	w.now += int64(priority.MaxObjective / time.Millisecond)
	list := slices.Clone(w.g.queued)
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if d := due(w.g.cfg, a) - due(w.g.cfg, b); d != 0 {
			return d < 0
		}
		if a.lane != b.lane {
			return a.lane < b.lane
		}
		return strings.Compare(a.tenant, b.tenant) < 0
	})
	return list
}

func TestP6ALateJobWithMEarlierOnesStartsWithinKTimesMPlusOnePicks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := drawConfig().Draw(t, "config")
		cfg.LaneCaps, cfg.DefaultTenant = [jobs.NumLanes]int{}, priority.Tenant{}
		w := newWalk(t, cfg)
		for range rapid.IntRange(0, 15).Draw(t, "picks_before") {
			w.enqueue(drawLane().Draw(t, "lane"), "acme")
			w.pick()
		}
		w.g.queued, w.g.running = nil, nil
		for { // start from empty queues but uneven tags
			if _, _, _, ok := w.s.Pick(w.now); !ok {
				break
			}
		}
		list := overdueCase(w, rapid.IntRange(1, 40).Draw(t, "jobs"))
		at := map[item]int{}
		for n := range list {
			it, _ := w.pick()
			at[it] = n + 1
		}
		for m, it := range list {
			if k := w.g.cfg.OverdueEvery; at[it] > k*(m+1) {
				t.Fatalf("%+v with %d earlier ones started at pick %d, bound %d", it, m, at[it], k*(m+1))
			}
		}
	})
}

func TestP6TheOverdueSlotLeavesLanesTheirShares(t *testing.T) {
	t.Parallel()
	for _, k := range []int{2, 3, 10} {
		cfg := neverLate(priority.Config{OverdueEvery: k})
		cfg.Objectives[jobs.Batch] = time.Millisecond
		s := newScheduler(t, cfg)
		const n = 3_000
		for i := range int64(n) {
			for _, l := range jobs.Lanes() {
				s.Enqueue(l, "acme", priority.Entry{Seq: i, Cost: 1})
			}
		}
		var got [jobs.NumLanes]int
		for range n {
			l, _, _, _ := s.Pick(1_000)
			got[l]++
		}
		for _, l := range jobs.Lanes() {
			weight := priority.Config{}.WithDefaults().LaneWeights[l]
			if least := n*(k-1)/k*weight/15 - 2*weight; got[l] < least {
				t.Errorf("k=%d: lane %s had %d of %d picks, want %d", k, l, got[l], n, least)
			}
		}
		if got[jobs.Batch] < n/k {
			t.Errorf("k=%d: the late lane had %d of %d picks, want %d", k, got[jobs.Batch], n, n/k)
		}
	}
}

func TestP7AHogDelaysAnotherTenantByOnePickWhateverItsBacklog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ hog, want int }{{0, 10}, {10, 11}, {1_000, 11}, {100_000, 11}} {
		for _, before := range []int{0, 7} { // picks that the hog had alone
			s := newScheduler(t, priority.Config{})
			for i := range int64(c.hog) {
				s.Enqueue(jobs.Standard, "a-hog", priority.Entry{Seq: i, Cost: 1})
			}
			for range min(before, c.hog) {
				s.Pick(0)
			}
			for i := range 10 {
				s.Enqueue(jobs.Standard, fmt.Sprintf("calm-%d", i), priority.Entry{Seq: 1, Cost: 1})
			}
			got := 0
			for name := ""; name != "calm-9"; got++ {
				_, name, _, _ = s.Pick(0)
			}
			if before > 0 && c.hog > 0 {
				if got > c.want {
					t.Errorf("after %d picks of a hog with %d jobs: dispatched as pick %d, want at most %d", before, c.hog, got, c.want)
				}
			} else if got != c.want {
				t.Errorf("hog with %d jobs: dispatched as pick %d, want %d", c.hog, got, c.want)
			}
		}
	}
}

func TestP8ANewcomerGetsItsShareAmongSaturatingTenantsAndNoMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "tenants")
		w := newWalk(t, neverLate(priority.Config{}))
		w.cost = rapid.Just(rapid.Int32Range(1, 1_000).Draw(t, "unit"))
		for i := range n {
			for range 80 {
				w.enqueue(jobs.Batch, fmt.Sprint("old-", i))
			}
		}
		name := rapid.SampledFrom([]string{"a-new", "z-new"}).Draw(t, "name")
		if rapid.Bool().Draw(t, "known") { // a newcomer that was here long ago
			w.enqueue(jobs.Batch, name)
		}
		for range rapid.IntRange(0, 30*n).Draw(t, "head_start") {
			w.pick()
		}
		for range 40 {
			w.enqueue(jobs.Batch, name)
		}
		got, picks := 0, rapid.IntRange(1, 30*(n+1)).Draw(t, "picks")
		for range picks {
			if it, _ := w.pick(); it.tenant == name {
				got++
			}
		}
		if least, most := picks/(n+1), ceilDiv(picks, n+1)+1; got < least || got > most {
			t.Fatalf("had %d of %d picks among %d tenants, want %d to %d", got, picks, n, least, most)
		}
	})
}
