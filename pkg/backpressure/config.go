package backpressure

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Ages of a signal. Up to Fresh old it is taken as it is; up to Stale old it
// may make matters look worse but never better; beyond, it is blind and the
// last drain rate goes on.
const (
	Fresh = 3 * time.Second
	Stale = 15 * time.Second
)

// MaxRetryAfter is the longest wait that a refusal asks for, jitter included.
const MaxRetryAfter = 10 * time.Minute

// MaxETA is the longest predicted wait that is told; a longer one is cut.
const MaxETA = 30 * 24 * time.Hour

// Config tunes a [Controller]; the zero value works.
type Config struct {
	// Lanes is indexed by [jobs.Lane]; a zero field of a lane gets the
	// default of that lane.
	Lanes [jobs.NumLanes]LaneConfig
	// ServicePrior is the service time of a job that is assumed until workers
	// report one; 0 means 8 s.
	ServicePrior time.Duration
}

// LaneConfig tunes one lane.
type LaneConfig struct {
	// Weight is the lane's share of the slots among all lanes; the defaults
	// are 8, 4, 2 and 1. It must be what the scheduler uses.
	Weight int
	// Objective is the time within which a job should start; the defaults
	// are 10 s, 30 s, 5 min and 6 h.
	Objective time.Duration
	// CutOff is the shared pressure, 0 to 1, from which on the lane takes
	// nothing in; the defaults are 1.00, 0.95, 0.85 and 0.70.
	CutOff float64
}

// WithDefaults returns c with every zero field set to its default.
func (c Config) WithDefaults() Config {
	defaults := [jobs.NumLanes]LaneConfig{
		jobs.Critical:    {Weight: 8, Objective: 10 * time.Second, CutOff: 1},
		jobs.Interactive: {Weight: 4, Objective: 30 * time.Second, CutOff: 0.95},
		jobs.Standard:    {Weight: 2, Objective: 5 * time.Minute, CutOff: 0.85},
		jobs.Batch:       {Weight: 1, Objective: 6 * time.Hour, CutOff: 0.70},
	}
	for l, d := range defaults {
		lane := &c.Lanes[l]
		if lane.Weight == 0 {
			lane.Weight = d.Weight
		}
		if lane.Objective == 0 {
			lane.Objective = d.Objective
		}
		if lane.CutOff == 0 {
			lane.CutOff = d.CutOff
		}
	}
	if c.ServicePrior == 0 {
		c.ServicePrior = 8 * time.Second
	}
	return c
}

// validate names the first field that is out of bounds, after WithDefaults.
func (c Config) validate() error {
	if c.ServicePrior < time.Millisecond || c.ServicePrior > time.Hour {
		return fmt.Errorf("service prior is %s, want 1ms to 1h", c.ServicePrior)
	}
	for _, l := range jobs.Lanes() {
		lane := c.Lanes[l]
		switch {
		case lane.Weight < 1 || lane.Weight > jobs.MaxWeight:
			return fmt.Errorf("weight of lane %s is %d, want 1 to %d", l, lane.Weight, jobs.MaxWeight)
		case lane.Objective < time.Second || lane.Objective > 7*24*time.Hour:
			return fmt.Errorf("objective of lane %s is %s, want 1s to 168h", l, lane.Objective)
		case lane.CutOff <= 0 || lane.CutOff > 1:
			return fmt.Errorf("cut-off of lane %s is %g, want above 0 and at most 1", l, lane.CutOff)
		case l > 0 && lane.CutOff > c.Lanes[l-1].CutOff:
			return fmt.Errorf("cut-off of lane %s is %g, above the one of lane %s: a less urgent lane is shed first",
				l, lane.CutOff, l-1)
		}
	}
	return nil
}

// guaranteed is the share of the slots that lane l has when all lanes are
// busy.
func (c Config) guaranteed(l jobs.Lane) float64 {
	sum := 0
	for _, lane := range c.Lanes {
		sum += lane.Weight
	}
	return float64(c.Lanes[l].Weight) / float64(sum)
}
