package ladder_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// TestAnOutageCostsFewCallsAndThenProbesOnly lets the primary answer nothing
// but errors while many jobs wait, for as long as their deadlines reach.
func TestAnOutageCostsFewCallsAndThenProbesOnly(t *testing.T) {
	for fault, answer := range map[string]func(context.Context) extract.Answer{
		"500": after(200*time.Millisecond, status(500, "")), "529": after(200*time.Millisecond, status(529, "")), "hang": hang,
	} {
		outage := func(lane jobs.Lane, processes, slots int) {
			t.Run(fmt.Sprintf("%s/%s/%d processes/%d slots", fault, lane, processes, slots), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					f := startFleet(t, setup{
						processes: processes, slots: slots, models: primaryOnly(), complete: true,
						provider: func(string, time.Duration) func(context.Context) extract.Answer { return answer },
					})
					f.submit(outageJobs, lane)
					time.Sleep(tiers.Policy{}.WithDefaults().Deadlines[lane] + time.Minute)
					f.finish()
					checkOutage(t, f, processes, slots)
				})
			})
		}
		for _, processes := range []int{1, 3} {
			for _, slots := range outageSlots() {
				if fault == "500" || slots%15 == 1 { // 1 and 16
					outage(jobs.Interactive, processes, slots)
				}
			}
		}
		if fault == "500" {
			outage(jobs.Standard, 3, 16)
		}
	}
}

// settled is how long after the first process found the route down the last
// call from before that may still hang: two full timeouts.
const settled = 4 * time.Minute

func checkOutage(t *testing.T, f *fleet, processes, slots int) {
	t.Helper()
	states, _ := f.states()
	if diff := cmp.Diff(map[jobs.State]int{jobs.Succeeded: outageJobs}, states); diff != "" {
		t.Errorf("jobs by state (-want +got):\n%s", diff)
	}
	before, firsts, retries := 0, 0, 0
	var lastProbe time.Duration
	for _, c := range f.calls {
		if !c.shut {
			before++
			continue
		}
		if c.inFlight > 1 && c.afterDown > settled {
			t.Errorf("%d calls at once, %v after the route was found down", c.inFlight, c.afterDown)
		}
		if c.afterDown > settled {
			if gap := c.from - lastProbe; lastProbe > 0 && gap < 29*time.Second {
				t.Errorf("a probe %v after the last one", gap)
			}
			lastProbe = c.from
		}
	}
	for _, p := range f.processes {
		firsts, retries = firsts+p.firsts, retries+p.retries
	}
	inFlight := processes * slots
	if most := 10*processes + inFlight; before > most {
		t.Errorf("%d calls before the route was found down, want at most %d", before, most)
	}
	if retries > firsts/10+10 {
		t.Errorf("%d retries beside %d first attempts", retries, firsts)
	}
	// Three commits are the least: accepted, lent, settled. A call costs a
	// few more: its row, parks and loans, and now and then a probe.
	if n, most := f.commits(), 3.05+10*float64(len(f.calls))/outageJobs; n > most {
		t.Errorf("%.2f commits a job, want at most %.2f", n, most)
	}
	t.Logf("%d calls before, %d in all, %.2f commits a job", before, len(f.calls), f.commits())
}

// TestWithoutBreakersTheBudgetStillBoundsTheRetries switches the breakers off,
// so that nothing but the budget stands between an outage and the retries.
func TestWithoutBreakersTheBudgetStillBoundsTheRetries(t *testing.T) {
	never := tiers.BreakerPolicy{MinJobs: 1 << 30}
	for _, lane := range []jobs.Lane{jobs.Interactive, jobs.Standard} {
		for _, processes := range []int{1, 3} {
			for _, slots := range outageSlots() {
				if lane == jobs.Standard && slots != 16 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d processes/%d slots", lane, processes, slots), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						f := startFleet(t, setup{
							processes: processes, slots: slots, models: primaryOnly(), complete: true, breaker: never,
							provider: func(string, time.Duration) func(context.Context) extract.Answer {
								return after(200*time.Millisecond, status(500, ""))
							},
						})
						f.submit(outageJobs, lane)
						time.Sleep(tiers.Policy{}.WithDefaults().Deadlines[lane] + time.Minute)
						f.finish()
						firsts, retries := 0, 0
						for _, p := range f.processes {
							firsts, retries = firsts+p.firsts, retries+p.retries
						}
						if firsts != outageJobs || retries > firsts/10+10 {
							t.Errorf("%d retries beside %d first attempts", retries, firsts)
						}
						if states, _ := f.states(); states[jobs.Succeeded] != outageJobs {
							t.Errorf("jobs by state: %v", states)
						}
						t.Logf("%d retries beside %d first attempts, %.2f commits a job", retries, firsts, f.commits())
					})
				})
			}
		}
	}
}

// TestAWarmProcessSpendsItsUnitsAtMost begins an outage when the retry budgets
// are full: then the fleet makes up to ten calls more before it is found.
func TestAWarmProcessSpendsItsUnitsAtMost(t *testing.T) {
	const warm = 10 * time.Minute
	for _, processes := range []int{1, 3} {
		for _, slots := range outageSlots() {
			t.Run(fmt.Sprintf("%d processes/%d slots", processes, slots), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					f := startFleet(t, setup{
						processes: processes, slots: slots, models: primaryOnly(), complete: true,
						provider: func(_ string, at time.Duration) func(context.Context) extract.Answer {
							if at < warm {
								return after(200*time.Millisecond, good)
							}
							return after(200*time.Millisecond, status(500, ""))
						},
					})
					f.submit(outageJobs/4, jobs.Standard)
					time.Sleep(warm)
					f.submit(outageJobs/2, jobs.Interactive)
					time.Sleep(10 * time.Minute)
					f.finish()
					before := 0
					for _, c := range f.calls {
						if c.from >= warm && !c.shut {
							before++
						}
					}
					if most := 10*processes + processes*slots + 10; before > most {
						t.Errorf("%d calls before the route was found down, want at most %d", before, most)
					}
					t.Logf("%d calls before the route was found down", before)
				})
			})
		}
	}
}
