package backpressure

import (
	"container/list"
	"math"
	"time"
)

// maxSlots is how many tenants and clients the reservations remember; the
// least recently refused are forgotten first.
const maxSlots = 10_000

// maxJitter is the largest share by which a Retry-After is lengthened.
const maxJitter = 0.1

// reservations hands refused callers the times at which the queue they were
// refused from should have room: each refusal takes the next drain slot, so
// that callers come back one after the other instead of together.
type reservations struct {
	slots   lru[queueKey, time.Time]
	clients lru[clientKey, clientSlot]
}

type clientKey struct {
	queue  queueKey
	client string
}

type clientSlot struct {
	at   time.Time // when it was reserved
	slot time.Time
}

// take reserves the next slot that is at least base away; slots are gap apart.
// A client that was given one less than a second ago gets the same again, so
// that a loop does not push everybody else back.
func (r *reservations) take(k queueKey, client string, base, gap time.Duration, now time.Time) time.Time {
	ck := clientKey{k, client}
	if c, ok := r.clients.get(ck); ok && now.Sub(c.at) < time.Second && c.slot.After(now) {
		return c.slot
	}
	slot := now.Add(base)
	if last, ok := r.slots.get(k); ok && last.Add(gap).After(slot) {
		slot = last.Add(gap)
	}
	if latest := now.Add(MaxRetryAfter); slot.After(latest) {
		slot = latest
	}
	r.slots.put(k, slot)
	r.clients.put(ck, clientSlot{now, slot})
	return slot
}

// retryAfter turns a wait into whole seconds, lengthened by the jitter (0 to
// 1) and cut at [MaxRetryAfter]. The wait is cut before the jitter is added,
// so that callers at the cut do not come back together.
func retryAfter(wait time.Duration, jitter float64) time.Duration {
	if !(jitter >= 0) {
		jitter = 0
	}
	s := min(wait.Seconds(), MaxRetryAfter.Seconds()/(1+maxJitter))
	s *= 1 + maxJitter*min(jitter, 1)
	return time.Duration(max(math.Ceil(s), 1)) * time.Second
}

// shedding is the wait told while a lane is shed: nobody knows when memory or
// disk will be free, so it doubles each second in which something is refused
// and falls by one each second in which nothing is, between 1 and 32 s.
type shedding struct {
	seconds int
	at      time.Time
}

const maxShedSeconds = 32

func (s *shedding) refuse(now time.Time) time.Duration {
	passed := int(now.Sub(s.at) / time.Second)
	switch {
	case s.at.IsZero() || passed >= maxShedSeconds+1:
		s.seconds, s.at = 1, now
	case passed == 1:
		s.seconds, s.at = min(s.seconds*2, maxShedSeconds), now
	case passed > 1:
		s.seconds, s.at = max(s.seconds-(passed-1), 1), now
	}
	return time.Duration(s.seconds) * time.Second
}

// lru is a map of at most [maxSlots] entries that forgets the least recently
// used; the zero value works.
type lru[K comparable, V any] struct {
	entries map[K]*list.Element
	order   list.List // most recent first
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func (c *lru[K, V]) get(k K) (V, bool) {
	e, ok := c.entries[k]
	if !ok {
		var zero V
		return zero, false
	}
	c.order.MoveToFront(e)
	return c.entry(e).value, true
}

// entry is what the list holds, and it holds nothing else.
func (c *lru[K, V]) entry(e *list.Element) *lruEntry[K, V] {
	entry, _ := e.Value.(*lruEntry[K, V])
	return entry
}

func (c *lru[K, V]) put(k K, v V) {
	if c.entries == nil {
		c.entries = map[K]*list.Element{}
	}
	if e, ok := c.entries[k]; ok {
		c.entry(e).value = v
		c.order.MoveToFront(e)
		return
	}
	if c.order.Len() >= maxSlots {
		oldest := c.order.Back()
		delete(c.entries, c.entry(oldest).key)
		c.order.Remove(oldest)
	}
	c.entries[k] = c.order.PushFront(&lruEntry[K, V]{k, v})
}
