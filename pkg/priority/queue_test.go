package priority_test

import (
	"runtime"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// TestALongQueueKeepsItsOrder compares one tenant's queue with a sorted list
// over thousands of entries: rows that arrive, return, are cancelled from the
// front, the back or all over, and are picked.
func TestALongQueueKeepsItsOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, err := priority.New(priority.Config{})
		if err != nil {
			t.Fatal(err)
		}
		var want []int64 // ascending
		var next int64
		insert := func(seq int64) {
			i, found := slices.BinarySearch(want, seq)
			if got := s.Enqueue(jobs.Batch, "a", priority.Entry{Seq: seq, Enqueued: -seq}); got == found {
				t.Fatalf("enqueue %d = %t, queued already: %t", seq, got, found)
			}
			if !found {
				want = slices.Insert(want, i, seq)
			}
		}
		remove := func(i int) {
			if !s.Remove(jobs.Batch, "a", want[i]) {
				t.Fatalf("remove %d refused", want[i])
			}
			want = slices.Delete(want, i, i+1)
		}
		for range rapid.IntRange(1, 25).Draw(t, "rows") {
			n := rapid.IntRange(1, 400).Draw(t, "n")
			stride := rapid.Int64Range(1, 9).Draw(t, "stride")
			switch rapid.IntRange(0, 6).Draw(t, "op") {
			case 0, 1:
				for range n {
					next += stride
					insert(next)
				}
			case 2: // woken jobs, oldest first or youngest first
				from := rapid.Int64Range(-100, max(next, 1)).Draw(t, "from")
				if rapid.Bool().Draw(t, "falling") {
					stride = -stride
				}
				for i := range int64(n) {
					insert(min(from+i*stride, next))
				}
			case 3:
				for i := 0; i < n && len(want) > 0; i++ {
					_, _, e, _ := s.Pick(0)
					if e.Seq != want[0] || e.Enqueued != -e.Seq || e.Cost != 1 {
						t.Fatalf("picked %+v, want %d", e, want[0])
					}
					want = want[1:]
				}
			case 4: // every so many
				for i := int(stride) - 1; i < len(want); i += int(stride) {
					remove(i)
				}
			case 5: // a row from somewhere
				at := rapid.IntRange(0, max(len(want)-1, 0)).Draw(t, "at")
				for i := 0; i < n && at < len(want); i++ {
					remove(at)
				}
			case 6: // from the back
				for i := 0; i < n && len(want) > 0; i++ {
					remove(len(want) - 1)
				}
			}
			if s.Remove(jobs.Batch, "a", next+1) {
				t.Fatal("removed an unknown entry")
			}
			head, ok := s.Head(jobs.Batch, "a")
			if s.Len() != len(want) || ok != (len(want) > 0) || ok && head.Seq != want[0] {
				t.Fatalf("%d queued, head %+v; want %d", s.Len(), head, len(want))
			}
		}
		for _, seq := range want {
			if _, _, e, _ := s.Pick(0); e.Seq != seq {
				t.Fatalf("picked %d, want %d", e.Seq, seq)
			}
		}
	})
}

// heapBytes is the live heap after a collection.
func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func tenantNumber(i int) string { return "tenant-" + strconv.Itoa(i) }

// filled has n jobs spread over the tenants in turn.
func filled(tb testing.TB, tenants, n int) *priority.Scheduler {
	tb.Helper()
	names := make([]string, tenants)
	for i := range names {
		names[i] = tenantNumber(i)
	}
	s := newScheduler(tb, priority.Config{})
	for i := range n {
		s.Enqueue(jobs.Standard, names[i%tenants], priority.Entry{Seq: int64(i), Enqueued: int64(i), Cost: 1_000})
	}
	return s
}

const maxBytesPerEntry = 64

// This test and the next measure the heap, so they do not run in parallel.
func TestAQueuedJobTakesAtMost64BytesTenantsIncluded(t *testing.T) {
	for _, tenants := range []int{1, 2_000} { // BenchmarkMemory has the large case
		const n = 200_000
		before := heapBytes()
		s := filled(t, tenants, n)
		perEntry := float64(heapBytes()-before) / n
		t.Logf("%d tenants: %.1f bytes per entry", tenants, perEntry)
		if perEntry > maxBytesPerEntry {
			t.Errorf("%d tenants: %.1f bytes per entry, want at most %d", tenants, perEntry, maxBytesPerEntry)
		}
		runtime.KeepAlive(s)
	}
}

func TestAQueueGivesItsMemoryBack(t *testing.T) {
	const n, left = 50_000, 1_000
	drains := map[string]func(s *priority.Scheduler){
		"picked from the front": func(s *priority.Scheduler) {
			for s.Len() > left {
				lane, tenant, e, _ := s.Pick(0)
				s.Done(lane, tenant, e.Cost, e.Cost)
			}
		},
		"cancelled all over": func(s *priority.Scheduler) {
			for i := range int64(n) {
				if i%(n/left) != 0 {
					s.Remove(jobs.Standard, tenantNumber(0), i)
				}
			}
		},
	}
	for how, drain := range drains {
		before := heapBytes()
		s := filled(t, 1, n)
		drain(s)
		if s.Len() != left {
			t.Fatalf("%s: %d left, want %d", how, s.Len(), left)
		}
		perEntry := float64(heapBytes()-before) / left
		t.Logf("%s: %.1f bytes per entry left", how, perEntry)
		if perEntry > maxBytesPerEntry {
			t.Errorf("%s: %.1f bytes per entry left, want at most %d", how, perEntry, maxBytesPerEntry)
		}
		runtime.KeepAlive(s)
	}
}

func TestTenantsThatAreDoneGiveTheirMemoryBack(t *testing.T) {
	before := heapBytes()
	s := filled(t, 5_000, 50_000)
	full := heapBytes() - before
	for {
		lane, tenant, e, ok := s.Pick(0)
		if !ok {
			break
		}
		s.Done(lane, tenant, e.Cost, e.Cost)
	}
	// The last round of tenants is forgotten as work goes on.
	for i := range int64(5_000) {
		s.Enqueue(jobs.Standard, "other", priority.Entry{Seq: i, Cost: 1})
		s.Pick(0)
		s.Done(jobs.Standard, "other", 1, 1)
	}
	if got := s.TenantsKept(); got > 1 {
		t.Errorf("%d tenants are kept, want the last at most", got)
	}
	left := heapBytes() - before
	t.Logf("%d bytes of %d left", left, full)
	if left > full/10 {
		t.Errorf("%d bytes of %d left, want a tenth at most", left, full)
	}
	runtime.KeepAlive(s)
}
