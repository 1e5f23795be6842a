package jobs

import "fmt"

// PartialError comes with the answer of a list, a count or groups that an
// engine gave up on before it had looked at every job that might fit: a filter
// that it keeps no index for may cost a scan, and a scan has a bound. What was
// found so far is in the answer, and it is right as far as it goes.
type PartialError struct {
	// Looked is how many jobs were looked at.
	Looked int
	// Next is the Before of a page that goes on where this one ended.
	Next ID
}

// Error says how far the answer goes.
func (e *PartialError) Error() string {
	return fmt.Sprintf("partial answer: looked at %d jobs, more before %s", e.Looked, e.Next)
}
