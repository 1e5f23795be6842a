// Package backpressure decides at the door whether a job is taken in, so that
// intake slows before the system collapses.
//
// Two kinds of signals go in. Capacity signals (heartbeats of workers) set the
// drain rate mu, in jobs a second; queue depths divided by it give predicted
// waits. Exhaustible resources (memory, store, disk) form the shared pressure
// G, the largest of them, because a sum would hide one that is full. A busy
// worker with an empty queue is success and refuses nobody.
//
// Two waits come out. The wait at the guaranteed share, as if every lane and
// every tenant that was active lately asked for its own, only refuses. The
// wait at the share of the lanes and tenants that are active now is what
// clients are told.
//
// A [Controller] holds no clock, no goroutine and no source of randomness:
// time and jitter are arguments, so that every behaviour is a test in virtual
// time.
package backpressure
