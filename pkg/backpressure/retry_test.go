package backpressure_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// full is a controller whose tenant "a" has used up its share of interactive:
// 8/15 jobs a second, so that drain slots are 1.875 s apart.
func full(t testing.TB) *backpressure.Controller {
	t.Helper()
	return fleet(t, row(jobs.Interactive, "a", 33))
}

func retryAfter(t testing.TB, c *backpressure.Controller, r backpressure.Request, now time.Time) time.Duration {
	t.Helper()
	d := c.Admit(r, now)
	if d.Reason != backpressure.TenantQueueFull {
		t.Fatalf("decision %+v, want tenant_queue_full", d)
	}
	return d.RetryAfter
}

func TestEachRefusalTakesTheNextDrainSlot(t *testing.T) {
	t.Parallel()
	c := full(t)
	var got []time.Duration
	for i := range 4 {
		r := backpressure.Request{Lane: jobs.Interactive, Tenant: "a", Client: fmt.Sprint("key", i)}
		got = append(got, retryAfter(t, c, r, start()))
	}
	// 33 jobs are 10.6 above seven tenths of the limit of 32: 19.9 s.
	want := []time.Duration{20 * time.Second, 22 * time.Second, 24 * time.Second, 26 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("times to retry (-want +got):\n%s", diff)
	}
}

func TestAClientInALoopTakesOneSlotASecond(t *testing.T) {
	t.Parallel()
	c := full(t)
	loop := backpressure.Request{Lane: jobs.Interactive, Tenant: "a", Client: "loop"}
	for range 1000 {
		retryAfter(t, c, loop, start())
	}
	calm := backpressure.Request{Lane: jobs.Interactive, Tenant: "a", Client: "calm"}
	if got := retryAfter(t, c, calm, start()); got != 22*time.Second {
		t.Errorf("another client is told %s, want the second slot, 22s", got)
	}
	if got := retryAfter(t, c, loop, start().Add(time.Second)); got != 23*time.Second {
		t.Errorf("a second later the loop is told %s, want the third slot, 23s", got)
	}
}

func TestARetryIsToldWithJitterAndNeverBeyondTheLimit(t *testing.T) {
	t.Parallel()
	r := backpressure.Request{Lane: jobs.Interactive, Tenant: "a", Jitter: 1}
	if got := retryAfter(t, full(t), r, start()); got != 22*time.Second {
		t.Errorf("with full jitter %s, want 19.9 s and a tenth of it", got)
	}
	huge := fleet(t, row(jobs.Interactive, "a", 1_000_000))
	if got := retryAfter(t, huge, r, start()); got != backpressure.MaxRetryAfter {
		t.Errorf("a huge backlog with full jitter is told %s, want %s", got, backpressure.MaxRetryAfter)
	}
	r.Jitter = 0
	huge = fleet(t, row(jobs.Interactive, "a", 1_000_000))
	if got := retryAfter(t, huge, r, start()); got != 546*time.Second {
		t.Errorf("a huge backlog without jitter is told %s, want room for jitter below the limit, 9m6s", got)
	}
}

func TestTenantsAndLanesHaveSlotsOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := fleet(t, row(jobs.Interactive, "a", 33), row(jobs.Interactive, "b", 33))
	a := retryAfter(t, c, backpressure.Request{Lane: jobs.Interactive, Tenant: "a"}, start())
	b := retryAfter(t, c, backpressure.Request{Lane: jobs.Interactive, Tenant: "b"}, start())
	if a != b {
		t.Errorf("tenants are told %s and %s, want the same", a, b)
	}
}

func TestSheddingBacksOffWhileItLastsAndRecovers(t *testing.T) {
	t.Parallel()
	c, now := fleet(t), start()
	c.SetPressure(backpressure.Pressure{Memory: 1})
	told := func(after time.Duration) int {
		now = now.Add(after)
		d := c.Admit(backpressure.Request{Lane: jobs.Batch, Tenant: "a"}, now)
		if d.Reason != backpressure.LaneShed {
			t.Fatalf("decision %+v, want lane_shed", d)
		}
		return int(d.RetryAfter / time.Second)
	}
	var got []int
	for _, after := range []int{0, 0, 1, 1, 1, 1, 1, 1, 5, 100} {
		got = append(got, told(time.Duration(after)*time.Second))
	}
	if diff := cmp.Diff([]int{1, 1, 2, 4, 8, 16, 32, 32, 28, 1}, got); diff != "" {
		t.Errorf("seconds to retry (-want +got):\n%s", diff)
	}
}
