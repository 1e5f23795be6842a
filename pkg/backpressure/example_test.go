package backpressure_test

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// A controller is fed once a second and asked for each submission.
func Example() {
	c, err := backpressure.New(backpressure.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	c.Heartbeat(backpressure.Load{Worker: "w1", At: now, Slots: 16, ServiceMS: 8000, Completions: 1200})
	c.Snapshot(jobs.Stats{At: now, Queues: []jobs.QueueStats{
		{Lane: jobs.Standard, Tenant: "acme", Queued: 40},
		{Lane: jobs.Standard, Tenant: "hog", Queued: 5000},
	}})
	for _, tenant := range []string{"acme", "hog"} {
		d := c.Admit(backpressure.Request{Lane: jobs.Standard, Tenant: tenant}, now)
		fmt.Println(tenant, d.Mode, d.Reason, d.ETA, d.RetryAfter)
	}
	// Output:
	// acme normal  40 0s
	// hog rejected tenant_queue_full 2520.5 9m6s
}
