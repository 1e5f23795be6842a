package priority

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Entry is one queued job.
type Entry struct {
	// Seq is the job's handle, unique within its lane and tenant, and its
	// place in the queue: lower goes first.
	Seq int64
	// Enqueued is when the start objective began to count, in unix ms.
	Enqueued int64
	// Cost is the estimated service time in ms. Less than 1 counts as 1.
	Cost int32
}

// Scheduler holds the queued jobs and picks the next one to run. Make one
// with [New]. It is not safe for concurrent use.
type Scheduler struct {
	lanes    [jobs.NumLanes]lane
	clock    clock
	tenants  map[string]*tenant
	fallback Tenant

	slots       int
	reserveFrom int
	every       int
	turn        int // picks since the last overdue slot
	queued      int
	running     int
}

// New returns an empty scheduler. An error wraps [jobs.ErrInvalid] and names
// the field, its value and its limit.
func New(c Config) (*Scheduler, error) {
	c = c.WithDefaults()
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("scheduler configuration: %w", err)
	}
	s := &Scheduler{
		tenants:     make(map[string]*tenant),
		fallback:    c.DefaultTenant,
		reserveFrom: c.ReserveFrom,
		every:       c.OverdueEvery,
	}
	for i := range s.lanes {
		l := &s.lanes[i]
		l.weight, l.maxRunning = c.LaneWeights[i], c.LaneCaps[i]
		l.objective = int64(c.Objectives[i] / time.Millisecond)
		l.ready.order, l.due.order, l.idle.order = byTag, byDue, byIdle
	}
	return s, nil
}

// SetTenant sets a tenant's weight, cap and pause from now on. What runs goes
// on running. A value outside its limits takes the nearest that fits. A
// tenant set to the default is as if it had never been set.
func (s *Scheduler) SetTenant(name string, c Tenant) {
	t := s.tenants[name]
	if t == nil {
		t = &tenant{}
		s.tenants[name] = t
	}
	t.Tenant = c.bounded()
	t.configured = t.Tenant != s.fallback
	s.settleAll(t)
	s.forget(name, t)
}

// SetSlots tells how many slots the fleet has; 0 means unknown. With
// Config.ReserveFrom slots or more, lanes other than critical may fill all
// slots but one. It is no other limit: the caller picks only for free slots.
func (s *Scheduler) SetSlots(n int) { s.slots = n }

// Enqueue adds a job to its tenant's queue in a lane. Jobs mostly come in
// ascending order of Seq; one that returns with an older Seq takes its old
// place again. Enqueue returns false, and changes nothing, when that Seq is
// queued there already.
func (s *Scheduler) Enqueue(lane jobs.Lane, tenant string, e Entry) bool {
	e.Cost = max(e.Cost, 1)
	f := s.flow(lane, tenant)
	if !f.queue.insert(e) {
		return false
	}
	s.addQueued(lane, f, 1)
	s.settle(lane, f)
	return true
}

// Remove takes out a queued job, for example a cancelled one. It returns
// false when the job is not queued there.
func (s *Scheduler) Remove(lane jobs.Lane, tenant string, seq int64) bool {
	f := s.known(lane, tenant)
	if f == nil || !f.queue.remove(seq) {
		return false
	}
	s.addQueued(lane, f, -1)
	s.settle(lane, f)
	return true
}

// Started counts a job that runs already as running, and charges its cost in
// ms, when an engine fills a new scheduler from its records. The order of
// Started and Enqueue calls on a new scheduler does not matter.
func (s *Scheduler) Started(lane jobs.Lane, tenant string, cost int32) {
	f, l := s.flow(lane, tenant), &s.lanes[lane]
	if !l.ready.has(f) {
		l.clock.join(&f.account)
	}
	if !l.active {
		s.clock.join(&l.account)
	}
	s.start(lane, f, cost)
}

// Done frees the permit of a job that ran, however it ended, and corrects its
// charge from the estimated to the actual service time in ms. It returns
// false, and changes nothing, when no job of that tenant runs in that lane.
func (s *Scheduler) Done(lane jobs.Lane, tenant string, estimated, actual int32) bool {
	f := s.known(lane, tenant)
	if f == nil || f.running == 0 {
		return false
	}
	l := &s.lanes[lane]
	l.clock.correct(&f.account, share(actual, f.tenant.Weight)-share(estimated, f.tenant.Weight))
	s.clock.correct(&l.account, share(actual, l.weight)-share(estimated, l.weight))
	s.addRunning(lane, f, -1)
	s.expireIdle(lane)
	return true
}

// start charges a job and counts it as running.
func (s *Scheduler) start(id jobs.Lane, f *flow, cost int32) {
	l := &s.lanes[id]
	l.clock.charge(&f.account, share(cost, f.tenant.Weight))
	s.clock.charge(&l.account, share(cost, l.weight))
	s.addRunning(id, f, 1)
}

// addRunning counts by more running jobs. The tenant's other lanes matter only
// when its cap was reached or left.
func (s *Scheduler) addRunning(id jobs.Lane, f *flow, by int) {
	t := f.tenant
	before := t.open()
	f.running += by
	t.running += by
	s.lanes[id].running += by
	s.running += by
	if t.open() != before {
		s.settleAll(t)
		return
	}
	s.settle(id, f)
}

// addQueued counts by more queued jobs.
func (s *Scheduler) addQueued(id jobs.Lane, f *flow, by int) {
	s.lanes[id].queued += by
	f.tenant.queued += by
	s.queued += by
}
