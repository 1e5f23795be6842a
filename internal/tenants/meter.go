package tenants

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Meter meters the submissions and bytes of tenants with a token bucket each.
// The zero value limits nobody. It is safe for concurrent use.
type Meter struct {
	mu      sync.RWMutex
	tenants map[string]*buckets
}

// buckets are one tenant's.
type buckets struct {
	mu       sync.Mutex
	requests *rate.Limiter
	bytes    *rate.Limiter
}

// Set sets a tenant's rates. What is in its buckets stays, as far as it still
// fits.
func (m *Meter) Set(tenant string, l Limits, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.tenants[tenant]
	if l.RequestsPerSecond == 0 && l.BytesPerSecond == 0 {
		delete(m.tenants, tenant)
		return
	}
	if b == nil {
		b = &buckets{}
		if m.tenants == nil {
			m.tenants = map[string]*buckets{}
		}
		m.tenants[tenant] = b
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = adjusted(b.requests, l.RequestsPerSecond, l.RequestsBurst, now)
	b.bytes = adjusted(b.bytes, float64(l.BytesPerSecond), int(l.BytesBurst), now)
}

// adjusted is a bucket with another rate and burst; nil for no limit.
func adjusted(b *rate.Limiter, perSecond float64, burst int, now time.Time) *rate.Limiter {
	if perSecond == 0 {
		return nil
	}
	if burst == 0 {
		burst = int(max(math.Ceil(perSecond), 1))
	}
	if b == nil {
		return rate.NewLimiter(rate.Limit(perSecond), burst)
	}
	b.SetLimitAt(now, rate.Limit(perSecond))
	b.SetBurstAt(now, burst)
	return b
}

// Allow takes one submission of so many bytes out of the tenant's buckets, or
// nothing when one of them has too little: then it answers when there will be
// enough, if nobody else takes it.
func (m *Meter) Allow(tenant string, bytes int64, now time.Time) (ok bool, retryAfter time.Duration) {
	m.mu.RLock()
	b := m.tenants[tenant]
	m.mu.RUnlock()
	if b == nil {
		return true, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait := max(missing(b.requests, 1, now), missing(b.bytes, bytes, now)); wait > 0 {
		return false, wait
	}
	take(b.requests, 1, now)
	take(b.bytes, bytes, now)
	return true, 0
}

// missing is how long it takes until the bucket holds n.
func missing(b *rate.Limiter, n int64, now time.Time) time.Duration {
	if b == nil {
		return 0
	}
	want := float64(fitting(b, n))
	lack := want - b.TokensAt(now)
	if lack <= rounding*want {
		return 0
	}
	wait := lack / float64(b.Limit())
	return time.Duration(min(math.Ceil(wait*1000), maxWaitMS)) * time.Millisecond
}

// maxWaitMS is a day: more than any bucket takes that anybody waits for.
const maxWaitMS = 24 * 60 * 60 * 1000

// rounding is the part of a bucket that may be missing because the bucket
// reckons in floating point: whoever comes back at the moment told is let in.
const rounding = 1e-9

// take takes n, which the bucket was seen to hold but for a rounding error.
func take(b *rate.Limiter, n int64, now time.Time) {
	if b != nil {
		b.ReserveN(now, fitting(b, n))
	}
}

// fitting cuts n at the bucket's size: what is larger takes all of it, or it
// would never be let in.
func fitting(b *rate.Limiter, n int64) int { return int(min(n, int64(b.Burst()))) }
