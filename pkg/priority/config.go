package priority

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// MaxObjective is the longest start objective that a lane may have.
const MaxObjective = 365 * 24 * time.Hour

// Config says how a [Scheduler] shares slots. Its zero value works: each
// field that is zero takes its default.
type Config struct {
	// LaneWeights are the shares of the lanes, 1 to [jobs.MaxWeight].
	// Default 8, 4, 2, 1.
	LaneWeights [jobs.NumLanes]int
	// LaneCaps bound how many jobs of a lane run at once. 0, the default,
	// means no cap.
	LaneCaps [jobs.NumLanes]int
	// Objectives are the times after enqueueing by which a job should have
	// started, 1 ms to [MaxObjective], in whole milliseconds. They decide
	// who is late for the overdue slot. Default 10 s, 30 s, 5 min, 6 h.
	Objectives [jobs.NumLanes]time.Duration
	// OverdueEvery makes every n-th pick the overdue slot. Default 10; at 1
	// a late head always goes first.
	OverdueEvery int
	// ReserveFrom is the number of fleet slots from which one slot is kept
	// for the critical lane, at least 2. Default 4.
	ReserveFrom int
	// DefaultTenant applies to each tenant that SetTenant was not called
	// for.
	DefaultTenant Tenant
}

// Tenant is one tenant's share and bulkhead.
type Tenant struct {
	// Weight is the tenant's share of each lane, 1 to [jobs.MaxWeight]; 0 means 1.
	Weight int
	// MaxRunning bounds how many of the tenant's jobs run at once over all
	// lanes. 0, the default, means no cap.
	MaxRunning int
	// Paused keeps all of the tenant's queued jobs from starting.
	Paused bool
}

// WithDefaults returns a copy of c in which each zero field has its default.
func (c Config) WithDefaults() Config {
	weights := [jobs.NumLanes]int{8, 4, 2, 1}
	objectives := [jobs.NumLanes]time.Duration{10 * time.Second, 30 * time.Second, 5 * time.Minute, 6 * time.Hour}
	for i := range jobs.NumLanes {
		if c.LaneWeights[i] == 0 {
			c.LaneWeights[i] = weights[i]
		}
		if c.Objectives[i] == 0 {
			c.Objectives[i] = objectives[i]
		}
	}
	if c.OverdueEvery == 0 {
		c.OverdueEvery = 10
	}
	if c.ReserveFrom == 0 {
		c.ReserveFrom = 4
	}
	if c.DefaultTenant.Weight == 0 {
		c.DefaultTenant.Weight = 1
	}
	return c
}

// bounded is t within its limits: what does not fit takes the nearest value
// that does.
func (t Tenant) bounded() Tenant {
	t.Weight = min(max(t.Weight, 1), jobs.MaxWeight)
	t.MaxRunning = max(t.MaxRunning, 0)
	return t
}

// validate checks a configuration whose defaults were filled in from c.
func (c Config) validate() error {
	for _, l := range jobs.Lanes() {
		if w := c.LaneWeights[l]; w < 1 || w > jobs.MaxWeight {
			return fmt.Errorf("%w: weight of lane %s is %d, must be 1 to %d", jobs.ErrInvalid, l, w, jobs.MaxWeight)
		}
		if n := c.LaneCaps[l]; n < 0 {
			return fmt.Errorf("%w: cap of lane %s is %d, must be 0 or more", jobs.ErrInvalid, l, n)
		}
		if d := c.Objectives[l]; d < time.Millisecond || d > MaxObjective {
			return fmt.Errorf("%w: objective of lane %s is %s, must be 1ms to %s", jobs.ErrInvalid, l, d, MaxObjective)
		}
	}
	if c.OverdueEvery < 1 {
		return fmt.Errorf("%w: overdue_every is %d, must be 1 or more", jobs.ErrInvalid, c.OverdueEvery)
	}
	if c.ReserveFrom < 2 {
		return fmt.Errorf("%w: reserve_from is %d, must be 2 or more: a single slot cannot be kept from all lanes but one",
			jobs.ErrInvalid, c.ReserveFrom)
	}
	if w := c.DefaultTenant.Weight; w < 1 || w > jobs.MaxWeight {
		return fmt.Errorf("%w: weight of default_tenant is %d, must be 1 to %d", jobs.ErrInvalid, w, jobs.MaxWeight)
	}
	if n := c.DefaultTenant.MaxRunning; n < 0 {
		return fmt.Errorf("%w: max_running of default_tenant is %d, must be 0 or more", jobs.ErrInvalid, n)
	}
	return nil
}
