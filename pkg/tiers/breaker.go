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

// BreakerPolicy is when a breaker opens: when in the last Window MinJobs
// different jobs failed and they were Share of all, or when MinJobs different
// jobs failed one after the other without a success between them, however long
// that took. The second is for calls that hang: few slots with long timeouts
// never bring enough failures into one window. The zero value works.
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
	streak    map[jobs.ID]struct{}  // jobs that failed since the last success
	pages     int                   // answers in a row that came from no API
	openUntil time.Time
}

// What a call is reported as to gobreaker.
var (
	errCallFailed  = errors.New("call failed")
	errCallNeutral = errors.New("call says nothing")
)

// NewBreaker makes the breaker of one route, closed.
func NewBreaker(p BreakerPolicy) *Breaker {
	b := &Breaker{policy: p.withDefaults(), failed: map[jobs.ID]time.Time{}, streak: map[jobs.ID]struct{}{}}
	b.steps = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Interval:     b.policy.Window,
		BucketPeriod: b.policy.Window / windowBuckets,
		Timeout:      b.policy.OpenFor,
		IsExcluded:   func(err error) bool { return errors.Is(err, errCallNeutral) },
		ReadyToTrip: func(c gobreaker.Counts) bool {
			failures, all := float64(c.TotalFailures), float64(c.TotalFailures+c.TotalSuccesses)
			return int(c.TotalFailures) >= b.policy.MinJobs && failures >= b.policy.Share*all || b.onlyFailures()
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
	clear(b.streak)
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
	if b.steps.State() != gobreaker.StateClosed { // a probe: its place is taken until it ends
		return func(job jobs.ID, v Verdict) { done(b.evidence(job, v)) }, nil
	}
	// gobreaker books a result at the time its call began and drops it when
	// that is longer ago than the window, so a call that hung would never
	// count. It counts when its result is known.
	done(errCallNeutral)
	return func(job jobs.ID, v Verdict) {
		if b.steps.State() != gobreaker.StateClosed {
			return // it opened meanwhile; this call says nothing about a probe
		}
		if done, err := b.steps.Allow(); err == nil {
			done(b.evidence(job, v))
		}
	}, nil
}

// evidence is what a verdict says to gobreaker: nil for a success.
func (b *Breaker) evidence(job jobs.ID, v Verdict) error {
	switch v.Effect {
	case EffectSuccess:
		b.mu.Lock()
		defer b.mu.Unlock()
		clear(b.streak)
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

// What the breaker makes of pages where an API should be: a login page or one
// of a CDN that keeps coming is an address that somebody must mend.
const (
	pagesToHalt = 3
	haltForPage = 5 * time.Minute
)

// Judge returns the verdict on a call in the light of those before it: the
// third [ClassNotAPI] in a row halts the route. Whoever asks Allow for the call
// asks Judge once for its verdict.
func (b *Breaker) Judge(v Verdict) Verdict {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case v.Class == ClassNotAPI:
		b.pages++
	case v.Action != ActStop: // the API itself spoke, or nobody did
		b.pages = 0
	}
	if v.Class == ClassNotAPI && b.pages >= pagesToHalt {
		v.Action, v.Effect, v.Scope, v.GateFor = ActHalt, EffectOpen, ScopeRoute, haltForPage
	}
	return v
}

// onlyFailures reports whether enough jobs failed without a success between
// them.
func (b *Breaker) onlyFailures() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.streak) >= b.policy.MinJobs
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
	if len(b.streak) < b.policy.MinJobs {
		b.streak[job] = struct{}{}
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
