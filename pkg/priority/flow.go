package priority

import "github.com/sluicehq/sluice/pkg/jobs"

// flow is one tenant's work in one lane.
type flow struct {
	account
	name    string
	tenant  *tenant
	queue   fifo
	running int
	// place is 1 + the index in each heap, 0 when the flow is not in it.
	place [orders]int32
}

// tenant is kept while it is configured, has work or runs jobs, or has a flow
// whose tag still counts.
type tenant struct {
	Tenant
	configured bool
	queued     int
	running    int
	flows      [jobs.NumLanes]*flow
}

// open reports whether the tenant may start a job.
func (t *tenant) open() bool {
	return !t.Paused && (t.MaxRunning == 0 || t.running < t.MaxRunning)
}

// lane is a lane's account among lanes, and the clock and heaps of its
// tenants.
type lane struct {
	account
	weight     int
	maxRunning int   // 0 for no cap
	objective  int64 // ms
	clock      clock
	ready      flowHeap // flows with work whose tenant is open
	due        flowHeap // the same flows, by age of their heads
	idle       flowHeap // flows kept only for their tags
	queued     int
	running    int
	active     bool // open() when last looked at
}

// open reports whether the lane has a job that its caps let start.
func (l *lane) open() bool {
	return l.ready.len() > 0 && (l.maxRunning == 0 || l.running < l.maxRunning)
}

// smallest is the least tag among the lane's ready flows, of which there is
// at least one.
func (l *lane) smallest() int64 { return l.ready.items[0].key }

// flow returns the flow of a tenant in a lane, made new when there is none.
// A new flow stands where one would that has only been idle.
func (s *Scheduler) flow(id jobs.Lane, name string) *flow {
	t := s.tenants[name]
	if t == nil {
		t = &tenant{Tenant: s.fallback}
		s.tenants[name] = t
	}
	if t.flows[id] == nil {
		now := s.lanes[id].clock.now
		t.flows[id] = &flow{account: account{tag: now, floor: now}, name: name, tenant: t}
	}
	return t.flows[id]
}

// known returns the flow if there is one, nil otherwise.
func (s *Scheduler) known(id jobs.Lane, name string) *flow {
	if t := s.tenants[name]; t != nil {
		return t.flows[id]
	}
	return nil
}

// settle puts a flow where its state says after anything about it changed:
// among the ready, among the idle, nowhere while it only waits, or away. A
// flow that becomes ready joins the lane's clock, and likewise the lane.
func (s *Scheduler) settle(id jobs.Lane, f *flow) {
	l := &s.lanes[id]
	if f.queue.len() > 0 && f.tenant.open() {
		if !l.ready.has(f) {
			l.idle.remove(f)
			l.clock.join(&f.account)
		}
		l.ready.set(f, f.tag)
		l.due.set(f, f.queue.head().Enqueued)
	} else {
		l.ready.remove(f)
		l.due.remove(f)
		s.rest(id, f)
	}
	s.settleLane(l)
}

// settleAll settles the tenant's flows in all lanes.
func (s *Scheduler) settleAll(t *tenant) {
	for _, id := range jobs.Lanes() {
		if f := t.flows[id]; f != nil {
			s.settle(id, f)
		}
	}
}

// rest keeps the flow of an absent tenant as long as its tag lies ahead of
// the clock, and forgets it after that: a new flow would stand no worse.
func (s *Scheduler) rest(id jobs.Lane, f *flow) {
	l := &s.lanes[id]
	switch {
	case f.queue.len() > 0 || f.running > 0:
		l.idle.remove(f)
	case f.tag > l.clock.now:
		l.idle.set(f, f.tag)
	default:
		l.idle.remove(f)
		f.tenant.flows[id] = nil
		s.forget(f.name, f.tenant)
	}
}

// forget drops a tenant about which there is nothing to know.
func (s *Scheduler) forget(name string, t *tenant) {
	if !t.configured && t.flows == [jobs.NumLanes]*flow{} {
		delete(s.tenants, name)
	}
}

// settleLane lets the lane join the clock of lanes when it becomes active.
// The reserved slot does not enter here: it shuts the lower lanes at nearly
// every moment of a busy day, and joining each time would take away what
// refunds gave.
func (s *Scheduler) settleLane(l *lane) {
	if open := l.open(); open != l.active {
		l.active = open
		if open {
			s.clock.join(&l.account)
		}
	}
}

// expireIdle forgets idle flows that the lane's clock has passed: a few at
// each pick and at each end of a job, so that no single call takes long.
func (s *Scheduler) expireIdle(id jobs.Lane) {
	l := &s.lanes[id]
	for range 2 {
		if l.idle.len() == 0 || l.idle.items[0].key > l.clock.now {
			return
		}
		s.rest(id, l.idle.first())
	}
}
