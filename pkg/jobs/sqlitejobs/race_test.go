//go:build race

package sqlitejobs_test

// slowdown is how much less the long tests do: the race detector makes SQLite,
// which is Go here, some fifteen times slower.
const slowdown = 8
