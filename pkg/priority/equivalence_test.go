package priority_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

var tenantNames = []string{"acme", "b", "bee", "zeta", "Ö", ""}

func drawLane() *rapid.Generator[jobs.Lane] { return rapid.SampledFrom(slices.Collect(allLanes)) }

func allLanes(yield func(jobs.Lane) bool) {
	for _, l := range jobs.Lanes() {
		if !yield(l) {
			return
		}
	}
}

// drawTenant mixes weights that divide the unit with others that round.
func drawTenant() *rapid.Generator[priority.Tenant] {
	return rapid.Custom(func(t *rapid.T) priority.Tenant {
		return priority.Tenant{
			Weight:     rapid.SampledFrom([]int{1, 1, 2, 3, 10, 11, 997, 1000}).Draw(t, "weight"),
			MaxRunning: rapid.SampledFrom([]int{0, 0, 0, 1, 2, 5}).Draw(t, "max_running"),
			Paused:     rapid.IntRange(0, 5).Draw(t, "paused") == 0,
		}
	})
}

func drawConfig() *rapid.Generator[priority.Config] {
	return rapid.Custom(func(t *rapid.T) priority.Config {
		var c priority.Config
		if rapid.Bool().Draw(t, "own_weights") {
			for i := range c.LaneWeights {
				c.LaneWeights[i] = rapid.IntRange(1, 1000).Draw(t, "lane_weight")
			}
		}
		for i := range c.LaneCaps {
			c.LaneCaps[i] = rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(t, "lane_cap")
			c.Objectives[i] = time.Duration(rapid.IntRange(1, 200).Draw(t, "objective")) * time.Millisecond
		}
		c.OverdueEvery = rapid.IntRange(1, 12).Draw(t, "overdue_every")
		c.ReserveFrom = rapid.IntRange(2, 6).Draw(t, "reserve_from")
		c.DefaultTenant = drawTenant().Draw(t, "default_tenant")
		return c
	})
}

// drawCost draws one kind of cost for a whole case: equal, mixed, or so large
// that the clocks must be rebased.
func drawCost(t *rapid.T) *rapid.Generator[int32] {
	return rapid.SampledFrom([]*rapid.Generator[int32]{
		rapid.Just(int32(1)),
		rapid.Int32Range(1, 9),
		rapid.Int32Range(1, 90_000),
		rapid.Int32Range(math.MaxInt32-5, math.MaxInt32),
		rapid.SampledFrom([]int32{1, 1000, math.MaxInt32}),
	}).Draw(t, "cost_kind")
}

func newScheduler(t testing.TB, c priority.Config) *priority.Scheduler {
	t.Helper()
	s, err := priority.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// twin drives the scheduler and the model with the same calls.
type twin struct {
	t    *rapid.T
	s    *priority.Scheduler
	m    *model
	cost *rapid.Generator[int32]
	now  int64
	seq  int64
	// parked are jobs that ran and will come back with their old Seq.
	parked []item
}

func newTwin(t *rapid.T) *twin {
	cfg := drawConfig().Draw(t, "config")
	s, err := priority.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &twin{t: t, s: s, m: newModel(cfg), cost: drawCost(t), now: 1_000}
}

func (w *twin) enqueueNew() {
	w.seq++
	it := item{
		lane:   drawLane().Draw(w.t, "lane"),
		tenant: rapid.SampledFrom(tenantNames).Draw(w.t, "tenant"),
		Entry:  priority.Entry{Seq: w.seq, Enqueued: w.now - rapid.Int64Range(0, 50).Draw(w.t, "age"), Cost: w.cost.Draw(w.t, "cost")},
	}
	w.enqueue(it)
}

func (w *twin) enqueue(it item) {
	if !w.s.Enqueue(it.lane, it.tenant, it.Entry) {
		w.t.Fatalf("enqueue %+v refused", it)
	}
	w.m.enqueue(it)
}

func (w *twin) wake() {
	if len(w.parked) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.parked)-1).Draw(w.t, "parked")
	w.enqueue(w.parked[i])
	w.parked = slices.Delete(w.parked, i, i+1)
}

func (w *twin) remove() {
	l, name := drawLane().Draw(w.t, "lane"), rapid.SampledFrom(tenantNames).Draw(w.t, "tenant")
	seq := rapid.Int64Range(0, w.seq+1).Draw(w.t, "seq")
	if n := len(w.m.queued); n > 0 && rapid.Bool().Draw(w.t, "known") {
		it := w.m.queued[rapid.IntRange(0, n-1).Draw(w.t, "queued")]
		l, name, seq = it.lane, it.tenant, it.Seq
	}
	if got, want := w.s.Remove(l, name, seq), w.m.remove(l, name, seq); got != want {
		w.t.Fatalf("remove %s %q %d = %t, want %t", l, name, seq, got, want)
	}
}

func (w *twin) pick() {
	lane, tenant, e, ok := w.s.Pick(w.now)
	want, wantOK := w.m.pick(w.now)
	if got := (item{lane, tenant, e}); ok != wantOK || got != want {
		w.t.Fatalf("pick %d at %d = %+v %t, want %+v %t", w.m.picks, w.now, got, ok, want, wantOK)
	}
}

func (w *twin) done() {
	n := len(w.m.running)
	if n == 0 {
		return
	}
	it := w.m.running[rapid.IntRange(0, n-1).Draw(w.t, "running")]
	actual := it.Cost
	if rapid.Bool().Draw(w.t, "misestimated") {
		actual = w.cost.Draw(w.t, "actual")
	}
	if !w.s.Done(it.lane, it.tenant, it.Cost, actual) {
		w.t.Fatalf("done %+v refused", it)
	}
	w.m.done(it, actual)
	if rapid.IntRange(0, 3).Draw(w.t, "parks") == 0 {
		w.parked = append(w.parked, it)
	}
}

func (w *twin) started() {
	w.seq++
	it := item{
		lane:   drawLane().Draw(w.t, "lane"),
		tenant: rapid.SampledFrom(tenantNames).Draw(w.t, "tenant"),
		Entry:  priority.Entry{Seq: w.seq, Enqueued: w.now, Cost: w.cost.Draw(w.t, "cost")},
	}
	w.s.Started(it.lane, it.tenant, it.Cost)
	w.m.started(it)
}

func (w *twin) setTenant() {
	name, c := rapid.SampledFrom(tenantNames).Draw(w.t, "tenant"), drawTenant().Draw(w.t, "setting")
	w.s.SetTenant(name, c)
	w.m.setTenant(name, c)
}

func (w *twin) setSlots() {
	n := rapid.IntRange(0, 8).Draw(w.t, "slots")
	w.s.SetSlots(n)
	w.m.setSlots(n)
}

func (w *twin) sleep() { w.now += rapid.Int64Range(1, 100).Draw(w.t, "ms") }

// compare checks all that can be read.
func (w *twin) compare() {
	var rows []priority.Work
	queued, running := w.m.queued, w.m.running
	names := slices.Sorted(slices.Values(tenantNames))
	heads := w.m.heads()
	for _, l := range jobs.Lanes() {
		w.equal("lane queued", w.s.LaneQueued(l), count(queued, inLane(l)))
		w.equal("lane running", w.s.LaneRunning(l), count(running, inLane(l)))
		for _, name := range names {
			row := priority.Work{Lane: l, Tenant: name, Queued: count(queued, inFlow(l, name)), Running: count(running, inFlow(l, name))}
			if i := slices.IndexFunc(heads, inFlow(l, name)); i >= 0 {
				row.Head = heads[i].Entry
			}
			w.equal("queued", w.s.Queued(l, name), row.Queued)
			w.equal("running", w.s.Running(l, name), row.Running)
			if head, ok := w.s.Head(l, name); head != row.Head || ok != (row.Queued > 0) {
				w.t.Fatalf("head %s %q = %+v %t, want %+v", l, name, head, ok, row.Head)
			}
			if row.Queued+row.Running > 0 {
				rows = append(rows, row)
			}
		}
	}
	for _, name := range names {
		w.equal("tenant queued", w.s.TenantQueued(name), count(queued, ofTenant(name)))
		w.equal("tenant running", w.s.TenantRunning(name), count(running, ofTenant(name)))
	}
	w.equal("len", w.s.Len(), len(queued))
	w.equal("total running", w.s.TotalRunning(), len(running))
	if got, want := w.s.Ready(w.now), len(w.m.eligible()) > 0; got != want {
		w.t.Fatalf("ready = %t, want %t", got, want)
	}
	if diff := cmp.Diff(rows, slices.Collect(w.s.Work())); diff != "" {
		w.t.Fatalf("work (-want +got):\n%s", diff)
	}
}

func (w *twin) equal(what string, got, want int) {
	if got != want {
		w.t.Fatalf("%s = %d, want %d", what, got, want)
	}
}

// step draws one call. Enqueue and pick come most often.
func (w *twin) step() {
	switch rapid.IntRange(0, 19).Draw(w.t, "op") {
	case 0, 1, 2, 3, 4, 5:
		w.enqueueNew()
	case 6:
		w.wake()
	case 7:
		w.remove()
	case 8, 9, 10, 11, 12:
		w.pick()
	case 13, 14, 15, 16:
		w.done()
	case 17:
		w.setTenant()
	case 18:
		w.sleep()
	case 19:
		if rapid.Bool().Draw(w.t, "rare") {
			w.setSlots()
		} else {
			w.started()
		}
	}
}

func TestPicksEqualThoseOfANaiveModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newTwin(t)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			w.step()
			w.compare()
		}
	})
}

func TestPicksEqualThoseOfANaiveModelUnderALongBacklog(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newTwin(t)
		for range 20 {
			w.enqueueNew()
		}
		for range 50 {
			w.pick()
			w.done()
			w.enqueueNew()
			if rapid.IntRange(0, 9).Draw(t, "more") == 0 {
				w.step()
			}
		}
		w.compare()
	})
}

// TestHugeCostsNeitherOverflowNorChangeAPick repeats short patterns of calls
// with the largest costs there are, until the clocks have been moved back.
func TestHugeCostsNeitherOverflowNorChangeAPick(t *testing.T) {
	t.Parallel()
	const most = math.MaxInt32
	for _, c := range []struct {
		name           string
		overdue        int
		keep           int // running jobs before the oldest ends
		costs, actuals []int32
	}{
		{"right estimates", 5, 3, []int32{most, most - 1}, []int32{0}},
		{"mixed costs", 3, 0, []int32{most, 1, most, 7}, []int32{0}},
		{"mostly overdue", 1, 10, []int32{most, most, 1}, []int32{0, 1, most}},
		{"too low", 5, 30, []int32{1, 1, 2}, []int32{most}},
		{"too high", 5, 30, []int32{most}, []int32{1, most / 2}},
		{"now this, now that", 2, 40, []int32{most, 1, 1}, []int32{1, most}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := priority.Config{LaneWeights: [jobs.NumLanes]int{1, 1, 1, 1}, OverdueEvery: c.overdue}
			s, m := newScheduler(t, cfg), newModel(cfg)
			var seq int64
			for i := range 2_500 {
				for len(m.queued) < 6 {
					seq++
					e := priority.Entry{Seq: seq, Enqueued: 9_000 * int64(i), Cost: c.costs[int(seq)%len(c.costs)]}
					it := item{jobs.Lane(seq / 2 % 2 * 2), tenantNames[seq%2], e}
					s.Enqueue(it.lane, it.tenant, it.Entry)
					m.enqueue(it)
				}
				comparePick(t, s, m, 9_000*int64(i)+50_000)
				for len(m.running) > c.keep {
					it, actual := m.running[0], c.actuals[i%len(c.actuals)]
					if actual == 0 {
						actual = it.Cost
					}
					s.Done(it.lane, it.tenant, it.Cost, actual)
					m.done(it, actual)
				}
				wantExactInDoubles(t, s)
			}
		})
	}
}

// TestTagsStayWithinTheirOuterBounds ends so many misjudged jobs at once that
// a tag would leave its clock further behind or ahead than it may.
func TestTagsStayWithinTheirOuterBounds(t *testing.T) {
	t.Parallel()
	const most, jobsMisjudged = math.MaxInt32, 300
	for _, c := range []struct {
		name              string
		estimated, actual int32
		paused            bool // while other jobs move the clock on
	}{
		{"far ahead", 1, most, false},
		{"far behind", most, 1, false},
		{"first behind, then ahead", 1, most, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := neverLate(priority.Config{})
			s, m := newScheduler(t, cfg), newModel(cfg)
			var seq int64
			enqueue := func(name string, cost int32) {
				seq++
				it := item{jobs.Batch, name, priority.Entry{Seq: seq, Cost: cost}}
				s.Enqueue(it.lane, it.tenant, it.Entry)
				m.enqueue(it)
			}
			pick := func() {
				it := comparePick(t, s, m, 0)
				enqueue(it.tenant, it.Cost)
				wantExactInDoubles(t, s)
			}
			pause := func(paused bool) {
				s.SetTenant("misjudged", priority.Tenant{Weight: 1, Paused: paused})
				m.setTenant("misjudged", priority.Tenant{Weight: 1, Paused: paused})
			}
			enqueue("misjudged", c.estimated)
			for range jobsMisjudged {
				pick()
			}
			enqueue("other", most)
			if c.paused {
				pause(true)
				for range 250 {
					pick()
				}
			}
			for range jobsMisjudged {
				it := m.running[0]
				s.Done(it.lane, it.tenant, it.Cost, c.actual)
				m.done(it, c.actual)
			}
			pause(false)
			for range 350 {
				pick()
			}
		})
	}
}

func comparePick(t *testing.T, s *priority.Scheduler, m *model, now int64) item {
	t.Helper()
	lane, tenant, e, ok := s.Pick(now)
	want, wantOK := m.pick(now)
	if got := (item{lane, tenant, e}); ok != wantOK || got != want {
		t.Fatalf("pick %d = %+v %t, want %+v %t", m.picks, got, ok, want, wantOK)
	}
	return want
}

func wantExactInDoubles(t *testing.T, s *priority.Scheduler) {
	t.Helper()
	if got, limit := s.LargestNumber(), int64(1)<<53; got >= limit {
		t.Fatalf("a number reached %d, a double is exact below %d", got, limit)
	}
}

func TestClocksAreMovedBackBeforeADoubleLosesCount(t *testing.T) {
	t.Parallel()
	s, m := newScheduler(t, priority.Config{}), newModel(priority.Config{})
	for i := range int64(3_500) {
		for len(m.queued) < 4 { // seldom, so that flows also stand untouched over many picks
			for j := range int64(12) {
				it := item{jobs.Batch, tenantNames[j%2], priority.Entry{Seq: 12*i + j, Cost: math.MaxInt32}}
				s.Enqueue(it.lane, it.tenant, it.Entry)
				m.enqueue(it)
			}
		}
		it := comparePick(t, s, m, 0)
		s.Done(it.lane, it.tenant, it.Cost, it.Cost)
		m.done(it, it.Cost)
		wantExactInDoubles(t, s)
	}
	if m.lanes.now < 1<<53 || m.inLane[jobs.Batch].now < 1<<53 {
		t.Fatalf("the model's clocks, which are never moved back, are only at %d and %d", m.lanes.now, m.inLane[jobs.Batch].now)
	}
}
