package asynqjobs_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

// BenchmarkStartDelay measures how long a job waits that one process accepts
// while a worker in another one is idle.
func BenchmarkStartDelay(b *testing.B) {
	server := redistest.Start(b, redistest.Settings{})
	open := func() *asynqjobs.Engine {
		e, err := asynqjobs.Open(b.Context(), asynqjobs.Config{URL: server.URL()})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = e.Close() })
		return e
	}
	intake, worker := open(), open()
	lent := make(chan time.Time)
	b.Cleanup(func() { <-lent })
	go func() {
		defer close(lent)
		for b.Context().Err() == nil {
			loans, _ := worker.Lend(b.Context(), jobs.LendRequest{Worker: "w", Max: 16, Slots: 16, Wait: 5 * time.Second})
			for _, l := range loans {
				lent <- time.Now()
				_, _ = worker.Finish(b.Context(), l.Lease, jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{}`)}})
			}
		}
	}()
	var delays []time.Duration
	for i := 0; b.Loop(); i++ {
		if _, err := intake.Accept(b.Context(), []jobs.Submission{submission("job"+strconv.Itoa(i), "acme")}); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		delays = append(delays, (<-lent).Sub(began))
		idle := time.NewTimer(time.Duration(i*7%50) * time.Millisecond) // so that looks and jobs do not fall into step
		<-idle.C
	}
	slices.Sort(delays)
	b.ReportMetric(float64(delays[len(delays)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds())/1000, "ms-p99")
}
