package priority_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// TestAJobIsTakenOutOfItsTurnOnlyWhereItCouldStart puts the same jobs into two
// schedulers: in one a job is taken, in the other it is removed and started,
// and from then on both pick alike.
func TestAJobIsTakenOutOfItsTurnOnlyWhereItCouldStart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig().Draw(t, "config")
		one, err := priority.New(c)
		if err != nil {
			t.Fatal(err)
		}
		two, err := priority.New(c)
		if err != nil {
			t.Fatal(err)
		}
		slots := rapid.IntRange(0, 6).Draw(t, "slots")
		one.SetSlots(slots)
		two.SetSlots(slots)
		type queued struct {
			lane   jobs.Lane
			tenant string
			e      priority.Entry
		}
		var all []queued
		for seq := range int64(rapid.IntRange(1, 12).Draw(t, "jobs")) {
			q := queued{drawLane().Draw(t, "lane"), rapid.SampledFrom(tenantNames).Draw(t, "tenant"), priority.Entry{Seq: seq, Cost: 3}}
			one.Enqueue(q.lane, q.tenant, q.e)
			two.Enqueue(q.lane, q.tenant, q.e)
			all = append(all, q)
		}
		for range rapid.IntRange(1, 6).Draw(t, "takes") {
			q := rapid.SampledFrom(all).Draw(t, "take")
			running, most, laneMost := one.TenantRunning(q.tenant), c.DefaultTenant.MaxRunning, c.LaneCaps[q.lane]
			e, ok := one.Take(q.lane, q.tenant, q.e.Seq)
			if !ok {
				if one.TenantRunning(q.tenant) != running {
					t.Fatal("a job that was not taken is counted as running")
				}
				continue
			}
			if e != q.e || c.DefaultTenant.Paused || most > 0 && running >= most {
				t.Fatalf("took %+v with %d of the tenant running, cap %d, paused %v", e, running, most, c.DefaultTenant.Paused)
			}
			if laneMost > 0 && one.LaneRunning(q.lane) > laneMost {
				t.Fatalf("%d run in a lane with a cap of %d", one.LaneRunning(q.lane), laneMost)
			}
			if !two.Remove(q.lane, q.tenant, q.e.Seq) {
				t.Fatal("took a job twice")
			}
			two.Started(q.lane, q.tenant, q.e.Cost)
		}
		for now := int64(0); ; now++ {
			lane1, tenant1, e1, ok1 := one.Pick(now)
			lane2, tenant2, e2, ok2 := two.Pick(now)
			if lane1 != lane2 || tenant1 != tenant2 || e1 != e2 || ok1 != ok2 {
				t.Fatalf("picked %v %q %+v %v and %v %q %+v %v", lane1, tenant1, e1, ok1, lane2, tenant2, e2, ok2)
			}
			if !ok1 {
				return
			}
		}
	})
}
