package asynqjobs_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
	"github.com/sluicehq/sluice/pkg/priority"
)

// callScheduler makes one call of the scheduler's library.
const callScheduler = `
sched_load()
local op, n = ARGV[1], {}
for i = 4, #ARGV do n[i - 3] = tonumber(ARGV[i]) end
local lane, tenant, answer = tonumber(ARGV[2]), ARGV[3], 0
if op == 'enqueue' then answer = sched_enqueue(lane, tenant, 'j' .. ARGV[4], n[1], n[2], n[3])
elseif op == 'remove' then answer = sched_remove(lane, tenant, n[1])
elseif op == 'started' then sched_started(lane, tenant, n[1])
elseif op == 'done' then answer = sched_done(lane, tenant, n[1], n[2])
elseif op == 'tenant' then sched_tenant(tenant, n[1], n[2], n[3])
elseif op == 'slots' then sched_slots(n[1])
elseif op == 'take' then answer = sched_take(lane, tenant, n[1]) or false
elseif op == 'pick' then
  local id, name, job, seq, cost = sched_pick(n[1])
  answer = id and { id, name, job, int(seq), int(cost) } or false
elseif op == 'largest' then
  local most = math.max(math.abs(S.now), math.abs(S.top))
  for id = 0, 3 do
    local l = S.lanes[id]
    most = math.max(most, math.abs(l.now), math.abs(l.top), math.abs(l.tag), math.abs(l.floor))
  end
  answer = int(most)
end
sched_flush()
if answer == true then return 1 elseif answer == false then return nil end
return answer
`

// pair is package priority and the script beside each other.
type pair struct {
	tb      testing.TB
	fatalf  func(format string, args ...any)
	client  *redis.Client
	script  *redis.Script
	prefix  string
	s       *priority.Scheduler
	now     int64
	seq     int64
	running []picked
	parked  []picked
	queued  []picked
}

type picked struct {
	lane   jobs.Lane
	tenant string
	e      priority.Entry
}

func newPair(tb testing.TB, fatalf func(string, ...any), client *redis.Client, prefix string, c priority.Config) *pair {
	s, err := priority.New(c)
	if err != nil {
		fatalf("%v", err)
	}
	p := &pair{
		tb: tb, fatalf: fatalf, client: client, prefix: prefix, s: s, now: 1_000,
		script: redis.NewScript(asynqjobs.SchedulerSource() + callScheduler),
	}
	if err := client.FlushAll(tb.Context()).Err(); err != nil {
		fatalf("flush: %v", err)
	}
	if err := client.Set(tb.Context(), prefix+"c", asynqjobs.PackScheduler(c), 0).Err(); err != nil {
		fatalf("configure: %v", err)
	}
	return p
}

func (p *pair) call(op string, lane jobs.Lane, tenant string, args ...any) any {
	all := append([]any{op, int(lane), tenant}, args...)
	v, err := p.script.Run(p.tb.Context(), p.client, []string{p.prefix}, all...).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		p.fatalf("%s: %v", op, err)
	}
	return v
}

func (p *pair) enqueue(it picked) {
	got := p.call("enqueue", it.lane, it.tenant, it.e.Seq, it.e.Enqueued, it.e.Cost) != nil
	if want := p.s.Enqueue(it.lane, it.tenant, it.e); got != want {
		p.fatalf("enqueue %+v = %t, want %t", it, got, want)
	}
	p.queued = append(p.queued, it)
}

func (p *pair) remove(lane jobs.Lane, tenant string, seq int64) {
	got := p.call("remove", lane, tenant, seq) != nil
	if want := p.s.Remove(lane, tenant, seq); got != want {
		p.fatalf("remove %s %q %d = %t, want %t", lane, tenant, seq, got, want)
	}
}

func (p *pair) started(it picked) {
	p.call("started", it.lane, it.tenant, it.e.Cost)
	p.s.Started(it.lane, it.tenant, it.e.Cost)
	p.running = append(p.running, it)
}

func (p *pair) done(i int, actual int32) {
	it := p.running[i]
	p.running = slices.Delete(p.running, i, i+1)
	got := p.call("done", it.lane, it.tenant, it.e.Cost, actual) != nil
	if want := p.s.Done(it.lane, it.tenant, it.e.Cost, actual); got != want {
		p.fatalf("done %+v = %t, want %t", it, got, want)
	}
	p.parked = append(p.parked, it)
}

func (p *pair) setTenant(name string, c priority.Tenant) {
	paused := 0
	if c.Paused {
		paused = 1
	}
	p.call("tenant", 0, name, c.Weight, c.MaxRunning, paused)
	p.s.SetTenant(name, c)
}

func (p *pair) pick() bool {
	got := p.call("pick", 0, "", p.now)
	lane, tenant, e, ok := p.s.Pick(p.now)
	var want any
	if ok {
		want = fmt.Sprint([]any{int(lane), tenant, fmt.Sprintf("j%d", e.Seq), strconv.FormatInt(e.Seq, 10), strconv.Itoa(int(e.Cost))})
		p.running = append(p.running, picked{lane, tenant, e})
		p.queued = slices.DeleteFunc(p.queued, func(q picked) bool { return q.e.Seq == e.Seq })
	}
	if got != nil {
		got = fmt.Sprint(got)
	}
	if got != want {
		p.fatalf("pick at %d = %v, want %v", p.now, got, want)
	}
	return ok
}

func (p *pair) take(it picked) {
	got := p.call("take", it.lane, it.tenant, it.e.Seq) != nil
	e, want := p.s.Take(it.lane, it.tenant, it.e.Seq)
	if got != want {
		p.fatalf("take %+v = %t, want %t", it, got, want)
	}
	if want {
		p.running = append(p.running, picked{it.lane, it.tenant, e})
		p.queued = slices.DeleteFunc(p.queued, func(q picked) bool { return q.e.Seq == e.Seq })
	}
}

var tenantNames = []string{"acme", "b", "bee", "zeta", "Ö", ""}

func drawConfig(t *rapid.T) priority.Config {
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
	c.DefaultTenant = drawTenant(t)
	return c
}

func drawTenant(t *rapid.T) priority.Tenant {
	return priority.Tenant{
		Weight:     rapid.SampledFrom([]int{1, 1, 2, 3, 10, 11, 997, 1000}).Draw(t, "weight"),
		MaxRunning: rapid.SampledFrom([]int{0, 0, 0, 1, 2, 5}).Draw(t, "max_running"),
		Paused:     rapid.IntRange(0, 5).Draw(t, "paused") == 0,
	}
}

func drawCost(t *rapid.T) *rapid.Generator[int32] {
	return rapid.SampledFrom([]*rapid.Generator[int32]{
		rapid.Just(int32(1)),
		rapid.Int32Range(1, 9),
		rapid.Int32Range(1, 90_000),
		rapid.Int32Range(math.MaxInt32-5, math.MaxInt32),
		rapid.SampledFrom([]int32{1, 1000, math.MaxInt32}),
	}).Draw(t, "cost_kind")
}

// step draws one call.
func (p *pair) step(t *rapid.T, cost *rapid.Generator[int32]) {
	lane := rapid.SampledFrom([]jobs.Lane{jobs.Critical, jobs.Interactive, jobs.Standard, jobs.Batch})
	tenant := rapid.SampledFrom(tenantNames)
	fresh := func() picked {
		p.seq++
		e := priority.Entry{Seq: p.seq, Enqueued: p.now - rapid.Int64Range(0, 50).Draw(t, "age"), Cost: cost.Draw(t, "cost")}
		return picked{lane.Draw(t, "lane"), tenant.Draw(t, "tenant"), e}
	}
	switch op := rapid.IntRange(0, 20).Draw(t, "op"); {
	case op < 6:
		p.enqueue(fresh())
	case op == 6 && len(p.parked) > 0:
		i := rapid.IntRange(0, len(p.parked)-1).Draw(t, "parked")
		it := p.parked[i]
		p.parked = slices.Delete(p.parked, i, i+1)
		p.enqueue(it)
	case op == 7 && len(p.queued) > 0:
		i := rapid.IntRange(0, len(p.queued)-1).Draw(t, "queued")
		it := p.queued[i]
		p.queued = slices.Delete(p.queued, i, i+1)
		p.remove(it.lane, it.tenant, it.e.Seq)
		p.remove(it.lane, it.tenant, it.e.Seq)
	case op < 13:
		p.pick()
	case op < 17 && len(p.running) > 0:
		i := rapid.IntRange(0, len(p.running)-1).Draw(t, "running")
		actual := p.running[i].e.Cost
		if rapid.Bool().Draw(t, "misestimated") {
			actual = cost.Draw(t, "actual")
		}
		p.done(i, actual)
	case op == 17:
		p.setTenant(tenant.Draw(t, "tenant"), drawTenant(t))
	case op == 18:
		p.now += rapid.Int64Range(1, 100).Draw(t, "ms")
	case op == 19 && len(p.queued) > 0:
		p.take(rapid.SampledFrom(p.queued).Draw(t, "take"))
	case rapid.Bool().Draw(t, "rare"):
		n := rapid.IntRange(0, 8).Draw(t, "slots")
		p.call("slots", 0, "", n)
		p.s.SetSlots(n)
	default:
		p.started(fresh())
	}
}

// drain takes all that is left.
func (p *pair) drain() {
	for _, name := range tenantNames {
		p.setTenant(name, priority.Tenant{})
	}
	for p.pick() || len(p.running) > 0 {
		if len(p.running) > 0 {
			p.done(0, p.running[0].e.Cost)
		}
	}
}

// volatileRedis is a server that keeps nothing: these tests compare, and lose
// nothing that matters.
func volatileRedis(tb testing.TB) *redis.Client {
	tb.Helper()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(tb, redistest.Settings{AppendOnly: "no"}).Addr()})
	tb.Cleanup(func() {
		if err := client.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return client
}

func TestTheScriptPicksWhatTheSchedulerPicks(t *testing.T) {
	t.Parallel()
	client := volatileRedis(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := newPair(t, rt.Fatalf, client, "{t}:", drawConfig(rt))
		cost := drawCost(rt)
		for range rapid.IntRange(1, 120).Draw(rt, "steps") {
			p.step(rt, cost)
		}
		p.drain()
	})
}

// TestTheScriptMovesItsClocksBackLikeTheScheduler makes the largest costs
// until the clocks have been moved back.
func TestTheScriptMovesItsClocksBackLikeTheScheduler(t *testing.T) {
	t.Parallel()
	cfg := priority.Config{LaneWeights: [jobs.NumLanes]int{1, 1, 1, 1}, OverdueEvery: 5}
	p := newPair(t, t.Fatalf, volatileRedis(t), "{t}:", cfg)
	most := int64(0)
	for i := range int64(1_500) {
		for len(p.queued) < 5 {
			p.seq++
			cost := []int32{math.MaxInt32, math.MaxInt32 - 1, 7}[p.seq%3]
			p.enqueue(picked{jobs.Lane(p.seq / 2 % 2 * 2), tenantNames[p.seq%3], priority.Entry{Seq: p.seq, Enqueued: 9_000 * i, Cost: cost}})
		}
		p.now = 9_000*i + 50_000
		p.pick()
		if len(p.running) > 20 {
			p.done(0, []int32{1, math.MaxInt32}[i%2])
		}
		var n int64
		if _, err := fmt.Sscan(fmt.Sprint(p.call("largest", 0, "")), &n); err != nil {
			t.Fatal(err)
		}
		if n >= 1<<53 {
			t.Fatalf("a number reached %d, a double is exact below 2^53", n)
		}
		most = max(most, n)
	}
	if most < 1<<51 {
		t.Errorf("the largest number was %d: the clocks were never moved back", most)
	}
}
