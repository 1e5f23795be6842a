// Package jobs is the domain of Sluice: what a job is, which states it moves
// through, and what an engine that keeps jobs must promise.
//
// A job is a document to be turned into structured fields. It is accepted
// durably, waits in a lane, is lent to a worker under a lease, and ends
// succeeded, failed, cancelled, expired or in review by a person. [Engine] is the
// contract of a store that keeps jobs; [Records] keeps everything else. The
// package jobstest holds the suites that every engine passes.
//
// The package imports the standard library only.
package jobs
