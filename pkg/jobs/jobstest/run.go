package jobstest

import (
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// behaviour is one thing that the contract promises.
type behaviour struct {
	name string
	// policy is what the engine is opened with.
	policy jobs.Policy
	test   func(f *fixture)
}

// group is the behaviours of one part of the contract.
type group struct {
	name string
	all  []behaviour
}

// Run takes an engine through the contract. Each behaviour is a subtest with
// a store of its own, and runs in parallel with the others.
func Run(t *testing.T, h Harness) {
	groups := []group{
		{"accept", acceptBehaviours()},
		{"lend", lendBehaviours()},
		{"wait", waitBehaviours()},
		{"lease", leaseBehaviours()},
		{"attempts", attemptBehaviours()},
		{"finish", finishBehaviours()},
		{"cancel", cancelBehaviours()},
		{"sweep", sweepBehaviours()},
		{"command", commandBehaviours()},
		{"read", readBehaviours()},
		{"list", listBehaviours()},
		{"stats", statsBehaviours()},
		{"records", recordBehaviours()},
		{"listener", listenerBehaviours()},
		{"close", closeBehaviours()},
		{"concurrency", concurrencyBehaviours()},
		{"repeat", repeatBehaviours()},
		{"claim", claimBehaviours()},
		{"erase", eraseBehaviours()},
		{"operation", operationBehaviours()},
		{"archive", archiveBehaviours()},
		{"retain", retainBehaviours()},
		{"money", moneyBehaviours()},
		{"service", serviceBehaviours()},
	}
	if h.Features.Persistent {
		groups = append(groups, group{"restart", restartBehaviours(h.Features)})
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, b := range g.all {
				t.Run(b.name, func(t *testing.T) {
					t.Parallel()
					f := newFixture(t, h, b.policy)
					b.test(f)
					f.judge()
				})
			}
		})
	}
}
