package backpressure

import "math"

// Pressure is how far exhaustible resources are used up. Each field is a
// share, 0 to 1; a resource that is not measured stays 0.
type Pressure struct {
	// Memory is the process's memory over its limit.
	Memory float64
	// Store is the size of the job store over its limit.
	Store float64
	// Disk is the used share of the disk that holds the store.
	Disk float64
}

// G is the shared pressure, 0 to 1: each resource counts from where it begins
// to matter to where it is as good as full, and the largest wins.
func (p Pressure) G() float64 {
	return max(ramp(p.Memory, 0.75, 0.95), ramp(p.Store, 0.70, 0.95), ramp(p.Disk, 0.80, 0.95))
}

// ramp is 0 up to low, 1 from high on and straight between. A figure that is
// not a number counts as 0: a broken gauge refuses nobody.
func ramp(x, low, high float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return min(max((x-low)/(high-low), 0), 1)
}
