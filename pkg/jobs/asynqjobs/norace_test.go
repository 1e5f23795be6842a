//go:build !race

package asynqjobs_test

// slowdown is how much less of a test fits into the same time.
const slowdown = 1
