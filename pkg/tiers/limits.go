package tiers

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// LimitPolicy is what a route may carry, all processes together. The zero
// value knows no rates and starts without a bound that matters.
type LimitPolicy struct {
	// Concurrency is how many calls may be under way at once; 0 leaves that to
	// the slots of the workers. Each process and pool may make at least one.
	Concurrency int
	// RequestsPerMinute and TokensPerMinute are the provider's rates; 0 means
	// that there is none or that it is not known.
	RequestsPerMinute int
	TokensPerMinute   int
	// EvalShare is the part of all of these that evals get, from 0 to 1; the
	// rest is production's. 0 means 0.25.
	EvalShare float64
}

// unboundedConcurrency stands for no ceiling: more than any process has slots.
const unboundedConcurrency = 4096

func (p LimitPolicy) withDefaults() LimitPolicy {
	if p.EvalShare == 0 {
		p.EvalShare = 0.25
	}
	return p
}

// Validate returns an error that names the field, its value and its limit.
func (p LimitPolicy) Validate() error {
	switch {
	case p.Concurrency < 0 || p.Concurrency > unboundedConcurrency:
		return fmt.Errorf("concurrency is %d, want 0 to %d", p.Concurrency, unboundedConcurrency)
	case p.RequestsPerMinute < 0:
		return fmt.Errorf("requests_per_minute is %d, must not be negative", p.RequestsPerMinute)
	case p.TokensPerMinute < 0:
		return fmt.Errorf("tokens_per_minute is %d, must not be negative", p.TokensPerMinute)
	case p.EvalShare < 0 || p.EvalShare >= 1:
		return fmt.Errorf("eval_share is %v, want at least 0 and less than 1", p.EvalShare)
	}
	return nil
}

// share is the pool's part of all that the policy allows.
func (p LimitPolicy) share(pool Pool) float64 {
	if pool == PoolEval {
		return p.EvalShare
	}
	return 1 - p.EvalShare
}

// Limits keeps the calls of a process inside its part of the providers' limits:
// rates and concurrency, by route and pool, split evenly over the live workers.
// It is safe for concurrent use; the zero value knows no limits. Time is an
// argument throughout.
type Limits struct {
	mu       sync.Mutex
	workers  int
	policies map[string]LimitPolicy
	routes   map[budgetKey]*allowance
}

// allowance is what one route and pool may carry in this process.
type allowance struct {
	requests, tokens rateBucket
	calls            aimd
	waiting          []waiter // in the order in which they were refused
}

// waiter is a job that found no room. It keeps its place as long as it asks
// again in time.
type waiter struct {
	job   jobs.ID
	until time.Time
}

// keepPlace is for how long a job that found no room goes before those that
// come later: a little longer than anybody waits before asking again.
const keepPlace = 2 * time.Second

// turn reports whether it is the job's turn while so many calls may begin.
func (a *allowance) turn(job jobs.ID, free int, now time.Time) bool {
	a.waiting = slices.DeleteFunc(a.waiting, func(w waiter) bool { return !w.until.After(now) && w.job != job })
	place := slices.IndexFunc(a.waiting, func(w waiter) bool { return w.job == job })
	if place < 0 {
		place = len(a.waiting)
	}
	return place < free
}

// wait notes that the job found no room.
func (a *allowance) wait(job jobs.ID, now time.Time) {
	until := now.Add(keepPlace)
	for i := range a.waiting {
		if a.waiting[i].job == job {
			a.waiting[i].until = until
			return
		}
	}
	if len(a.waiting) < maxWaiting {
		a.waiting = append(a.waiting, waiter{job, until})
	}
}

// maxWaiting bounds the places: far more than a process has slots.
const maxWaiting = 4096

// Set sets a route's policy.
func (l *Limits) Set(route string, p LimitPolicy, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.policies == nil {
		l.policies = map[string]LimitPolicy{}
	}
	l.policies[route] = p.withDefaults()
	for _, pool := range []Pool{PoolProd, PoolEval} {
		l.apply(l.allowance(route, pool, now), route, pool, now)
	}
}

// SetWorkers splits the limits over n live workers; less than 1 counts as 1.
func (l *Limits) SetWorkers(n int, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n = max(n, 1); n == l.workers {
		return
	}
	l.workers = n
	for key, a := range l.routes {
		l.apply(a, key.route, key.pool, now)
	}
}

// Workers is over how many live workers the limits are split, at least 1.
func (l *Limits) Workers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.workers, 1)
}

// allowance finds or makes an allowance. Routes come from the configuration,
// so their number is bounded.
func (l *Limits) allowance(route string, pool Pool, now time.Time) *allowance {
	key := budgetKey{route, pool}
	a := l.routes[key]
	if a == nil {
		a = &allowance{}
		l.apply(a, route, pool, now)
		if l.routes == nil {
			l.routes = map[budgetKey]*allowance{}
		}
		l.routes[key] = a
	}
	return a
}

// apply gives an allowance this process's part of the policy.
func (l *Limits) apply(a *allowance, route string, pool Pool, now time.Time) {
	p := l.policies[route].withDefaults()
	part := p.share(pool) / float64(max(l.workers, 1))
	a.requests.set(float64(p.RequestsPerMinute)*part, now)
	a.tokens.set(float64(p.TokensPerMinute)*part, now)
	ceiling := unboundedConcurrency
	if p.Concurrency > 0 {
		ceiling = int(math.Round(float64(p.Concurrency) * part))
	}
	a.calls.setCeiling(ceiling)
}

// Permit is the right to make one call. It ends with Settle.
type Permit struct {
	limits *Limits
	of     *allowance
	began  time.Time
	tokens int
}

// Reserve takes a call of so many tokens, answer included, out of the limits
// of a route and pool. Without room the permit is nil and again is when it is
// worth asking again: by the rates exactly, and at once where only another
// call must end first. A job that was refused for that goes before those that
// come later, as long as it asks again within two seconds.
func (l *Limits) Reserve(route string, pool Pool, job jobs.ID, tokens int, now time.Time) (p *Permit, again time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.allowance(route, pool, now)
	if wait := max(a.requests.missing(1, now), a.tokens.missing(float64(tokens), now)); wait > 0 {
		return nil, now.Add(wait)
	}
	if !a.turn(job, a.calls.limit-a.calls.inFlight, now) {
		a.wait(job, now)
		return nil, now
	}
	a.waiting = slices.DeleteFunc(a.waiting, func(w waiter) bool { return w.job == job })
	a.requests.take(1)
	a.tokens.take(float64(tokens))
	a.calls.began()
	return &Permit{limits: l, of: a, began: now, tokens: tokens}, time.Time{}
}

// Settle ends a permit with what became of the call: the tokens that were not
// used go back, and the provider's answer moves the bound on calls. A call that
// was never made is settled with [ClassCancelled] and no usage, and gives its
// request back as well. The second time it does nothing.
func (p *Permit) Settle(v Verdict, used jobs.Usage, now time.Time) {
	p.limits.mu.Lock()
	defer p.limits.mu.Unlock()
	if p.of == nil {
		return
	}
	a := p.of
	p.of = nil
	switch known := used.InputTokens + used.OutputTokens; {
	case known > 0:
		a.tokens.take(float64(known - p.tokens))
	case v.Class == ClassCancelled: // never made, so no request either
		a.requests.take(-1)
		a.tokens.take(float64(-p.tokens))
	case v.Billed == jobs.BilledNo:
		a.tokens.take(float64(-p.tokens))
	}
	switch {
	case lossOf(v.Class):
		a.calls.lost(p.began, now)
	case v.OK() || v.Effect == EffectSuccess:
		a.calls.answered(now)
	}
	a.calls.inFlight--
}

// lossOf reports whether a class says that the provider was given too much at
// once. A used-up quota does not: less at once would not help.
func lossOf(c jobs.Class) bool { return c == ClassRate || c == ClassRamp || c == ClassOverload }

// Restart lets a route that stopped working begin again with one call at a
// time in each pool.
func (l *Limits) Restart(route string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, pool := range []Pool{PoolProd, PoolEval} {
		l.allowance(route, pool, now).calls.restart(now)
	}
}

// Carries is how many calls of a pool a route may have under way now; 0 while
// its rates are used up.
func (l *Limits) Carries(route string, pool Pool, now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.allowance(route, pool, now)
	if a.requests.missing(1, now) > 0 || a.tokens.missing(1, now) > 0 {
		return 0
	}
	return a.calls.limit
}

// InFlight is how many calls of a pool are under way on a route.
func (l *Limits) InFlight(route string, pool Pool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.routes[budgetKey{route, pool}]; a != nil {
		return a.calls.inFlight
	}
	return 0
}
