//go:build linux

package main

import "time"

// plan says how long and how much is measured.
type plan struct {
	quick  bool
	rounds int
	// sharedRounds are those of the engine for many machines, each of which
	// starts worker processes.
	sharedRounds int
	// window is the length of a round of one contestant, and warm what comes
	// before it where workers must get going.
	window, warm time.Duration
	// callers are the numbers of concurrent callers that put jobs.
	callers []int
	// backlogs are the numbers of queued jobs, from the least to the most.
	backlogs []int
	// tenantsAt is the one of them at which numbers of tenants are compared.
	tenantsAt int
	// hog is how many jobs the tenant beside the calm one has queued.
	hog int
	// lone is how many jobs a round puts one at a time, to see how soon each
	// is started.
	lone int
	// idle is how long a process at rest is watched.
	idle time.Duration
	// disk is how many bytes must be free.
	disk int64
	// limit ends a run that takes much longer than it should.
	limit time.Duration
}

// The backlogs that the targets name.
const (
	fewQueued  = 1_000
	manyQueued = 1_000_000
)

func newPlan(quick bool) plan {
	callers := []int{1, 16, 256}
	if quick {
		return plan{
			quick: true, rounds: 5, sharedRounds: 3, window: 300 * time.Millisecond, warm: 150 * time.Millisecond,
			callers: callers, backlogs: []int{fewQueued, 10_000, 100_000}, tenantsAt: 100_000, hog: 20_000, lone: 15, idle: 5 * time.Second, disk: 4 << 30, limit: 10 * time.Minute,
		}
	}
	return plan{
		rounds: 5, sharedRounds: 5, window: 3 * time.Second, warm: 500 * time.Millisecond,
		callers: callers, backlogs: []int{fewQueued, 10_000, 100_000, manyQueued}, tenantsAt: 100_000, hog: 100_000, lone: 60, idle: 30 * time.Second, disk: 20 << 30, limit: 40 * time.Minute,
	}
}

// most is the largest backlog.
func (p plan) most() int { return p.backlogs[len(p.backlogs)-1] }
