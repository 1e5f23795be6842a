//go:build race

package ladder_test

// outageJobs is how many jobs wait in an outage: fewer than without the race
// detector, which makes each of them ten times as slow.
const outageJobs = 250

// outageSlots are the numbers of slots that meet an outage.
func outageSlots() []int { return []int{1, 16} }
