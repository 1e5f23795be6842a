package jobstest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

// A caller whose answer was lost repeats the call and learns that its job is
// there already.
func ExampleFaulty() {
	inner, err := memjobs.New(memjobs.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	engine := &jobstest.Faulty{Engine: inner, Plan: jobstest.Script(map[string][]jobstest.Fault{
		"Accept": {jobstest.ErrorAfter},
	})}
	subs := []jobs.Submission{{
		ID: "job_1", Tenant: "acme", Lane: jobs.Batch, Spec: jobs.Spec{Schema: "invoice"},
		Fingerprint: "of the payload", DeadlineAt: time.Now().Add(time.Hour),
	}}
	for range 2 {
		answers, err := engine.Accept(context.Background(), subs)
		if errors.Is(err, jobs.ErrUnavailable) {
			fmt.Println("unclear, again")
			continue
		}
		fmt.Println(answers[0].Status, answers[0].Job.ID)
	}
	// Output:
	// unclear, again
	// existing job_1
}
