//go:build race

package ladder_test

// outageJobs is how many jobs wait in an outage: fewer than without the race
// detector, which makes each of them ten times as slow.
const outageJobs = 250
