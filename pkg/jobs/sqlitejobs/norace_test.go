//go:build !race

package sqlitejobs_test

// slowdown is how much less the long tests do.
const slowdown = 1
