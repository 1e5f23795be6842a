package operations

import (
	"context"
	"time"
)

// SetChunk makes selections of small parts.
func (o *Operations) SetChunk(jobs int) { o.chunk = jobs }

// SetMost bounds how many jobs a selection takes.
func (o *Operations) SetMost(jobs int) { o.most = jobs }

// TidyOnce removes what nobody needs, as Run does once a minute.
func (o *Operations) TidyOnce(ctx context.Context) error { return o.tidy(ctx) }

// Pace meters the jobs of an operation with a rate.
type Pace struct{ pace }

// NewPace makes a pace.
func NewPace(rate float64, now time.Time) *Pace { return &Pace{newPace(rate, now)} }

// Allowed is how many jobs may be worked on now, or how long to wait.
func (p *Pace) Allowed(now time.Time) (int, time.Duration) { return p.allowed(now) }

// Took notes that jobs were worked on.
func (p *Pace) Took(n int) time.Duration { return p.took(n) }
