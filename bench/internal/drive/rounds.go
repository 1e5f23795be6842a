//go:build linux

package drive

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/bench/internal/figures"
)

// Contestant is one of several that are measured side by side.
type Contestant struct {
	Name string
	// Round measures once.
	Round func(ctx context.Context) (Sample, error)
}

// Result holds a contestant's values by round.
type Result struct {
	Name   string
	Values figures.Series
	// CPU is in microseconds a job.
	CPU figures.Series
}

// Interleave measures every contestant once a round, so that what disturbs the
// machine for a while disturbs all of them. Each round begins with another one,
// so that none always follows the same neighbour. told hears of each sample.
func Interleave(ctx context.Context, rounds int, all []Contestant, told func(round int, name string, s Sample)) ([]Result, error) {
	results := make([]Result, len(all))
	for i, c := range all {
		results[i].Name = c.Name
	}
	for round := range rounds {
		for i := range all {
			at := (i + round) % len(all)
			s, err := all[at].Round(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", all[at].Name, round+1, err)
			}
			r := &results[at]
			r.Values = append(r.Values, s.Value)
			r.CPU = append(r.CPU, figures.Microseconds(s.CPU))
			if told != nil {
				told(round, r.Name, s)
			}
		}
	}
	return results, nil
}
