package jobs

import "time"

// Stats is a consistent snapshot of an engine's counts, taken from memory or
// from rows written in the commits themselves, never by scanning jobs.
type Stats struct {
	At time.Time
	// States counts the jobs in each state. Their sum is Accepted.
	States map[State]int64
	// Accepted counts all jobs ever accepted and not removed by retention.
	Accepted int64
	// Removed counts the jobs that retention removed since the store was
	// made, by the state they had.
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
	// Service is the recent mean time that a loan of the queue held its slot,
	// since the engine was opened; 0 before the first.
	Service time.Duration
}

// Lane sums the queues of one lane.
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
