package priority

import "github.com/sluicehq/sluice/pkg/jobs"

// Pick chooses the next job, takes it out of its queue, counts it as running
// and charges its cost. now is the time in unix ms; it decides who is late.
// ok is false when no queued job may start.
//
// A job may start when its tenant is not paused and below its cap, its lane
// is below its cap, and it would not take the slot kept for critical. Among
// lanes the smallest tag wins, then the lane's order; among tenants the
// smallest tag, then the name in byte order. The overdue slot goes to the
// late head with the earliest due time, then by lane, then by name; when
// nobody is late it is a pick like any other.
func (s *Scheduler) Pick(now int64) (lane jobs.Lane, tenant string, e Entry, ok bool) {
	lane, ok = s.fairLane()
	if !ok {
		return 0, "", Entry{}, false
	}
	f := s.lanes[lane].ready.first()
	if s.overdueTurn() {
		if id, late := s.lateLane(now); late {
			lane, f = id, s.lanes[id].due.first()
		}
	}
	tenant = f.name
	return lane, tenant, s.take(lane, f), true
}

// Take starts a given queued job out of its turn, if Pick could start one of
// its tenant in its lane now: the same caps, pauses and reserved slot hold. It
// counts and charges as Remove followed by Started does, and is no turn
// towards the overdue slot. ok is false, and nothing changes, when the job is
// not queued there or may not start.
func (s *Scheduler) Take(lane jobs.Lane, tenant string, seq int64) (e Entry, ok bool) {
	f := s.known(lane, tenant)
	if f == nil || !s.lanes[lane].ready.has(f) || !s.eligible(lane) {
		return Entry{}, false
	}
	chunk, i, found := f.queue.find(seq)
	if !found {
		return Entry{}, false
	}
	e = f.queue.chunks[chunk].live()[i]
	s.Remove(lane, tenant, seq)
	s.Started(lane, tenant, e.Cost)
	s.rebase()
	return e, true
}

// Ready reports whether Pick would find a job. It costs a few comparisons.
// The answer does not depend on now, because no job becomes ready by waiting.
func (s *Scheduler) Ready(_ int64) bool {
	_, ok := s.fairLane()
	return ok
}

// take starts the head of f. The clocks follow the smallest tags of all that
// are ready, also when the overdue slot passes those over: its winner may be
// far ahead, and who joins next must not be sent there.
func (s *Scheduler) take(id jobs.Lane, f *flow) Entry {
	l := &s.lanes[id]
	s.clock.advance(s.smallestLane())
	l.clock.advance(l.smallest())
	e := f.queue.pop()
	s.addQueued(id, f, -1)
	s.start(id, f, e.Cost)
	if l.ready.len() == 0 {
		l.clock.finish()
	}
	if !s.anyActive() {
		s.clock.finish()
	}
	s.expireIdle(id)
	s.rebase()
	return e
}

// overdueTurn counts picks and is true for every n-th.
func (s *Scheduler) overdueTurn() bool {
	s.turn++
	if s.turn < s.every {
		return false
	}
	s.turn = 0
	return true
}

// eligible reports whether a job of the lane may start now.
func (s *Scheduler) eligible(id jobs.Lane) bool {
	return s.lanes[id].active && (id == jobs.Critical || !s.reserved())
}

// reserved reports whether only the slot kept for critical is left. Running
// critical jobs do not count: if they did, a fleet that is always full would
// give each slot that comes free to critical, and the other lanes would
// starve.
func (s *Scheduler) reserved() bool {
	return s.slots >= s.reserveFrom && s.running-s.lanes[jobs.Critical].running >= s.slots-1
}

// fairLane is the eligible lane with the smallest tag.
func (s *Scheduler) fairLane() (best jobs.Lane, ok bool) {
	for _, id := range jobs.Lanes() {
		if s.eligible(id) && (!ok || s.lanes[id].tag < s.lanes[best].tag) {
			best, ok = id, true
		}
	}
	return best, ok
}

// lateLane is the eligible lane whose oldest head is the most overdue one.
func (s *Scheduler) lateLane(now int64) (best jobs.Lane, ok bool) {
	earliest := now
	for _, id := range jobs.Lanes() {
		if s.eligible(id) && s.lanes[id].dueAt() < earliest {
			best, ok, earliest = id, true, s.lanes[id].dueAt()
		}
	}
	return best, ok
}

// smallestLane is the least tag among the active lanes, of which there is at
// least one. A lane that only waits for the reserved slot counts.
func (s *Scheduler) smallestLane() int64 {
	tag := s.clock.now + horizon
	for i := range s.lanes {
		if l := &s.lanes[i]; l.active {
			tag = min(tag, l.tag)
		}
	}
	return tag
}

func (s *Scheduler) anyActive() bool {
	for i := range s.lanes {
		if s.lanes[i].active {
			return true
		}
	}
	return false
}

// dueAt is the time in unix ms after which the lane's oldest head is late.
// The lane must be active.
func (l *lane) dueAt() int64 { return l.due.items[0].key + l.objective }
