package sqlitejobs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// backlog is how many queued jobs the largest benchmarks begin with.
var backlog = flag.Int("backlog", 100_000, "queued jobs in the largest benchmarks")

func BenchmarkEngine(b *testing.B) { jobstest.Benchmark(b, harness(sqlitejobs.Config{})) }

// rig is an engine under measurement, on the disk of the temporary directory.
type rig struct {
	*sqlitejobs.Engine
	dir     string
	n       atomic.Int64
	tenants int64
	body    []byte
}

func newRig(b *testing.B, tenants int) *rig {
	b.Helper()
	r := &rig{dir: b.TempDir(), tenants: int64(tenants), body: make([]byte, 2<<10)}
	r.open(b)
	b.Cleanup(func() {
		if err := r.Close(); err != nil {
			b.Errorf("close: %v", err)
		}
	})
	return r
}

func (r *rig) open(b *testing.B) {
	b.Helper()
	e, err := sqlitejobs.Open(b.Context(), sqlitejobs.Config{Dir: r.dir})
	if err != nil {
		b.Fatal(err)
	}
	r.Engine = e
}

func (r *rig) submission() jobs.Submission {
	n := r.n.Add(1)
	return jobs.Submission{
		ID: jobs.ID(fmt.Sprintf("job_%026d", n)), Tenant: fmt.Sprintf("tenant_%05d", n%r.tenants), Lane: jobs.Standard,
		Spec: jobs.Spec{Schema: "invoice@1"}, Fingerprint: "0123456789abcdef0123456789abcdef",
		Document:  jobs.Document{SHA256: fmt.Sprintf("%064d", n), Size: int64(len(r.body)), MediaType: "application/pdf"},
		Admission: jobs.Admission{Mode: jobs.AdmitNormal}, Body: r.body, DeadlineAt: time.Now().Add(24 * time.Hour), Cost: 8 * time.Second,
	}
}

// fill accepts n jobs.
func (r *rig) fill(b *testing.B, n int) {
	b.Helper()
	for left := n; left > 0; {
		group := make([]jobs.Submission, min(left, 500))
		for i := range group {
			group[i] = r.submission()
		}
		if _, err := r.Accept(b.Context(), group); err != nil {
			b.Fatal(err)
		}
		left -= len(group)
	}
}

// measure runs op b.N times from as many callers, and reports what one costs:
// of the wall clock, and of the processors, which other programs on the
// machine disturb less.
func (r *rig) measure(b *testing.B, callers int, op func(ctx context.Context) error) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	before := processorTime()
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := op(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((processorTime()-before).Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric(float64(fsyncTime(b, r.dir).Microseconds()), "fsync-us")
}

// processorTime is what this process has used of all processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fsyncTime is the median of a few fsyncs of 4 KiB: what one commit costs at
// least on this disk. On a disk in memory the figures would mean nothing.
func fsyncTime(b *testing.B, dir string) time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
			b.Error(err)
		}
	}()
	times := make([]time.Duration, 0, 21)
	for i := range cap(times) {
		start := time.Now()
		if _, err := f.WriteAt(make([]byte, 4<<10), int64(i)*4<<10); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(start))
	}
	median := sorted(times)[len(times)/2]
	if median < 10*time.Microsecond {
		b.Fatalf("an fsync in %s takes %s: it is not on a disk", dir, median)
	}
	return median
}

func sorted(ts []time.Duration) []time.Duration {
	for i := range ts {
		for j := i; j > 0 && ts[j] < ts[j-1]; j-- {
			ts[j], ts[j-1] = ts[j-1], ts[j]
		}
	}
	return ts
}

func BenchmarkAccept(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			r := newRig(b, 1)
			r.measure(b, callers, func(ctx context.Context) error {
				_, err := r.Accept(ctx, []jobs.Submission{r.submission()})
				return err
			})
		})
	}
}

// whole takes one job through its life: accept, lend, a ledger row, outcome.
func (r *rig) whole(ctx context.Context) error {
	if _, err := r.Accept(ctx, []jobs.Submission{r.submission()}); err != nil {
		return err
	}
	return r.lendAndFinish(ctx)
}

func (r *rig) lendAndFinish(ctx context.Context) error {
	loans, err := r.Lend(ctx, jobs.LendRequest{Worker: "bench", Max: 1, Slots: 4096, Wait: time.Minute})
	if err != nil {
		return err
	}
	for _, l := range loans {
		now := time.Now()
		attempt := jobs.Attempt{N: 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "primary", Model: "large", StartedAt: now}
		if err := r.PutAttempts(ctx, l.Lease, attempt); err != nil {
			return err
		}
		attempt.EndedAt, attempt.Outcome, attempt.Status, attempt.Billed = now, jobs.AttemptOK, 200, jobs.BilledYes
		_, err := r.Finish(ctx, l.Lease, jobs.Outcome{
			Kind: jobs.Succeed, Tier: 1, Attempts: []jobs.Attempt{attempt},
			Result: &jobs.Result{Data: []byte(`{"total":"12.50"}`), Quality: jobs.Quality{Tier: 1, Review: "none"}},
		})
		if err != nil {
			return err
		}
	}
	if len(loans) != 1 {
		return errors.New("nothing was lent")
	}
	return nil
}

func BenchmarkWholeJob(b *testing.B) {
	for _, c := range []struct{ callers, tenants int }{{1, 1}, {16, 1}, {256, 1}, {256, 100}, {256, 10_000}} {
		b.Run(fmt.Sprintf("callers=%d/tenants=%d", c.callers, c.tenants), func(b *testing.B) {
			r := newRig(b, c.tenants)
			r.measure(b, c.callers, r.whole)
		})
	}
}

// BenchmarkBacklog lends and settles jobs while as many come as go.
func BenchmarkBacklog(b *testing.B) {
	for n := 1_000; n <= *backlog; n *= 10 {
		for _, tenants := range []int{10, 10_000} {
			if tenants > n {
				continue
			}
			b.Run(fmt.Sprintf("queued=%d/tenants=%d", n, tenants), func(b *testing.B) {
				r := newRig(b, tenants)
				r.fill(b, n)
				r.measure(b, 256, r.whole)
			})
		}
	}
}

// BenchmarkReopen opens a data directory with queued jobs and lends one.
func BenchmarkReopen(b *testing.B) {
	for n := 100_000; n <= max(*backlog, 100_000); n *= 10 {
		b.Run(fmt.Sprintf("queued=%d", n), func(b *testing.B) {
			r := newRig(b, 100)
			r.body = r.body[:64]
			r.fill(b, n)
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
				r.Engine = nil
				runtime.GC()
				before := heapBytes()
				b.StartTimer()
				r.open(b)
				loans, err := r.Lend(b.Context(), jobs.LendRequest{Worker: "bench", Max: 1, Slots: 1})
				b.StopTimer()
				if err != nil || len(loans) != 1 {
					b.Fatalf("lent %d jobs, %v", len(loans), err)
				}
				runtime.GC()
				b.ReportMetric(float64(heapBytes()-before)/float64(n), "B/job")
				b.StartTimer()
			}
		})
	}
}

// heapBytes is what is in use on the heap.
func heapBytes() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
