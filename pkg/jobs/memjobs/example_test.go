package memjobs_test

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

// A job is accepted, lent to a worker and settled.
func Example() {
	ctx := context.Background()
	e, err := memjobs.New(memjobs.Config{Listener: jobs.Listener{Committed: func(events []jobs.Event) {
		for _, ev := range events {
			fmt.Println(ev.Version, ev.Type)
		}
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = e.Close() }() // it never fails

	_, err = e.Accept(ctx, []jobs.Submission{{
		ID: "job_1", Tenant: "acme", Lane: jobs.Interactive, Spec: jobs.Spec{Schema: "invoice"},
		Fingerprint: "of the payload", DeadlineAt: time.Now().Add(time.Hour),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	loans, err := e.Lend(ctx, jobs.LendRequest{Worker: "worker-1", Max: 1, Slots: 16})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range loans {
		job, err := e.Finish(ctx, l.Lease, jobs.Outcome{
			Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{"total":12.5}`)},
		})
		fmt.Println(job.State, string(job.Result.Data), err)
	}
	// Output:
	// 1 queued
	// 2 started
	// 3 succeeded
	// succeeded {"total":12.5} <nil>
}
