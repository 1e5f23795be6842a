package priority_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// cycle runs one whole job against a standing backlog: enqueue, pick, done.
func cycle(b *testing.B, s *priority.Scheduler, now int64) {
	b.Helper()
	seq := int64(1) << 40
	b.ReportAllocs()
	for b.Loop() {
		lane, tenant, e, ok := s.Pick(now)
		if !ok {
			b.Fatal("nothing to pick")
		}
		s.Done(lane, tenant, e.Cost, e.Cost/2)
		seq++
		s.Enqueue(lane, tenant, priority.Entry{Seq: seq, Enqueued: seq, Cost: e.Cost})
	}
}

func BenchmarkPickDoneEnqueueByTenants(b *testing.B) {
	for _, tenants := range []int{10, 100, 1_000, 10_000} {
		b.Run(fmt.Sprint("tenants=", tenants), func(b *testing.B) {
			cycle(b, filled(b, tenants, 100_000), 0)
		})
	}
}

func BenchmarkPickDoneEnqueueByBacklog(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("backlog=", n), func(b *testing.B) {
			cycle(b, filled(b, 100, n), 0)
		})
	}
}

// BenchmarkOverdue makes every pick the overdue slot.
func BenchmarkOverdue(b *testing.B) {
	for _, tenants := range []int{10, 10_000} {
		b.Run(fmt.Sprint("tenants=", tenants), func(b *testing.B) {
			s := newScheduler(b, priority.Config{OverdueEvery: 1})
			for i := range 100_000 {
				s.Enqueue(jobs.Standard, tenantNumber(i%tenants), priority.Entry{Seq: int64(i), Enqueued: int64(i), Cost: 1_000})
			}
			cycle(b, s, 1<<50)
		})
	}
}

func BenchmarkRemove(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprint("backlog=", n), func(b *testing.B) {
			s := filled(b, 1, n)
			i, at := int64(0), int64(n)
			for b.Loop() {
				i = (i + 7_919) % at // from all over
				if !s.Remove(jobs.Standard, tenantNumber(0), i) {
					b.Fatal("not queued")
				}
				s.Enqueue(jobs.Standard, tenantNumber(0), priority.Entry{Seq: i, Cost: 1_000})
			}
		})
	}
}

func BenchmarkMemory(b *testing.B) {
	for _, tenants := range []int{1, 10_000} {
		b.Run(fmt.Sprint("tenants=", tenants), func(b *testing.B) {
			const n = 1_000_000
			var bytes int64
			for b.Loop() {
				before := heapBytes()
				s := filled(b, tenants, n)
				bytes = heapBytes() - before
				runtime.KeepAlive(s)
			}
			b.ReportMetric(float64(bytes)/n, "B/entry")
		})
	}
}
