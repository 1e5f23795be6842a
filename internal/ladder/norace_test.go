//go:build !race

package ladder_test

// outageJobs is how many jobs wait in an outage.
const outageJobs = 1000
