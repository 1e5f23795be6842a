//go:build !race

package ladder_test

// outageJobs is how many jobs wait in an outage.
const outageJobs = 1000

// outageSlots are the numbers of slots that meet an outage.
func outageSlots() []int { return []int{1, 4, 16, 64} }
