package operations

import "time"

const (
	// batch is the most jobs between two looks at the operation's record.
	batch = 100
	// lookEvery is the most time between two looks, so that a pause acts
	// within a second.
	lookEvery = 500 * time.Millisecond
)

// pace meters the jobs of an operation with a rate.
type pace struct {
	rate   float64 // a second; 0 means no limit
	tokens float64
	at     time.Time
}

func newPace(rate float64, now time.Time) pace { return pace{rate: rate, tokens: 1, at: now} }

// allowed is how many jobs may be worked on now. With none, wait is how long to
// wait before asking again.
func (p *pace) allowed(now time.Time) (n int, wait time.Duration) {
	if p.rate == 0 {
		return batch, 0
	}
	size := max(1, p.rate*lookEvery.Seconds())
	p.tokens = min(p.tokens+max(now.Sub(p.at), 0).Seconds()*p.rate, size)
	p.at = now
	if p.tokens >= 1 {
		return min(int(p.tokens), batch), 0
	}
	return 0, p.until(1)
}

// until is how long it takes until there are n tokens, cut at lookEvery.
func (p *pace) until(n float64) time.Duration {
	wait := time.Duration((n - p.tokens) / p.rate * float64(time.Second))
	return min(max(wait, time.Millisecond), lookEvery)
}

// took notes that n jobs were worked on, and answers how long to wait so that
// the next jobs come together.
func (p *pace) took(n int) time.Duration {
	if p.rate == 0 {
		return 0
	}
	p.tokens -= float64(n)
	return p.until(max(1, p.rate*lookEvery.Seconds()))
}
