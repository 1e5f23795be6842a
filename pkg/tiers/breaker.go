package tiers

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// ErrBreakerOpen says that the breaker of a route lets no call through now.
var ErrBreakerOpen = errors.New("breaker open")

// BreakerPolicy is when a breaker opens. The zero value works.
type BreakerPolicy struct {
	// MinJobs is how many different jobs must have failed. Default 10.
	MinJobs int
	// Share is the share of failures among the calls that say anything, 0 to
	// 1. Default 0.5.
	Share float64
	// Window is how long a call counts. Default 60 s.
	Window time.Duration
	// OpenFor is how long an open breaker waits before it lets one probe
	// through. Default 30 s.
	OpenFor time.Duration
}

func (p BreakerPolicy) withDefaults() BreakerPolicy {
	if p.MinJobs == 0 {
		p.MinJobs = 10
	}
	if p.Share == 0 {
		p.Share = 0.5
	}
	setDefault(&p.Window, time.Minute)
	setDefault(&p.OpenFor, 30*time.Second)
	return p
}

// windowBuckets is into how many parts a breaker's window is cut.
const windowBuckets = 10

// Breaker is local evidence against a route: this process's own calls of the
// last minute. A job counts as a failure once however often it fails, so that
// no document can open the breaker by itself, and neutral classes count for
// nothing. It reads the clock and is safe for concurrent use.
type Breaker struct {
	policy BreakerPolicy
	steps  *gobreaker.TwoStepCircuitBreaker[struct{}]

	mu        sync.Mutex
	failed    map[jobs.ID]time.Time // jobs that count as failed, until then
	openUntil time.Time
}

// What a call is reported as to gobreaker.
var (
	errCallFailed  = errors.New("call failed")
	errCallNeutral = errors.New("call says nothing")
)

// NewBreaker makes the breaker of one route, closed.
func NewBreaker(p BreakerPolicy) *Breaker {
	b := &Breaker{policy: p.withDefaults(), failed: map[jobs.ID]time.Time{}}
	b.steps = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Interval:     b.policy.Window,
		BucketPeriod: b.policy.Window / windowBuckets,
		Timeout:      b.policy.OpenFor,
		IsExcluded:   func(err error) bool { return errors.Is(err, errCallNeutral) },
		ReadyToTrip: func(c gobreaker.Counts) bool {
			failures, all := float64(c.TotalFailures), float64(c.TotalFailures+c.TotalSuccesses)
			return int(c.TotalFailures) >= b.policy.MinJobs && failures >= b.policy.Share*all
		},
		OnStateChange: b.changed,
	})
	return b
}

// changed runs inside gobreaker's lock, so it takes b.mu after it; nothing
// calls gobreaker while it holds b.mu.
func (b *Breaker) changed(_ string, _, to gobreaker.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.failed)
	b.openUntil = time.Time{}
	if to == gobreaker.StateOpen {
		b.openUntil = time.Now().Add(b.policy.OpenFor)
	}
}

// Allow asks for one call. The caller must call report exactly once with what
// became of it, also when it panics; report may be given the verdict of a call
// that was never made, as [ClassCancelled]. An error wraps [ErrBreakerOpen].
func (b *Breaker) Allow() (report func(job jobs.ID, v Verdict), err error) {
	done, err := b.steps.Allow()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBreakerOpen, err)
	}
	return func(job jobs.ID, v Verdict) { done(b.evidence(job, v)) }, nil
}

// evidence is what a verdict says to gobreaker: nil for a success.
func (b *Breaker) evidence(job jobs.ID, v Verdict) error {
	switch v.Effect {
	case EffectSuccess:
		return nil
	case EffectFailure:
		if b.first(job) {
			return errCallFailed
		}
		return errCallNeutral
	case EffectNeutral, EffectOpen: // an open gate needs no breaker
		return errCallNeutral
	default:
		return errCallNeutral
	}
}

// first reports whether the job has not failed within the window.
func (b *Breaker) first(job jobs.ID) bool {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, until := range b.failed {
		if !until.After(now) {
			delete(b.failed, id)
		}
	}
	if _, again := b.failed[job]; again {
		return false
	}
	b.failed[job] = now.Add(b.policy.Window)
	return true
}

// OpenUntil is when the breaker may be probed, for [Route.BreakerUntil]; zero
// while it is closed.
func (b *Breaker) OpenUntil() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.openUntil
}
