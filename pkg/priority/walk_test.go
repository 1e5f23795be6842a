package priority_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// walk drives a scheduler at random while a ledger keeps the books. The
// ledger follows the scheduler's picks; what a pick may be is for onPick.
type walk struct {
	t    *rapid.T
	s    *priority.Scheduler
	g    *ledger
	now  int64
	seq  int64
	cost *rapid.Generator[int32]
	// names are the tenants that jobs come from.
	names []string
	// onPick sees each pick before the ledger books it.
	onPick func(it item, ok bool)
	// onChange runs after each call.
	onChange func()
}

func newWalk(t *rapid.T, cfg priority.Config) *walk {
	s, err := priority.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &walk{
		t: t, s: s, g: newLedger(cfg), now: 1_000, cost: drawCost(t), names: tenantNames,
		onPick: func(item, bool) {}, onChange: func() {},
	}
}

// neverLate is a configuration in which the overdue slot finds nobody.
func neverLate(c priority.Config) priority.Config {
	for i := range c.Objectives {
		c.Objectives[i] = priority.MaxObjective
	}
	return c
}

func (w *walk) enqueue(lane jobs.Lane, name string) {
	w.seq++
	it := item{lane, name, priority.Entry{Seq: w.seq, Enqueued: w.now, Cost: w.cost.Draw(w.t, "cost")}}
	w.s.Enqueue(lane, name, it.Entry)
	w.g.enqueue(it)
	w.onChange()
}

func (w *walk) pick() (item, bool) {
	lane, name, e, ok := w.s.Pick(w.now)
	it := item{lane, name, e}
	w.onPick(it, ok)
	if ok {
		w.g.start(it)
	}
	w.onChange()
	return it, ok
}

// done ends a running job whose estimate was right.
func (w *walk) done(i int) {
	it := w.g.running[i]
	w.s.Done(it.lane, it.tenant, it.Cost, it.Cost)
	w.g.finish(it)
	w.onChange()
}

func (w *walk) setTenant(name string, c priority.Tenant) {
	w.s.SetTenant(name, c)
	w.g.tenants[name] = c
	w.onChange()
}

func (w *walk) setSlots(n int) {
	w.s.SetSlots(n)
	w.g.slots = n
	w.onChange()
}

func (w *walk) step() {
	switch rapid.IntRange(0, 9).Draw(w.t, "op") {
	case 0, 1, 2, 3:
		w.enqueue(drawLane().Draw(w.t, "lane"), rapid.SampledFrom(w.names).Draw(w.t, "tenant"))
	case 4, 5, 6:
		w.pick()
	case 7, 8:
		if n := len(w.g.running); n > 0 {
			w.done(rapid.IntRange(0, n-1).Draw(w.t, "running"))
		}
	case 9:
		w.now += rapid.Int64Range(1, 100).Draw(w.t, "ms")
	}
}

// stepLimits changes a limit now and then.
func (w *walk) stepLimits() {
	switch rapid.IntRange(0, 19).Draw(w.t, "limits") {
	case 0:
		w.setTenant(rapid.SampledFrom(w.names).Draw(w.t, "tenant"), drawTenant().Draw(w.t, "setting"))
	case 1:
		w.setSlots(rapid.IntRange(0, 8).Draw(w.t, "slots"))
	}
}

// gauge watches, for each pair of parties, the difference of the service that
// they had per weight, over each interval in which both were present.
type gauge struct {
	parties []string
	weight  map[string]int64
	present map[string]bool
	served  map[string]int64
	spans   map[[2]string]*span
	maxCost int64
	inexact int64 // charges that were rounded
}

type span struct{ least, most int64 }

func newGauge(maxCost int32) *gauge {
	return &gauge{
		weight: map[string]int64{}, present: map[string]bool{}, served: map[string]int64{},
		spans: map[[2]string]*span{}, maxCost: int64(maxCost),
	}
}

func (g *gauge) add(name string, weight int) {
	g.parties = append(g.parties, name)
	g.weight[name] = int64(weight)
}

// difference is 2520 (Sa/wa - Sb/wb) wa wb.
func (g *gauge) difference(a, b string) int64 {
	return 2520 * (g.served[a]*g.weight[b] - g.served[b]*g.weight[a])
}

// serve books a pick.
func (g *gauge) serve(name string, cost int32) {
	g.served[name] += int64(cost)
	if int64(cost)*2520%g.weight[name] != 0 {
		g.inexact++
	}
}

// update says who is present now, and returns the first pair, if any, whose
// difference has left its bound.
func (g *gauge) update(present []string) (a, b string, off, bound int64) {
	for _, name := range g.parties {
		g.present[name] = slices.Contains(present, name)
	}
	for i, a := range g.parties {
		for _, b := range g.parties[:i] {
			pair := [2]string{a, b}
			if !g.present[a] || !g.present[b] {
				delete(g.spans, pair)
				continue
			}
			d := g.difference(a, b)
			s := g.spans[pair]
			if s == nil {
				s = &span{d, d}
				g.spans[pair] = s
			}
			s.least, s.most = min(s.least, d), max(s.most, d)
			bound := 2520*g.maxCost*(g.weight[a]+g.weight[b]) + g.inexact*g.weight[a]*g.weight[b]
			if s.most-s.least > bound {
				return a, b, s.most - s.least, bound
			}
		}
	}
	return "", "", 0, 0
}

func tenantsOf(list []item, lane jobs.Lane) []string {
	var names []string
	for _, it := range list {
		if it.lane == lane {
			names = append(names, it.tenant)
		}
	}
	return names
}

func due(c priority.Config, it item) int64 {
	return it.Enqueued + int64(c.Objectives[it.lane]/time.Millisecond)
}
