// Package memjobs is the reference engine: jobs in maps and slices behind one
// lock, found by looking at all of them. It is slow with many jobs and plain
// on purpose, so that it can be read as the meaning of the contract and
// compared with the engines that are fast. It keeps nothing when the process
// ends; use it in tests.
//
// All engines that lend through package priority make the same calls of the
// scheduler in the same order, so that they lend the same jobs: a job that
// enters a queue is enqueued, one that leaves it other than by a pick is
// removed; a loan that ends frees its permit first and is queued again after
// that; a picked job that is late is charged nothing and the next is picked.
package memjobs
