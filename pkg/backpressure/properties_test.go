package backpressure_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// anySystem draws a controller in any state with the moment of its snapshot.
func anySystem(t *rapid.T) (*backpressure.Controller, []jobs.QueueStats) {
	c := controller(t)
	for i := range rapid.IntRange(0, 3).Draw(t, "workers") {
		c.Heartbeat(backpressure.Load{
			Worker:      string(rune('a' + i)),
			At:          start().Add(-time.Duration(rapid.IntRange(0, 40).Draw(t, "age")) * time.Second),
			Slots:       rapid.IntRange(0, 64).Draw(t, "slots"),
			ServiceMS:   rapid.Float64Range(0, 1e6).Draw(t, "service"),
			Completions: int64(rapid.IntRange(0, 2).Draw(t, "completions")),
		})
	}
	var rows []jobs.QueueStats
	for _, l := range jobs.Lanes() {
		for _, tenant := range []string{"a", "b", "c"} {
			if n := rapid.SampledFrom([]int{0, 0, 1, 7, 100, 5000, 1_000_000}).Draw(t, "depth"); n > 0 {
				rows = append(rows, row(l, tenant, n))
			}
		}
	}
	c.Snapshot(queued(start(), rows...))
	c.SetPressure(backpressure.Pressure{Memory: rapid.SampledFrom([]float64{0, 0.8, 0.9, 0.93, 0.96}).Draw(t, "memory")})
	return c, rows
}

func anyRequest(t *rapid.T) backpressure.Request {
	return backpressure.Request{
		Lane:      rapid.SampledFrom([]jobs.Lane{jobs.Critical, jobs.Interactive, jobs.Standard, jobs.Batch}).Draw(t, "lane"),
		Tenant:    rapid.SampledFrom([]string{"a", "b", "c", "newcomer"}).Draw(t, "tenant"),
		MaxQueued: rapid.SampledFrom([]int{0, 0, 50, 10_000}).Draw(t, "max_queued"),
		Jitter:    rapid.Float64Range(0, 1).Draw(t, "jitter"),
	}
}

// checkBounds holds for every decision.
func checkBounds(t *rapid.T, d backpressure.Decision) {
	if !(d.ETA >= 0) || d.ETA > backpressure.MaxETA.Seconds() {
		t.Errorf("eta is %g s", d.ETA)
	}
	if d.RetryAfter < 0 || d.RetryAfter > backpressure.MaxRetryAfter || d.RetryAfter%time.Second != 0 {
		t.Errorf("retry after %s", d.RetryAfter)
	}
	if d.Admitted() != (d.Status() == 202) {
		t.Errorf("mode %s has status %d", d.Mode, d.Status())
	}
	if busy := d.Status() == 429 || d.Status() == 503; busy != (d.RetryAfter > 0) {
		t.Errorf("status %d with retry after %s", d.Status(), d.RetryAfter)
	}
}

func TestEveryDecisionIsWithinItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, _ := anySystem(t)
		now := start()
		for range 20 {
			now = now.Add(time.Duration(rapid.IntRange(0, 9000).Draw(t, "step")) * time.Millisecond)
			r := anyRequest(t)
			if rapid.Bool().Draw(t, "with deadline") {
				r.DeadlineAt = now.Add(time.Duration(rapid.IntRange(-10, 100_000).Draw(t, "left")) * time.Second)
			}
			checkBounds(t, c.Admit(r, now))
			if eta, _ := c.ETA(r.Lane, r.Tenant, now, now); !(eta >= 0) {
				t.Errorf("eta of a waiting job is %g", eta)
			}
		}
	})
}

func TestBatchIsNeverAdmittedWhenCriticalAtTheSameFiguresIsRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pressure := backpressure.Pressure{Disk: rapid.Float64Range(0, 1).Draw(t, "disk")}
		// The same figures: each lane alone, with a backlog of the same share
		// of its objective.
		objectives := rapid.Float64Range(0, 4).Draw(t, "objectives")
		depth := map[jobs.Lane]int{
			jobs.Critical: int(objectives * 10 * 2 * 8 / 15 * 1000), jobs.Batch: int(objectives * 21600 * 2 / 15 * 1000),
		}
		admitted := map[jobs.Lane]bool{}
		for lane, n := range depth {
			c := controller(t)
			c.Heartbeat(load("w", start(), 2000, time.Second))
			c.Snapshot(queued(start(), row(lane, "a", n)))
			c.SetPressure(pressure)
			admitted[lane] = c.Admit(backpressure.Request{Lane: lane, Tenant: "a"}, start()).Admitted()
		}
		if admitted[jobs.Batch] && !admitted[jobs.Critical] {
			t.Errorf("batch is admitted and critical refused at %g objectives and %+v", objectives, pressure)
		}
	})
}

func TestRetryAfterGrowsWithTheBacklog(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lane := rapid.SampledFrom([]jobs.Lane{jobs.Critical, jobs.Interactive, jobs.Standard, jobs.Batch}).Draw(t, "lane")
		maxQueued := rapid.SampledFrom([]int{0, 10, 1000}).Draw(t, "max_queued")
		jitter := rapid.Float64Range(0, 1).Draw(t, "jitter")
		less := rapid.IntRange(1, 100_000).Draw(t, "less")
		more := less + rapid.IntRange(0, 100_000).Draw(t, "more")
		var told [2]time.Duration
		for i, n := range []int{less, more} {
			c := controller(t)
			c.Heartbeat(load("w", start(), 16, 2*time.Second))
			c.Snapshot(queued(start(), row(lane, "a", n)))
			d := c.Admit(backpressure.Request{Lane: lane, Tenant: "a", MaxQueued: maxQueued, Jitter: jitter}, start())
			told[i] = d.RetryAfter
		}
		if told[1] < told[0] {
			t.Errorf("lane %s: %d waiting jobs are told %s, %d are told %s", lane, less, told[0], more, told[1])
		}
	})
}

func TestAnEmptySystemRejectsNobody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, rows := anySystem(t)
		c.SetPressure(backpressure.Pressure{})
		for i := range rows {
			rows[i].Queued = 0
			rows[i].Running = 5
		}
		now := start().Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "age")) * time.Second)
		c.Snapshot(queued(now, rows...))
		r := anyRequest(t)
		r.DeadlineAt = now.Add(time.Duration(rapid.IntRange(1, 1000).Draw(t, "left")) * time.Second)
		if d := c.Admit(r, now); !d.Admitted() {
			t.Errorf("%+v is refused: %+v", r, d)
		}
	})
}

func TestStaleSignalsNeverMakeMattersLookBetter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, _ := anySystem(t)
		c.Heartbeat(load("last", start(), 8, time.Duration(rapid.IntRange(1, 60).Draw(t, "service"))*time.Second))
		r := anyRequest(t)
		level := func(d backpressure.Decision) int {
			switch {
			case !d.Admitted():
				return 2
			case d.Mode == jobs.AdmitQueued:
				return 1
			default:
				return 0
			}
		}
		ask := func(at time.Time) backpressure.Decision {
			d := c.Admit(r, at)
			if d.Admitted() && rapid.Bool().Draw(t, "withdraw") {
				c.Withdraw(r)
			}
			return d
		}
		now := start()
		before := ask(now)
		for range 14 {
			now = now.Add(time.Second)
			after := ask(now)
			if level(after) < level(before) {
				t.Errorf("after %s without news %+v became %+v", now.Sub(start()), before, after)
			}
			before = after
		}
	})
}
