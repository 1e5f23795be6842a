package memjobs_test

import (
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

func TestTheReferenceEngineKeepsTheContract(t *testing.T) {
	jobstest.Run(t, jobstest.Reference(jobstest.Features{}))
}

func TestTheReferenceEngineModelsAStoreOfAProcess(t *testing.T) {
	jobstest.Run(t, jobstest.Reference(jobstest.Features{Persistent: true, HoldersDieWithStore: true}))
}

func TestTheReferenceEngineModelsASharedStore(t *testing.T) {
	jobstest.Run(t, jobstest.Reference(jobstest.Features{Persistent: true}))
}

func TestTheReferenceEngineAgreesWithItself(t *testing.T) {
	for name, f := range map[string]jobstest.Features{
		"memory":             {},
		"store of a process": {Persistent: true, HoldersDieWithStore: true},
		"shared store":       {Persistent: true},
	} {
		t.Run(name, func(t *testing.T) {
			jobstest.Metamorphic(t, jobstest.Reference(f), jobstest.Reference(f), jobstest.Sequences(t, 200))
		})
	}
}
