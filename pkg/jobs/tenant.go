package jobs

import "fmt"

// Bulkhead is what an engine must know of a tenant to lend fairly. Limits of
// intake (waiting jobs, rates, lanes) come with each submission instead.
type Bulkhead struct {
	Tenant string
	// Weight is the tenant's share inside a lane, 1 to 1000; 0 means 1.
	Weight int
	// MaxRunning is the most jobs of the tenant that run at once over all
	// lanes; 0 means no limit.
	MaxRunning int
	// Paused stops new loans; what runs goes on.
	Paused bool
}

// MaxWeight is the largest weight of a tenant.
const MaxWeight = 1000

// Validate returns an error that wraps [ErrInvalid] and names the field and
// the limit, or nil.
func (b Bulkhead) Validate() error {
	if err := ID(b.Tenant).Validate(); err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	if b.Weight < 0 || b.Weight > MaxWeight {
		return fmt.Errorf("%w: weight is %d, want 1 to %d", ErrInvalid, b.Weight, MaxWeight)
	}
	if b.MaxRunning < 0 {
		return fmt.Errorf("%w: max_running must not be negative", ErrInvalid)
	}
	return nil
}
