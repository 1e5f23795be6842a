package tiers

import (
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Pool separates the retries of production from those of evals, so that a
// large batch never spends production's.
type Pool string

// The pools.
const (
	PoolProd Pool = "prod"
	PoolEval Pool = "eval"
)

// PoolOf is the pool of a lane: batch is evals, everything else production.
func PoolOf(lane jobs.Lane) Pool {
	if lane == jobs.Batch {
		return PoolEval
	}
	return PoolProd
}

// The retry budget in thousandths of a unit, so that sums stay exact.
const (
	budgetUnit  = 1000
	budgetEarn  = budgetUnit / 10 // for each first attempt
	budgetFleet = 10              // units that all workers together may hold
	budgetIdle  = 3 * budgetUnit  // what time alone fills a bucket to: one retry of any class
)

// budgetTrickle is the time in which all workers together earn a unit without
// any first attempt.
const budgetTrickle = 10 * time.Minute

// RetryBudget is a bucket of retries for one route and pool in one process. A
// first attempt earns a tenth of a unit, and a retry takes one or, after a
// timeout, three. So in any stretch of time
//
//	retries ≤ 0.1 × first attempts + the cap
//
// in each process, and because the cap is shared out over the live workers,
// over the fleet as well; no store is needed. An idle fleet earns a unit in ten
// minutes beside that, until it holds three, or a job that is alone would wait
// for its retry in vain. Where the cap is too small for the dearest retry a full
// bucket grants it and owes the rest. Beside the units it holds money
// by the same rule: a tenth of what first attempts may cost, and at most the
// cap times twice what they cost in the mean — a repair, or a call with more
// room for its answer, costs up to twice as much — so that ten small calls do
// not pay for the retry of a huge one. It is not safe for concurrent use; [Budgets] is.
type RetryBudget struct {
	tokens  int // thousandths of a unit
	workers int
	micro   int64 // money, in millionths of a dollar
	mean    int64 // recent mean cost of a first attempt
	idle    time.Duration
}

// NewRetryBudget makes a bucket that holds one unit, for one of n live
// workers; less than 1 counts as 1.
func NewRetryBudget(n int) *RetryBudget { return &RetryBudget{tokens: budgetUnit, workers: n} }

// limit is what the bucket holds at most.
func (b *RetryBudget) limit() int {
	return max(budgetFleet*budgetUnit/max(b.workers, 1), budgetUnit)
}

// Tokens is how many units the bucket holds.
func (b *RetryBudget) Tokens() float64 { return float64(b.tokens) / budgetUnit }

// MicroUSD is the money that the bucket holds, in millionths of a dollar.
func (b *RetryBudget) MicroUSD() int64 { return b.micro }

// meanCostOver is over how many first attempts their cost is averaged.
const meanCostOver = 20

// First notes a first attempt and what it may cost at most, in millionths of a
// dollar; 0 where no price is known.
func (b *RetryBudget) First(micro int64) {
	b.tokens = min(b.tokens+budgetEarn, b.limit())
	if micro <= 0 {
		return
	}
	if b.mean == 0 { // the first one brings what the bucket starts with
		b.mean, b.micro = micro, dearest*micro
	}
	b.mean += (micro - b.mean) / meanCostOver
	b.micro = min(b.micro+micro/10, b.microLimit())
}

func (b *RetryBudget) microLimit() int64 { return dearest * b.mean * int64(b.limit()) / budgetUnit }

// Pass earns what so much time brings. Units for which there is no room are
// lost.
func (b *RetryBudget) Pass(d time.Duration) {
	step := budgetTrickle * time.Duration(max(b.workers, 1)) / budgetUnit // for a thousandth
	b.idle += max(d, 0)
	earned := int(min(b.idle/step, budgetIdle*budgetFleet))
	b.idle %= step
	fill := min(earned, max(min(budgetIdle, b.limit())-b.tokens, 0))
	b.tokens += fill
	b.micro = max(b.micro, min(b.micro+int64(fill)*dearest*b.mean/budgetUnit, b.microLimit()))
}

// dearest is how many times the cost of a first attempt a retry may cost.
const dearest = 2

// Take takes cost units and the money that the retry may cost, and reports
// whether both were there. A refusal takes nothing.
func (b *RetryBudget) Take(cost int, micro int64) bool {
	if cost < 0 || b.tokens < min(cost*budgetUnit, b.limit()) || micro > 0 && b.mean > 0 && b.micro < micro {
		return false
	}
	b.tokens -= cost * budgetUnit
	b.micro -= min(max(micro, 0), b.micro)
	return true
}

// SetWorkers shares the fleet's cap among n live workers; less than 1 counts
// as 1.
func (b *RetryBudget) SetWorkers(n int) {
	b.workers = n
	b.tokens = min(b.tokens, b.limit())
	b.micro = min(b.micro, b.microLimit())
}

// Budgets holds the retry budgets of a process, one for each route and pool.
// It reads the clock and is safe for concurrent use; the zero value works.
type Budgets struct {
	mu      sync.Mutex
	workers int
	buckets map[budgetKey]*timedBudget
}

// timedBudget is a bucket that knows until when it has earned by time.
type timedBudget struct {
	*RetryBudget

	at time.Time
}

type budgetKey struct {
	route string
	pool  Pool
}

// First notes a first attempt on a route and what it may cost at most, in
// millionths of a dollar.
func (b *Budgets) First(route string, pool Pool, micro int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bucket(route, pool).First(micro)
}

// Take takes cost units and the money for a retry on a route and reports
// whether both were there.
func (b *Budgets) Take(route string, pool Pool, cost int, micro int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bucket(route, pool).Take(cost, micro)
}

// Tokens is how many units a route and pool have left.
func (b *Budgets) Tokens(route string, pool Pool) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bucket(route, pool).Tokens()
}

// MicroUSD is the money that a route and pool have left, in millionths of a
// dollar.
func (b *Budgets) MicroUSD(route string, pool Pool) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bucket(route, pool).MicroUSD()
}

// SetWorkers shares the fleet's cap among n live workers; less than 1 counts
// as 1.
func (b *Budgets) SetWorkers(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.workers = n
	for _, bucket := range b.buckets {
		bucket.SetWorkers(n)
	}
}

// bucket finds or makes a bucket, and lets it earn what time brought. Routes
// come from the configuration, so their number is bounded.
func (b *Budgets) bucket(route string, pool Pool) *RetryBudget {
	key, now := budgetKey{route, pool}, time.Now()
	bucket := b.buckets[key]
	if bucket == nil {
		bucket = &timedBudget{NewRetryBudget(b.workers), now}
		if b.buckets == nil {
			b.buckets = map[budgetKey]*timedBudget{}
		}
		b.buckets[key] = bucket
	}
	bucket.Pass(now.Sub(bucket.at))
	bucket.at = now
	return bucket.RetryBudget
}
