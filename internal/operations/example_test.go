package operations_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	engine, _ := memjobs.New(memjobs.Config{})
	defer engine.Close()
	_, _ = engine.Accept(ctx, []jobs.Submission{{
		ID: "job_1", Tenant: "acme", Lane: jobs.Batch, Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: "f", DeadlineAt: time.Now().Add(time.Hour),
	}})

	done := make(chan struct{})
	ops, _ := operations.New(operations.Config{Engine: engine, Events: operations.Events{
		Changed: func(op operations.Operation) {
			if op.State.Ended() {
				close(done)
			}
		},
	}})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { ops.Run(ctx) })

	order := operations.Order{
		Action: operations.Cancel, Filter: jobs.Filter{States: []jobs.State{jobs.Queued}}, Rate: 20, Reason: "INC-42",
	}
	draft, _ := ops.Create(ctx, "", "ops", order, false)
	fmt.Println(draft.State, draft.Selection.Selected)
	_, _ = ops.Start(ctx, "", "ops", draft.ID)
	<-done
	op, _ := ops.Get(ctx, "", draft.ID)
	fmt.Println(op.State, op.Progress.Applied)
	// Output:
	// draft 1
	// succeeded 1
}
