package sqlitejobs_test

import (
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// TestAgreesWithTheReference is not parallel: Metamorphic sets flags. Without
// fsync it has time for many sequences; no machine stops in it.
func TestAgreesWithTheReference(t *testing.T) {
	h := harness(sqlitejobs.Config{UnsafeLoseJobsOnPowerCut: true})
	jobstest.Metamorphic(t, jobstest.Reference(h.Features), h, jobstest.Sequences(t, 200/slowdown))
}
