package priority

import "github.com/sluicehq/sluice/pkg/jobs"

// rebase moves the clocks that have gone far back to 0, with all that is
// measured against them. Differences stay, so no pick changes.
func (s *Scheduler) rebase() {
	if d := s.clock.now; d >= rebaseAt {
		s.clock.rebase(d)
		for i := range s.lanes {
			s.lanes[i].account.rebase(d)
		}
	}
	for i := range s.lanes {
		if d := s.lanes[i].clock.now; d >= rebaseAt {
			s.rebaseFlows(jobs.Lane(i), d)
		}
	}
}

// rebaseFlows is linear in the tenants. It comes up once in 28 years of
// service at weight 1, so once in ten days on a thousand busy slots.
func (s *Scheduler) rebaseFlows(id jobs.Lane, d int64) {
	l := &s.lanes[id]
	l.clock.rebase(d)
	for _, t := range s.tenants {
		if f := t.flows[id]; f != nil {
			f.account.rebase(d)
		}
	}
	for _, h := range []*flowHeap{&l.ready, &l.idle} {
		for i := range h.items {
			h.items[i].key = h.items[i].f.tag
		}
	}
}
