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
	for _, c := range []struct {
		name      string
		features  jobstest.Features
		sequences int
	}{
		{"memory", jobstest.Features{}, 60},
		{"store of a process", jobstest.Features{Persistent: true, HoldersDieWithStore: true}, 200},
		{"shared store", jobstest.Features{Persistent: true}, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := jobstest.Reference(c.features)
			jobstest.Metamorphic(t, h, h, jobstest.Sequences(t, c.sequences))
		})
	}
}
