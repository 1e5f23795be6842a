package tiers_test

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// The loop of an executor: ask for the next step, carry it out, put what came
// of it into the input, until a step ends the job.
func Example() {
	classifier, err := tiers.NewClassifier("")
	if err != nil {
		panic(err)
	}
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	in := tiers.Input{
		Job:    jobs.Job{Generation: 1, Lane: jobs.Standard, EnqueuedAt: now, DeadlineAt: now.Add(time.Hour)},
		Routes: []tiers.Route{{Tier: 1, Provider: "acme", Model: "large"}, {Tier: 2, Provider: "acme", Model: "small"}},
		Now:    now,
	}
	for {
		step := tiers.Next(in)
		fmt.Println(step)
		if step.Ends() {
			fmt.Printf("%+v\n", tiers.Quality(in.Ledger, step))
			return
		}
		row, _ := step.Row(in)
		sig := tiers.Signal{Status: 401, Phase: tiers.PhaseDone} // a model client fills this
		if step.Kind == tiers.StepCall {
			verdict := classifier.Classify(sig, tiers.Judgement{}, in.Now)
			row = tiers.Policy{}.Close(in.Ledger, row, sig, verdict, in.Now, 0.5)
		}
		if step.Kind == tiers.StepRules { // the rule parser runs here
			row = tiers.CloseRules(row, true, in.Now)
			in.Hand = tiers.Hand{N: row.N}
		}
		in.Ledger = append(in.Ledger, row)
	}
	// Output:
	// call tier=1 route=acme/large timeout=2m0s
	// skip tier=2 why=auth
	// rules tier=3 timeout=5s
	// succeed tier=3 n=3
	// {Tier:3 ServedModel: Degraded:true Reasons:[auth] Lost:[] Repaired:false Cached:false Review:none}
}
