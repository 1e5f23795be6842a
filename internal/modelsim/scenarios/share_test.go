package scenarios_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestAnAnswerThatIsCutIsAskedForAgainAndNotForMore(t *testing.T) {
	rules := []modelsim.Rule{modelsim.Always(onLarge, modelsim.Truncated())}
	run(t, setup{rules: rules}, func(t *testing.T, s *stack) {
		s.settled(s.submit(job{text: hard(1), lane: jobs.Standard})[0])
		calls := s.sent(large)
		if len(calls) != 2 || calls[1].BytesIn != calls[0].BytesIn { // the limit has as many digits
			t.Errorf("%d calls with requests of %d and %d bytes", len(calls), calls[0].BytesIn, calls[len(calls)-1].BytesIn)
		}
	})
}

// TestARateThatGrewTooFastIsHalvedAndGrowsBack has the provider say slow_down
// once to everybody.
func TestARateThatGrewTooFastIsHalvedAndGrowsBack(t *testing.T) {
	const said = 10 * time.Second
	rules := []modelsim.Rule{
		modelsim.Always(modelsim.Match{Model: large, During: modelsim.During{From: said, Until: said + 2*time.Second}}, modelsim.SlowDown()),
		modelsim.Always(onLarge, modelsim.Slow(1600*time.Millisecond)),
	}
	run(t, setup{slots: 16, rules: rules}, func(t *testing.T, s *stack) {
		ids := s.submit(many(700, jobs.Batch, hard)...)
		began := time.Now()
		if states, byTier := s.ends(ids); byTier[1] != len(ids) {
			t.Errorf("%v, by tier %v", states, byTier)
		}
		spans := map[string][]modelsim.Call{}
		for _, c := range s.sent(large) {
			switch at := c.At.Sub(began); {
			case c.Answer == "slow_down":
				spans["refused"] = append(spans["refused"], c)
			case at < said:
				spans["before"] = append(spans["before"], c)
			case at < said+15*time.Second:
				spans["pause"] = append(spans["pause"], c)
			case at < said+40*time.Second:
				spans["after"] = append(spans["after"], c)
			case at > said+2*time.Minute:
				spans["late"] = append(spans["late"], c)
			}
		}
		before, after, late := mostAtOnce(spans["before"]), mostAtOnce(spans["after"]), mostAtOnce(spans["late"])
		if before < 14 || after > (before+1)/2 || after == 0 || late <= after {
			t.Errorf("%d calls at once before, %d after and %d later", before, after, late)
		}
		if n := len(spans["pause"]); n > 0 {
			t.Errorf("%d calls in the 15 s that the provider was given", n)
		}
		t.Logf("%d calls at once before, %d after, %d later, %d refused", before, after, late, len(spans["refused"]))
	})
}

// waits are the times from acceptance to end, in order.
func (s *stack) waits(ids []jobs.ID) []time.Duration {
	var all []time.Duration
	for _, id := range ids {
		j, _ := s.settled(id)
		if j.State != jobs.Succeeded || j.Tier != 1 {
			s.t.Errorf("%s is %s on tier %d", id, j.State, j.Tier)
		}
		all = append(all, j.EndedAt.Sub(j.AcceptedAt))
	}
	slices.Sort(all)
	return all
}

// besides submits a calm tenant's jobs, two a second, beside a flood,
// and answers the 95th percentile of their times.
func besides(t *testing.T, lane jobs.Lane, flood []job) (p95 time.Duration) {
	t.Helper()
	bubble(t, setup{slots: 8}, func(t *testing.T, s *stack) {
		for n, j := range flood {
			s.submitAs(jobs.ID(fmt.Sprintf("flood_%05d", n)), j)
		}
		time.Sleep(time.Second) // the flood has all slots
		var ids []jobs.ID
		for n := range 40 {
			ids = append(ids, s.submitAs(jobs.ID(fmt.Sprintf("calm_%03d", n)), job{text: hard(n), lane: lane, tenant: "calm"}))
			time.Sleep(500 * time.Millisecond)
		}
		p95 = s.waits(ids)[37]
	})
	return p95
}

// TestNeitherAHogNorEvalsAreFeltByACalmTenant compares a calm tenant's times
// when it is alone, beside a tenant that floods its lane, and beside a batch of
// evals. A job waits at most for a slot to come free: one call.
func TestNeitherAHogNorEvalsAreFeltByACalmTenant(t *testing.T) {
	t.Parallel()
	const service = 400 * time.Millisecond
	alone := besides(t, jobs.Interactive, nil)
	for name, flood := range map[string][]job{
		"a hog in the same lane": many(500, jobs.Interactive, hard),
		"a batch of evals":       many(500, jobs.Batch, hard),
	} {
		p95 := besides(t, jobs.Interactive, flood)
		if p95 > alone+2*service {
			t.Errorf("beside %s p95 is %v, alone %v", name, p95, alone)
		}
		t.Logf("p95 beside %s %v, alone %v", name, p95, alone)
	}
}

// TestWhenAGateOpensTheOldestGoFirst keeps all gates closed for ten minutes
// while jobs come in, and then opens one: the jobs go in the order in which
// they came, at the pace at which the route is taken up again.
func TestWhenAGateOpensTheOldestGoFirst(t *testing.T) {
	const shut, each = 10 * time.Minute, 2 * time.Second
	run(t, setup{processes: 2, slots: 8}, func(t *testing.T, s *stack) {
		began := time.Now()
		for _, g := range s.gates {
			g.Override([]tiers.Override{
				{Name: "near", Closed: true, Until: began.Add(shut)},
				{Name: "far", Closed: true, Until: began.Add(time.Hour)},
			})
		}
		var ids []jobs.ID
		for n := range 290 {
			ids = append(ids, s.submitAs(jobs.ID(fmt.Sprintf("job_%04d", n)), job{text: hard(n), lane: jobs.Standard}))
			time.Sleep(each)
		}
		s.waits(ids)
		ended := map[jobs.ID]time.Time{}
		for _, id := range ids {
			j, _ := s.settled(id)
			ended[id] = j.EndedAt
		}
		order := slices.Clone(ids)
		slices.SortStableFunc(order, func(a, b jobs.ID) int { return ended[a].Compare(ended[b]) })
		for at, id := range order {
			if place := slices.Index(ids, id); at > place+2*8 {
				t.Errorf("%s ended as number %d", id, at)
			}
		}
		calls := s.sent(large)
		if first := calls[0].At.Sub(began); first < shut {
			t.Errorf("the first call came after %v", first)
		}
		if n := mostAtOnce(calls[:6]); n > 4 { // one probe, then one more for each answer and process
			t.Errorf("%d calls at once among the first six", n)
		}
	})
}
