package tiers

import "time"

// bucketBurst is the part of a minute's allowance that a full bucket holds. The
// rest trickles in, so that in any minute a bucket gives no more than the
// minute's allowance: a full bucket and what flows in together.
const bucketBurst = 0.1

// rateBucket meters what a provider counts by the minute. Without an allowance
// it lets everything through. It is not safe for concurrent use.
type rateBucket struct {
	perMinute float64 // 0 for no limit
	level     float64 // what may go now; negative after more was used than reserved
	at        time.Time
}

// set changes the allowance. A new bucket starts full; what another one holds
// stays, as far as it fits.
func (b *rateBucket) set(perMinute float64, now time.Time) {
	if b.perMinute == 0 {
		b.level, b.at = perMinute*bucketBurst, now
	}
	b.fill(now)
	b.perMinute = perMinute
	b.level = min(b.level, b.size())
}

func (b *rateBucket) size() float64 { return b.perMinute * bucketBurst }

func (b *rateBucket) perSecond() float64 { return b.perMinute * (1 - bucketBurst) / 60 }

func (b *rateBucket) fill(now time.Time) {
	if past := now.Sub(b.at); past > 0 {
		b.level = min(b.level+past.Seconds()*b.perSecond(), b.size())
		b.at = now
	}
}

// missing is how long it takes until n may go; 0 when it may now. What is
// larger than the bucket may go when the bucket is full, or it never would.
func (b *rateBucket) missing(n float64, now time.Time) time.Duration {
	if b.perMinute == 0 {
		return 0
	}
	b.fill(now)
	lack := min(n, b.size()) - b.level
	if lack <= 1e-6 { // rounding must not cost another wait
		return 0
	}
	return time.Duration(lack/b.perSecond()*float64(time.Second)) + time.Millisecond
}

// take takes n out, or gives it back when n is negative.
func (b *rateBucket) take(n float64) {
	if b.perMinute != 0 {
		b.level = min(b.level-n, b.size())
	}
}
