package sqlitejobs_test

import (
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

func BenchmarkEngine(b *testing.B) { jobstest.Benchmark(b, harness(sqlitejobs.Config{})) }
