package priority

import (
	"iter"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Len is the number of queued jobs.
func (s *Scheduler) Len() int { return s.queued }

// TotalRunning is the number of running jobs.
func (s *Scheduler) TotalRunning() int { return s.running }

// LaneQueued is the number of queued jobs in a lane.
func (s *Scheduler) LaneQueued(lane jobs.Lane) int { return s.lanes[lane].queued }

// LaneRunning is the number of running jobs of a lane.
func (s *Scheduler) LaneRunning(lane jobs.Lane) int { return s.lanes[lane].running }

// Queued is the number of a tenant's queued jobs in a lane.
func (s *Scheduler) Queued(lane jobs.Lane, tenant string) int {
	if f := s.known(lane, tenant); f != nil {
		return f.queue.len()
	}
	return 0
}

// Running is the number of a tenant's running jobs of a lane.
func (s *Scheduler) Running(lane jobs.Lane, tenant string) int {
	if f := s.known(lane, tenant); f != nil {
		return f.running
	}
	return 0
}

// TenantQueued is the number of a tenant's queued jobs over all lanes.
func (s *Scheduler) TenantQueued(tenant string) int {
	if t := s.tenants[tenant]; t != nil {
		return t.queued
	}
	return 0
}

// TenantRunning is the number of a tenant's running jobs over all lanes: what
// its MaxRunning bounds.
func (s *Scheduler) TenantRunning(tenant string) int {
	if t := s.tenants[tenant]; t != nil {
		return t.running
	}
	return 0
}

// Head is the tenant's next job in a lane, whether or not it may start. ok is
// false when none is queued.
func (s *Scheduler) Head(lane jobs.Lane, tenant string) (e Entry, ok bool) {
	if f := s.known(lane, tenant); f != nil && f.queue.len() > 0 {
		return f.queue.head(), true
	}
	return Entry{}, false
}

// Work is what one tenant has in one lane.
type Work struct {
	Lane    jobs.Lane
	Tenant  string
	Queued  int
	Running int
	// Head is the next job; zero when none is queued.
	Head Entry
}

// Work yields a row for each lane and tenant with queued or running jobs,
// ordered by lane and then by tenant. It sorts the tenants, so it is for
// statistics and not for each job. The scheduler must not be changed while
// the rows are read.
func (s *Scheduler) Work() iter.Seq[Work] {
	return func(yield func(Work) bool) {
		names := slices.Sorted(maps.Keys(s.tenants))
		for _, id := range jobs.Lanes() {
			for _, name := range names {
				f := s.tenants[name].flows[id]
				if f == nil || f.queue.len()+f.running == 0 {
					continue
				}
				w := Work{Lane: id, Tenant: name, Queued: f.queue.len(), Running: f.running}
				w.Head, _ = s.Head(id, name)
				if !yield(w) {
					return
				}
			}
		}
	}
}
