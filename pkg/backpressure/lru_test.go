package backpressure

import "testing"

func TestTheLeastRecentlyUsedEntryIsForgotten(t *testing.T) {
	t.Parallel()
	var c lru[int, int]
	for i := range maxSlots {
		c.put(i, i)
	}
	c.get(0)
	c.put(1, 100)
	c.put(maxSlots, maxSlots)
	for k, want := range map[int]bool{0: true, 1: true, 2: false, 3: true, maxSlots: true} {
		if _, got := c.get(k); got != want {
			t.Errorf("entry %d is there: %t, want %t", k, got, want)
		}
	}
	if v, _ := c.get(1); v != 100 || c.order.Len() != maxSlots || len(c.entries) != maxSlots {
		t.Errorf("entry 1 is %d among %d, want 100 among %d", v, c.order.Len(), maxSlots)
	}
}
