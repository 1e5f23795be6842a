package jobs

import (
	"math"
	"time"
)

// Stats is a consistent snapshot of an engine's counts, taken from memory or
// from rows written in the commits themselves, never by scanning jobs.
type Stats struct {
	At time.Time
	// States counts the jobs in each state. Their sum is Accepted.
	States map[State]int64
	// Accepted counts all jobs ever accepted and not removed by retention.
	Accepted int64
	// Removed counts the jobs that retention removed since the store was
	// made, by the state they had. With Accepted it sums to all jobs that were
	// ever accepted.
	Removed map[State]int64
	// Queues has a row for each lane and tenant with waiting or running jobs,
	// ordered by lane and then tenant.
	Queues []QueueStats
	// Slots and Workers count what asked for loans lately.
	Slots   int
	Workers int
}

// QueueStats counts the jobs of one tenant in one lane.
type QueueStats struct {
	Lane    Lane
	Tenant  string
	Queued  int
	Running int
	Parked  int
	// OldestAt is when the head of the queue was enqueued; zero when nothing
	// is queued.
	OldestAt time.Time
	// Service is the [ServiceMean] of the loans of the queue that were settled
	// since the engine was opened, each with its [Outcome].Service as the
	// scheduler is told it; 0 before the first. It is kept while the queue has
	// no row. Loans that were taken back, or that did not say, do not count.
	Service time.Duration
}

// ServiceMean is the recent mean of service times: the plain mean of the first
// 20, and from then on one that gives each new time a weight of 1/20. It is
// reckoned in whole numbers, so that all engines agree exactly:
//
//	n < 20:  n = n + 1, sum = sum + s
//	n = 20:  sum = sum - sum/20 + s
//	mean = sum/n
//
// where s is in milliseconds, 1 to 2^31-1, and divisions round down. The zero
// value has seen no time.
type ServiceMean struct{ n, sum int64 }

// meanOver is how many loans a ServiceMean looks back on.
const meanOver = 20

// Add takes in the time of one more loan. A time that is not positive is
// unknown and does not count.
func (m *ServiceMean) Add(d time.Duration) {
	if d <= 0 {
		return
	}
	s := min(max(d.Milliseconds(), 1), math.MaxInt32)
	if m.n < meanOver {
		m.n++
		m.sum += s
		return
	}
	m.sum += s - m.sum/meanOver
}

// Mean is the mean in whole milliseconds; 0 before the first.
func (m ServiceMean) Mean() time.Duration {
	if m.n == 0 {
		return 0
	}
	return time.Duration(m.sum/m.n) * time.Millisecond
}

// Lane sums the queues of one lane. The sum has no Service.
func (s Stats) Lane(l Lane) QueueStats {
	sum := QueueStats{Lane: l}
	for _, q := range s.Queues {
		if q.Lane != l {
			continue
		}
		sum.Queued += q.Queued
		sum.Running += q.Running
		sum.Parked += q.Parked
		if !q.OldestAt.IsZero() && (sum.OldestAt.IsZero() || q.OldestAt.Before(sum.OldestAt)) {
			sum.OldestAt = q.OldestAt
		}
	}
	return sum
}
