package jobstest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Benchmark measures an engine by the wall clock, with 16 callers for each
// processor and documents of 2 KiB:
//   - accept: groups of 1 and of 32 submissions; an operation is a group;
//   - whole job: accept, lend, one ledger row and the outcome, for 1 and for
//     100 tenants; an operation is a job.
//
// Each reports jobs/s.
func Benchmark(b *testing.B, h Harness) {
	for _, size := range []int{1, 32} {
		b.Run(fmt.Sprintf("accept/group=%d", size), func(b *testing.B) { benchAccept(b, h, size) })
	}
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("whole_job/tenants=%d", n), func(b *testing.B) { benchWholeJob(b, h, n) })
	}
}

// bench is an engine under measurement.
type bench struct {
	jobs.Engine

	made    atomic.Int64
	tenants int64
}

func newBench(b *testing.B, h Harness, tenants int) *bench {
	b.Helper()
	e := h.NewStore(b).Open(b, Setup{Clock: time.Now})
	b.Cleanup(func() {
		if err := e.Close(); err != nil {
			b.Errorf("close: %v", err)
		}
	})
	b.SetParallelism(16)
	b.ReportAllocs()
	return &bench{Engine: e, tenants: int64(tenants)}
}

// group makes sound submissions for one tenant after the other.
func (e *bench) group(size int) []jobs.Submission {
	subs := make([]jobs.Submission, size)
	for i := range subs {
		n := e.made.Add(1)
		s := submission(int(n), time.Now())
		s.ID = jobs.ID(fmt.Sprintf("job_%012d", n))
		s.Tenant = fmt.Sprintf("tenant_%03d", n%e.tenants)
		body := make([]byte, 2<<10)
		copy(body, s.Body)
		s.Body, s.Document.Size = body, int64(len(body))
		subs[i] = s
	}
	return subs
}

// measure runs op in parallel until the benchmark has enough, and reports.
func (e *bench) measure(b *testing.B, op func(ctx context.Context) error) {
	b.Helper()
	ctx := b.Context()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := op(ctx); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(e.made.Load())/b.Elapsed().Seconds(), "jobs/s")
}

func benchAccept(b *testing.B, h Harness, size int) {
	e := newBench(b, h, 1)
	e.measure(b, func(ctx context.Context) error {
		_, err := e.Accept(ctx, e.group(size))
		return err
	})
}

func benchWholeJob(b *testing.B, h Harness, tenants int) {
	e := newBench(b, h, tenants)
	e.measure(b, func(ctx context.Context) error {
		if _, err := e.Accept(ctx, e.group(1)); err != nil {
			return err
		}
		loans, err := e.Lend(ctx, jobs.LendRequest{Worker: "bench", Max: 1, Slots: 1024, Wait: time.Minute})
		if err != nil {
			return err
		}
		if len(loans) != 1 {
			return errors.New("nothing was lent within a minute")
		}
		return e.work(ctx, loans[0])
	})
	stats, err := e.Stats(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if n := stats.States[jobs.Succeeded]; n != e.made.Load() {
		b.Errorf("%d of %d jobs succeeded", n, e.made.Load())
	}
}

// work takes a loan to its end.
func (e *bench) work(ctx context.Context, l jobs.Loan) error {
	now := time.Now()
	if err := e.PutAttempts(ctx, l.Lease, call(1, now)); err != nil {
		return err
	}
	o := succeed()
	o.Attempts = []jobs.Attempt{closed(call(1, now), now)}
	_, err := e.Finish(ctx, l.Lease, o)
	return err
}
