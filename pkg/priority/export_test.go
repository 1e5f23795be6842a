package priority

// LargestNumber is the largest absolute value of any tag, floor or clock.
func (s *Scheduler) LargestNumber() int64 {
	clocks, accounts := []clock{s.clock}, []account{}
	for i := range s.lanes {
		clocks = append(clocks, s.lanes[i].clock)
		accounts = append(accounts, s.lanes[i].account)
	}
	for _, t := range s.tenants {
		for _, f := range t.flows {
			if f != nil {
				accounts = append(accounts, f.account)
			}
		}
	}
	var largest int64
	for _, c := range clocks {
		largest = max(largest, c.now, -c.now, c.top, -c.top)
	}
	for _, a := range accounts {
		largest = max(largest, a.tag, -a.tag, a.floor, -a.floor)
	}
	return largest
}

// TenantsKept is the number of tenants that the scheduler holds state for.
func (s *Scheduler) TenantsKept() int { return len(s.tenants) }
