package priority_test

import (
	"math/big"
	"slices"
	"sort"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// item is one job wherever it is.
type item struct {
	lane   jobs.Lane
	tenant string
	priority.Entry
}

// ledger is the bare bookkeeping of an independent model: two flat lists and
// linear scans. It knows who may start, and nothing of tags.
type ledger struct {
	cfg     priority.Config
	tenants map[string]priority.Tenant
	slots   int
	queued  []item
	running []item
}

func newLedger(cfg priority.Config) *ledger {
	return &ledger{cfg: cfg.WithDefaults(), tenants: map[string]priority.Tenant{}}
}

func (g *ledger) tenant(name string) priority.Tenant {
	if t, ok := g.tenants[name]; ok {
		return t
	}
	return g.cfg.DefaultTenant
}

func count(list []item, match func(item) bool) int {
	n := 0
	for _, it := range list {
		if match(it) {
			n++
		}
	}
	return n
}

func inLane(l jobs.Lane) func(item) bool {
	return func(it item) bool { return it.lane == l }
}

func ofTenant(name string) func(item) bool {
	return func(it item) bool { return it.tenant == name }
}

func inFlow(l jobs.Lane, name string) func(item) bool {
	return func(it item) bool { return it.lane == l && it.tenant == name }
}

// unblocked reports whether neither pause nor the tenant's cap holds it back.
func (g *ledger) unblocked(name string) bool {
	t := g.tenant(name)
	if t.Paused {
		return false
	}
	return t.MaxRunning == 0 || count(g.running, ofTenant(name)) < t.MaxRunning
}

// laneBelowCap reports whether the lane's cap leaves room.
func (g *ledger) laneBelowCap(l jobs.Lane) bool {
	c := g.cfg.LaneCaps[l]
	return c == 0 || count(g.running, inLane(l)) < c
}

// reserveHolds reports whether the slot kept for critical holds the lane back.
func (g *ledger) reserveHolds(l jobs.Lane) bool {
	if l == jobs.Critical || g.slots == 0 || g.slots < g.cfg.ReserveFrom {
		return false
	}
	lower := 0
	for _, it := range g.running {
		if it.lane != jobs.Critical {
			lower++
		}
	}
	return lower+1 >= g.slots
}

// heads lists the first job of each lane and tenant, by lane and name.
func (g *ledger) heads() []item {
	all := slices.Clone(g.queued)
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		if a.lane != b.lane {
			return a.lane < b.lane
		}
		if a.tenant != b.tenant {
			return a.tenant < b.tenant
		}
		return a.Seq < b.Seq
	})
	return slices.CompactFunc(all, func(a, b item) bool { return a.lane == b.lane && a.tenant == b.tenant })
}

// ready lists the heads whose tenant may start a job, whatever their lane.
func (g *ledger) ready() []item {
	return slices.DeleteFunc(g.heads(), func(it item) bool { return !g.unblocked(it.tenant) })
}

// active lists the heads that only the reserve may hold back.
func (g *ledger) active() []item {
	return slices.DeleteFunc(g.ready(), func(it item) bool { return !g.laneBelowCap(it.lane) })
}

// eligible lists the heads that may start now.
func (g *ledger) eligible() []item {
	return slices.DeleteFunc(g.active(), func(it item) bool { return g.reserveHolds(it.lane) })
}

func (g *ledger) enqueue(it item) { g.queued = append(g.queued, it) }

func (g *ledger) remove(l jobs.Lane, name string, seq int64) bool {
	n := len(g.queued)
	g.queued = slices.DeleteFunc(g.queued, func(it item) bool {
		return it.lane == l && it.tenant == name && it.Seq == seq
	})
	return len(g.queued) < n
}

func (g *ledger) start(it item) {
	g.remove(it.lane, it.tenant, it.Seq)
	g.running = append(g.running, it)
}

func (g *ledger) finish(it item) {
	i := slices.Index(g.running, it)
	g.running = slices.Delete(g.running, i, i+1)
}

// model adds the whole rule of picking to the ledger. It never forgets a
// flow, never moves its numbers back, and finds who joins by comparing lists
// from before and after each change.
type model struct {
	*ledger
	lanes  level
	inLane [jobs.NumLanes]level
	picks  int
}

// level is one clock with its accounts by name.
type level struct {
	now, top   int64
	tag, floor map[string]int64
}

func newModel(cfg priority.Config) *model {
	m := &model{ledger: newLedger(cfg), lanes: newLevel()}
	for i := range m.inLane {
		m.inLane[i] = newLevel()
	}
	return m
}

func newLevel() level {
	return level{tag: map[string]int64{}, floor: map[string]int64{}}
}

const modelHorizon = int64(1) << 50

func (v *level) join(who string) {
	if v.tag[who] <= v.now {
		v.tag[who] = v.now + 1
	}
	v.floor[who] = v.now
	v.top = max(v.top, v.tag[who])
}

func (v *level) charge(who string, by int64) {
	v.tag[who] = min(v.tag[who]+by, v.now+modelHorizon)
	v.top = max(v.top, v.tag[who])
}

func (v *level) correct(who string, by int64) {
	tag := max(v.tag[who], v.now-modelHorizon) + by
	tag = max(tag, v.floor[who], v.now-modelHorizon)
	v.tag[who] = min(tag, v.now+modelHorizon)
	v.top = max(v.top, v.tag[who])
}

// shareOf is floor(cost * 2520 / weight), by way of an exact fraction.
func shareOf(cost int32, weight int) int64 {
	r := big.NewRat(int64(max(cost, 1))*2520, int64(weight))
	return new(big.Int).Div(r.Num(), r.Denom()).Int64()
}

func laneNames(list []item) []string {
	var names []string
	for _, it := range list {
		if n := it.lane.String(); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// change runs f and lets those join that it made ready.
func (m *model) change(f func()) {
	ready, active := m.ready(), laneNames(m.active())
	f()
	for _, it := range m.ready() {
		if !slices.ContainsFunc(ready, func(b item) bool { return b.lane == it.lane && b.tenant == it.tenant }) {
			m.inLane[it.lane].join(it.tenant)
		}
	}
	for _, l := range laneNames(m.active()) {
		if !slices.Contains(active, l) {
			m.lanes.join(l)
		}
	}
}

func (m *model) setTenant(name string, t priority.Tenant) {
	m.change(func() { m.tenants[name] = t })
}

func (m *model) setSlots(n int) { m.slots = n }

func (m *model) enqueue(it item) { m.change(func() { m.ledger.enqueue(it) }) }

func (m *model) remove(l jobs.Lane, name string, seq int64) (ok bool) {
	m.change(func() { ok = m.ledger.remove(l, name, seq) })
	return ok
}

func (m *model) charge(it item) {
	m.inLane[it.lane].charge(it.tenant, shareOf(it.Cost, m.tenant(it.tenant).Weight))
	m.lanes.charge(it.lane.String(), shareOf(it.Cost, m.cfg.LaneWeights[it.lane]))
}

func (m *model) started(it item) {
	if !slices.ContainsFunc(m.ready(), func(b item) bool { return b.lane == it.lane && b.tenant == it.tenant }) {
		m.inLane[it.lane].join(it.tenant)
	}
	if !slices.Contains(laneNames(m.active()), it.lane.String()) {
		m.lanes.join(it.lane.String())
	}
	m.charge(it)
	m.running = append(m.running, it)
}

func (m *model) done(it item, actual int32) {
	m.change(func() {
		w, lw := m.tenant(it.tenant).Weight, m.cfg.LaneWeights[it.lane]
		m.inLane[it.lane].correct(it.tenant, shareOf(actual, w)-shareOf(it.Cost, w))
		m.lanes.correct(it.lane.String(), shareOf(actual, lw)-shareOf(it.Cost, lw))
		m.finish(it)
	})
}

// pick chooses by sorting all candidates.
func (m *model) pick(now int64) (item, bool) {
	can := m.eligible()
	if len(can) == 0 {
		return item{}, false
	}
	m.picks++
	chosen := m.fairest(can)
	if late := m.late(can, now); m.picks%m.cfg.OverdueEvery == 0 && len(late) > 0 {
		chosen = late[0]
	}
	m.advance(chosen.lane)
	m.ledger.start(chosen)
	m.charge(chosen)
	m.finishClocks(chosen.lane)
	return chosen, true
}

// fairest is the candidate with the smallest (lane tag, lane, tenant tag,
// name).
func (m *model) fairest(can []item) item {
	return slices.MinFunc(can, func(a, b item) int {
		if a.lane != b.lane {
			return cmpFirst(m.lanes.tag[a.lane.String()]-m.lanes.tag[b.lane.String()], int64(a.lane)-int64(b.lane))
		}
		tags := m.inLane[a.lane].tag
		return cmpFirst(tags[a.tenant]-tags[b.tenant], int64(strings.Compare(a.tenant, b.tenant)))
	})
}

// late lists the late candidates, most overdue first.
func (m *model) late(can []item, now int64) []item {
	due := func(it item) int64 { return it.Enqueued + m.cfg.Objectives[it.lane].Milliseconds() }
	var list []item
	for _, it := range can {
		if due(it) < now {
			list = append(list, it)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return cmpFirst(due(a)-due(b), int64(a.lane)-int64(b.lane), int64(strings.Compare(a.tenant, b.tenant))) < 0
	})
	return list
}

func cmpFirst(diffs ...int64) int {
	for _, d := range diffs {
		if d != 0 {
			return big.NewInt(d).Sign()
		}
	}
	return 0
}

func (m *model) advance(l jobs.Lane) {
	var lanes, flows []int64
	for _, it := range m.active() {
		lanes = append(lanes, m.lanes.tag[it.lane.String()])
		if it.lane == l {
			flows = append(flows, m.inLane[l].tag[it.tenant])
		}
	}
	m.lanes.now = max(m.lanes.now, slices.Min(lanes))
	m.inLane[l].now = max(m.inLane[l].now, slices.Min(flows))
}

func (m *model) finishClocks(l jobs.Lane) {
	if count(m.ready(), inLane(l)) == 0 {
		m.inLane[l].now = max(m.inLane[l].now, m.inLane[l].top)
	}
	if len(m.active()) == 0 {
		m.lanes.now = max(m.lanes.now, m.lanes.top)
	}
}
