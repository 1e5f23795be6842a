package ladder_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestARepairThatFindsNoRoomWaitsForIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := func(answer func(context.Context) extract.Answer) func(context.Context) extract.Answer {
			return func(ctx context.Context) extract.Answer {
				time.Sleep(800 * time.Millisecond)
				return answer(ctx)
			}
		}
		r := onlyPrimary(newRig(t, slow(faulty(tiers.FaultJSON)), slow(good), slow(good)))
		r.config.Models[0].Limits = tiers.LimitPolicy{Concurrency: 1, EvalShare: 0.1}
		r.script.lenient = true
		e, err := ladder.New(r.config)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for _, id := range []jobs.ID{"job_1", "job_2"} {
			all.Go(func() {
				l := loan(jobs.Standard)
				l.Job.ID = id
				if o, err := e.Process(t.Context(), l, firm(true)); err != nil || o.Kind != jobs.Succeed {
					t.Errorf("%s ended by %q (%s), %v", id, o.Kind, o.Reason, err)
				}
			})
		}
		all.Wait()
		if len(r.script.calls) != 3 {
			t.Errorf("calls %v, want one for each job and a repair", r.script.calls)
		}
	})
}
