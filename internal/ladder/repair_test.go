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

func TestARepairThatMakesItWorseLeavesTheAnswerThatCouldStand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		partly := func(ctx context.Context) extract.Answer {
			a := faulty(tiers.FaultUngrounded)(ctx)
			a.Judgement.OptionalOnly, a.Extracted.Lost = true, []string{"/note"}
			return a
		}
		for name, worse := range map[string]func(context.Context) extract.Answer{
			"no JSON":            faulty(tiers.FaultJSON),
			"another schema":     faulty(tiers.FaultSchema),
			"required ones gone": faulty(tiers.FaultUngrounded),
		} {
			r := newRig(t, partly, worse)
			o := r.settle(t, loan(jobs.Standard))
			if o.Kind != jobs.Succeed || o.Tier != 1 || len(r.script.calls) != 2 {
				t.Errorf("%s: ended by %s on tier %d after %v", name, o.Kind, o.Tier, r.script.calls)
				continue
			}
			if q := o.Result.Quality; !q.Degraded || q.Repaired || len(q.Lost) != 1 {
				t.Errorf("%s: quality %+v", name, q)
			}
		}
	})
}

func TestARouteIsJudgedByItsOwnRoomForAnAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, status(401, ""), good)
		r.config.Models[0].Window, r.config.Models[0].MaxOutput = 128_000, 32_000
		r.config.Models[1].Window, r.config.Models[1].MaxOutput = 8000, 1000
		if o := r.settle(t, loan(jobs.Standard)); o.Tier != 2 {
			t.Errorf("ended by %s (%s) on tier %d, want tier 2: request and answer take 1100 of its 8000 tokens", o.Kind, o.Reason, o.Tier)
		}
	})
}

func TestABatchJobThatFindsNoRoomGivesItsSlotBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		long := func(ctx context.Context) extract.Answer {
			time.Sleep(time.Minute)
			return good(ctx)
		}
		r := onlyPrimary(newRig(t, long))
		r.config.Models[0].Limits = tiers.LimitPolicy{Concurrency: 4, EvalShare: 0.25}
		r.script.lenient = true
		e, err := ladder.New(r.config)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		defer all.Wait()
		all.Go(func() { _, _ = e.Process(t.Context(), loan(jobs.Batch), firm(true)) })
		time.Sleep(time.Second)
		began := time.Now()
		l := loan(jobs.Batch)
		l.Job.ID = "job_2"
		o, err := e.Process(t.Context(), l, firm(true))
		if held := time.Since(began); err != nil || o.Kind != jobs.Park || o.Reason != tiers.WhyBusy || held > 10*time.Second {
			t.Errorf("ended by %s (%s) after %v, %v; want it parked after a moment", o.Kind, o.Reason, held, err)
		}
	})
}
