package priority_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

func TestAConfigurationOutsideItsLimitsIsRefusedByName(t *testing.T) {
	t.Parallel()
	lanes := func(i, v int) (a [jobs.NumLanes]int) { a[i] = v; return a }
	objective := func(d time.Duration) (a [jobs.NumLanes]time.Duration) { a[jobs.Batch] = d; return a }
	for want, c := range map[string]priority.Config{
		"weight of lane standard is 1001, must be 1 to 1000":                {LaneWeights: lanes(2, 1001)},
		"weight of lane critical is -1, must be 1 to 1000":                  {LaneWeights: lanes(0, -1)},
		"cap of lane batch is -3, must be 0 or more":                        {LaneCaps: lanes(3, -3)},
		"objective of lane batch is 999µs, must be 1ms to 8760h0m0s":        {Objectives: objective(999 * time.Microsecond)},
		"objective of lane batch is 8760h0m0.001s, must be 1ms to 8760h0m0": {Objectives: objective(priority.MaxObjective + time.Millisecond)},
		"overdue_every is -1, must be 1 or more":                            {OverdueEvery: -1},
		"reserve_from is 1, must be 2 or more":                              {ReserveFrom: 1},
		"weight of default_tenant is 1001, must be 1 to 1000":               {DefaultTenant: priority.Tenant{Weight: 1001}},
		"max_running of default_tenant is -2, must be 0 or more":            {DefaultTenant: priority.Tenant{MaxRunning: -2}},
	} {
		_, err := priority.New(c)
		if !errors.Is(err, jobs.ErrInvalid) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("error %q, want one with %q", err, want)
		}
	}
}

func TestTheZeroConfigurationHasTheDocumentedDefaults(t *testing.T) {
	t.Parallel()
	want := priority.Config{
		LaneWeights:   [jobs.NumLanes]int{8, 4, 2, 1},
		Objectives:    [jobs.NumLanes]time.Duration{10 * time.Second, 30 * time.Second, 5 * time.Minute, 6 * time.Hour},
		OverdueEvery:  10,
		ReserveFrom:   4,
		DefaultTenant: priority.Tenant{Weight: 1},
	}
	if diff := cmp.Diff(want, priority.Config{}.WithDefaults()); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

// script enqueues jobs named "lane/tenant", all with the same cost, and
// returns the names in the order of picks.
func script(s *priority.Scheduler, now int64, jobNames ...string) []string {
	for i, name := range jobNames {
		lane, tenant := parse(name)
		s.Enqueue(lane, tenant, priority.Entry{Seq: int64(i), Cost: 1})
	}
	return picks(s, now, len(jobNames))
}

func parse(name string) (jobs.Lane, string) {
	laneName, tenant, _ := strings.Cut(name, "/")
	lane, err := jobs.ParseLane(laneName)
	if err != nil {
		panic(err)
	}
	return lane, tenant
}

// picks lists up to n picks.
func picks(s *priority.Scheduler, now int64, n int) []string {
	var got []string
	for range n {
		lane, tenant, _, ok := s.Pick(now)
		if !ok {
			break
		}
		got = append(got, lane.String()+"/"+tenant)
	}
	return got
}

func wantPicks(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("picks (-want +got):\n%s", diff)
	}
}

func TestTiesGoByLaneOrderAndThenByTenantName(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, priority.Config{})
	wantPicks(t, script(s, 0, "batch/a", "standard/b", "standard/a", "standard/B", "interactive/z", "critical/z"),
		"critical/z", "interactive/z", "standard/B", "batch/a", "standard/a", "standard/b")
}

func TestTheOverdueSlotTakesTheMostOverdueHeadAndBreaksTiesByLaneAndName(t *testing.T) {
	t.Parallel()
	cfg := priority.Config{OverdueEvery: 1}
	for i := range cfg.Objectives {
		cfg.Objectives[i] = 10 * time.Millisecond
	}
	enqueue := func(s *priority.Scheduler) {
		for name, at := range map[string]int64{"critical/late": 2, "batch/b": 1, "batch/a": 1, "standard/z": 1, "batch/first": 0} {
			lane, tenant := parse(name)
			s.Enqueue(lane, tenant, priority.Entry{Seq: 1, Enqueued: at, Cost: 1})
		}
	}
	s := newScheduler(t, cfg)
	enqueue(s)
	wantPicks(t, picks(s, 100, 9), "batch/first", "standard/z", "batch/a", "batch/b", "critical/late")
	s = newScheduler(t, cfg)
	enqueue(s) // at the due time itself nobody is late
	wantPicks(t, picks(s, 10, 9), "critical/late", "standard/z", "batch/a", "batch/b", "batch/first")
}

func TestEveryTenthPickIsTheOverdueSlot(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, priority.Config{})
	for i := range int64(40) {
		s.Enqueue(jobs.Critical, "a", priority.Entry{Seq: i, Enqueued: 1e9, Cost: 1})
	}
	for i := range int64(2) {
		s.Enqueue(jobs.Critical, "late", priority.Entry{Seq: i, Cost: 1 << 20})
	}
	var at []int
	for i, name := range picks(s, 1e9, 42) {
		if name == "critical/late" {
			at = append(at, i+1)
		}
	}
	// The first goes in the second place as a fair pick, and is so dear that
	// only the overdue slot takes the other.
	if diff := cmp.Diff([]int{2, 10}, at); diff != "" {
		t.Errorf("places of the late tenant's jobs (-want +got):\n%s", diff)
	}
}

func TestAJobThatComesBackTakesItsOldPlace(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, priority.Config{})
	for seq := range int64(5) {
		s.Enqueue(jobs.Batch, "a", priority.Entry{Seq: seq, Cost: 7})
	}
	for range 3 {
		s.Pick(0)
	}
	for _, seq := range []int64{2, 0} {
		s.Done(jobs.Batch, "a", 7, 7)
		s.Enqueue(jobs.Batch, "a", priority.Entry{Seq: seq, Cost: 7})
	}
	if s.Enqueue(jobs.Batch, "a", priority.Entry{Seq: 3}) {
		t.Error("a job was queued twice")
	}
	var got []int64
	for s.Len() > 0 {
		_, _, e, _ := s.Pick(0)
		got = append(got, e.Seq)
	}
	if diff := cmp.Diff([]int64{0, 2, 3, 4}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestOneSlotIsKeptForCriticalFromFourSlots(t *testing.T) {
	t.Parallel()
	for slots, want := range map[int][]string{
		0: {"standard/a", "standard/a", "standard/a", "standard/a", "critical/a"},
		3: {"standard/a", "standard/a", "standard/a", "standard/a", "critical/a"},
		4: {"standard/a", "standard/a", "standard/a", "critical/a"},
	} {
		s := newScheduler(t, priority.Config{})
		s.SetSlots(slots)
		got := script(s, 0, "standard/a", "standard/a", "standard/a", "standard/a")
		s.Enqueue(jobs.Critical, "a", priority.Entry{Cost: 1})
		wantPicks(t, append(got, picks(s, 0, 1)...), want...)
		if ready := s.Ready(0); ready {
			t.Errorf("%d slots: still ready", slots)
		}
	}
}

// TestTheKeptSlotStarvesNobody runs a full fleet in which every lane always
// has work: the critical jobs that run must not count against the others.
func TestTheKeptSlotStarvesNobody(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, neverLate(priority.Config{}))
	const slots, rounds = 4, 1_500
	s.SetSlots(slots)
	for i := range int64(rounds + slots) {
		for _, l := range jobs.Lanes() {
			s.Enqueue(l, "a", priority.Entry{Seq: i, Cost: 1})
		}
	}
	var running []jobs.Lane
	var got [jobs.NumLanes]int
	for range rounds {
		for len(running) < slots {
			l, _, _, _ := s.Pick(0)
			got[l]++
			running = append(running, l)
		}
		s.Done(running[0], "a", 1, 1)
		running = running[1:]
	}
	for _, l := range jobs.Lanes() {
		weight := priority.Config{}.WithDefaults().LaneWeights[l]
		if least := rounds * weight / 15 * 9 / 10; got[l] < least {
			t.Errorf("lane %s had %d of %d picks, want at least %d", l, got[l], rounds, least)
		}
	}
}

func TestATenantAtItsCapLeavesAllLanesAndReturns(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, priority.Config{})
	s.SetTenant("a", priority.Tenant{MaxRunning: 2})
	wantPicks(t, script(s, 0, "critical/a", "critical/a", "batch/a", "batch/b"), "critical/a", "batch/a", "batch/b")
	s.Done(jobs.Batch, "a", 1, 1)
	wantPicks(t, picks(s, 0, 9), "critical/a")
}

func TestAPausedTenantWaitsAndAnUnpausedOneStarts(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, priority.Config{DefaultTenant: priority.Tenant{Paused: true}})
	wantPicks(t, script(s, 0, "batch/a", "batch/b"))
	s.SetTenant("b", priority.Tenant{})
	wantPicks(t, picks(s, 0, 9), "batch/b")
}

func TestTenantSettingsOutsideTheirLimitsTakeTheNearestThatFits(t *testing.T) {
	t.Parallel()
	odd, plain := newScheduler(t, priority.Config{}), newScheduler(t, priority.Config{})
	odd.SetTenant("a", priority.Tenant{Weight: 1_000_000, MaxRunning: -1})
	odd.SetTenant("b", priority.Tenant{Weight: -5})
	plain.SetTenant("a", priority.Tenant{Weight: 1_000})
	work := slices.Repeat([]string{"batch/a", "batch/b"}, 1_100)
	if diff := cmp.Diff(script(plain, 0, work...), script(odd, 0, work...)); diff != "" {
		t.Errorf("picks (-within +outside):\n%s", diff)
	}
}

func TestCallsAboutUnknownJobsChangeNothing(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, priority.Config{})
	s.Enqueue(jobs.Batch, "a", priority.Entry{Seq: 1})
	if s.Remove(jobs.Batch, "a", 2) || s.Remove(jobs.Batch, "b", 1) || s.Remove(jobs.Standard, "a", 1) {
		t.Error("removed a job that is not queued")
	}
	if s.Done(jobs.Batch, "a", 1, 1) || s.Done(jobs.Batch, "b", 1, 1) {
		t.Error("ended a job that does not run")
	}
	if s.Len() != 1 || s.TotalRunning() != 0 || s.Queued(jobs.Batch, "b")+s.TenantQueued("b")+s.TenantRunning("b") != 0 {
		t.Errorf("%d queued, %d running", s.Len(), s.TotalRunning())
	}
}

func TestWorkIsOrderedByLaneAndTenantAndMayBeReadInPart(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, priority.Config{})
	for _, name := range []string{"batch/a", "standard/z", "standard/b", "critical/c"} {
		lane, tenant := parse(name)
		s.Enqueue(lane, tenant, priority.Entry{})
	}
	var got []string
	for w := range s.Work() {
		got = append(got, w.Lane.String()+"/"+w.Tenant)
		if len(got) == 3 {
			break
		}
	}
	if diff := cmp.Diff([]string{"critical/c", "standard/b", "standard/z"}, got); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
}

// served counts the picks of each tenant, ending each job at once.
func served(s *priority.Scheduler, n int) map[string]int {
	got := map[string]int{}
	for range n {
		lane, tenant, e, _ := s.Pick(0)
		s.Done(lane, tenant, e.Cost, e.Cost)
		got[tenant]++
	}
	return got
}

func TestARefundCountsForATenantThatKeptWaiting(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, neverLate(priority.Config{}))
	for i := range int64(50) {
		s.Enqueue(jobs.Batch, "over", priority.Entry{Seq: i, Cost: 10})
		s.Enqueue(jobs.Batch, "true", priority.Entry{Seq: i, Cost: 1})
	}
	got := map[string]int{}
	for range 40 { // each job really takes 1 ms
		lane, tenant, e, _ := s.Pick(0)
		s.Done(lane, tenant, e.Cost, 1)
		got[tenant]++
	}
	if diff := cmp.Diff(map[string]int{"over": 20, "true": 20}, got); diff != "" {
		t.Errorf("picks (-want +got):\n%s", diff)
	}
}

func TestARefundIsNoCreditForAPauseWithoutWork(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, neverLate(priority.Config{}))
	s.Enqueue(jobs.Batch, "a", priority.Entry{Cost: 1_000})
	s.Enqueue(jobs.Batch, "b", priority.Entry{Cost: 1})
	s.Pick(0) // a runs, and has no more work
	for i := range int64(1_000) {
		s.Enqueue(jobs.Batch, "b", priority.Entry{Seq: 1 + i, Cost: 1})
	}
	served(s, 600)
	for i := range int64(1_000) { // a returns while its job still runs
		s.Enqueue(jobs.Batch, "a", priority.Entry{Seq: 1 + i, Cost: 1})
	}
	s.Done(jobs.Batch, "a", 1_000, 1)
	if got := served(s, 100); got["a"] > 51 {
		t.Errorf("a had %d of 100 picks after its refund, want half", got["a"])
	}
}

func TestARefundIsNoCreditForATimeBehindACap(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, neverLate(priority.Config{}))
	s.SetTenant("a", priority.Tenant{MaxRunning: 1})
	for i := range int64(1_000) {
		s.Enqueue(jobs.Batch, "a", priority.Entry{Seq: i, Cost: 1_000})
		s.Enqueue(jobs.Batch, "b", priority.Entry{Seq: i, Cost: 1})
	}
	s.Pick(0) // a runs and is at its cap
	served(s, 600)
	s.SetTenant("a", priority.Tenant{})
	s.Done(jobs.Batch, "a", 1_000, 1)
	got := 0
	for range 100 {
		lane, tenant, e, _ := s.Pick(0)
		s.Done(lane, tenant, e.Cost, 1)
		if tenant == "a" {
			got++
		}
	}
	if got > 51 {
		t.Errorf("a had %d of 100 picks after its cap, want half", got)
	}
}

// TestTheOverdueSlotDoesNotSendNewcomersBehindItsWinner serves a late tenant
// far beyond its share; one that joins then starts level with the others.
func TestTheOverdueSlotDoesNotSendNewcomersBehindItsWinner(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, priority.Config{OverdueEvery: 2})
	now := int64(24 * time.Hour / time.Millisecond)
	for i := range int64(400) {
		s.Enqueue(jobs.Standard, "late", priority.Entry{Seq: i, Cost: 100})
		s.Enqueue(jobs.Standard, "prompt", priority.Entry{Seq: i, Enqueued: now, Cost: 1})
	}
	picks(s, now, 100)
	s.Enqueue(jobs.Standard, "zz-new", priority.Entry{Enqueued: now, Cost: 1})
	if got := picks(s, now, 6); !slices.Contains(got, "standard/zz-new") {
		t.Errorf("the newcomer is not among %q", got)
	}
}

// TestARebuiltSchedulerDoesNotDependOnTheOrderOfItsRows fills two schedulers
// with the same running and queued jobs in different order.
func TestARebuiltSchedulerDoesNotDependOnTheOrderOfItsRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := drawConfig().Draw(t, "config")
		w := newWalk(t, cfg)
		for range 40 {
			w.step()
		}
		type row struct {
			item
			running bool
		}
		var rows []row
		for _, it := range w.g.queued {
			rows = append(rows, row{it, false})
		}
		for _, it := range w.g.running {
			rows = append(rows, row{it, true})
		}
		build := func(rows []row) []item {
			s, err := priority.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				if r.running {
					s.Started(r.lane, r.tenant, r.Cost)
				} else {
					s.Enqueue(r.lane, r.tenant, r.Entry)
				}
			}
			var got []item
			for {
				lane, tenant, e, ok := s.Pick(w.now)
				if !ok {
					return got
				}
				got = append(got, item{lane, tenant, e})
			}
		}
		want := build(rows)
		if diff := cmp.Diff(want, build(rapid.Permutation(rows).Draw(t, "rows")), cmp.AllowUnexported(item{})); diff != "" {
			t.Fatalf("picks (-one order +another):\n%s", diff)
		}
	})
}

func TestTenantsWithoutWorkAreForgottenButTheirSettingsStay(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, priority.Config{})
	s.SetTenant("set", priority.Tenant{Weight: 5})
	s.SetTenant("plain", priority.Tenant{Weight: 1}) // the default: nothing to keep
	s.Enqueue(jobs.Batch, "a-long-backlog", priority.Entry{Seq: -1, Cost: 50})
	type running struct {
		tenant string
		e      priority.Entry
	}
	var fleet []running
	most := 0
	for i := range int64(20_000) {
		name := fmt.Sprint("once-", i)
		s.Enqueue(jobs.Batch, name, priority.Entry{Seq: i, Cost: int32(i%97 + 1)})
		if i%3 == 0 { // keep one tenant waiting throughout
			s.Enqueue(jobs.Batch, "a-long-backlog", priority.Entry{Seq: i, Cost: 50})
		}
		for len(fleet) < 8 {
			_, tenant, e, ok := s.Pick(0)
			if !ok {
				break
			}
			fleet = append(fleet, running{tenant, e})
		}
		for len(fleet) > 5 {
			s.Done(jobs.Batch, fleet[0].tenant, fleet[0].e.Cost, fleet[0].e.Cost/2)
			fleet = fleet[1:]
		}
		most = max(most, s.TenantsKept())
	}
	if most > 500 {
		t.Errorf("held up to %d tenants, want a few hundred at most", most)
	}
	for s.Len() > 0 || len(fleet) > 0 {
		if _, tenant, e, ok := s.Pick(0); ok {
			fleet = append(fleet, running{tenant, e})
		}
		s.Done(jobs.Batch, fleet[0].tenant, fleet[0].e.Cost, fleet[0].e.Cost)
		fleet = fleet[1:]
	}
	if got := s.TenantsKept(); got > 20 {
		t.Errorf("%d tenants are left when all is done", got)
	}
	s.Enqueue(jobs.Batch, "set", priority.Entry{Cost: 1})
	for i := range int64(60) {
		s.Enqueue(jobs.Batch, "set", priority.Entry{Seq: 1 + i, Cost: 1})
		s.Enqueue(jobs.Batch, "new", priority.Entry{Seq: 1 + i, Cost: 1})
	}
	if got := served(s, 60); got["set"] != 50 {
		t.Errorf("the tenant of weight 5 had %d of 60 picks beside one of weight 1, want 50", got["set"])
	}
}
