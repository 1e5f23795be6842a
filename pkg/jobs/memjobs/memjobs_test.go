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
