package asynqjobs_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

func BenchmarkEngine(b *testing.B) {
	jobstest.Benchmark(b, harness(b, redistest.Settings{}, asynqjobs.Config{}))
}

// BenchmarkRawAsynq is whole tasks of asynq alone, one queue and a handler that
// does nothing, for comparison: 2 KiB each, 32 producers, 64 at once.
func BenchmarkRawAsynq(b *testing.B) {
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(b, redistest.Settings{}).Addr()})
	defer client.Close()
	producer := asynq.NewClientFromRedisClient(client)
	var done atomic.Int64
	all := make(chan struct{})
	server := asynq.NewServerFromRedisClient(client, asynq.Config{Concurrency: 64, LogLevel: asynq.FatalLevel})
	payload := make([]byte, 2<<10)
	if err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		if done.Add(1) == int64(b.N) {
			close(all)
		}
		return nil
	})); err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := producer.Enqueue(asynq.NewTask("noop", payload)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	<-all
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	b.StopTimer()
	server.Shutdown()
}
