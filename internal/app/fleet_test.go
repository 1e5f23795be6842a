package app

import (
	"testing"
	"time"
)

func TestWorkersThatFallSilentLeaveTheirShareUnlessTheBusIsAway(t *testing.T) {
	f := newFleet()
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	for _, name := range []string{"a", "b", "c"} {
		f.heard(name, now, true)
	}
	now = now.Add(10 * time.Second)
	if n := f.heard("a", now, true); n != 3 {
		t.Errorf("%d workers after 10 s, want 3", n)
	}
	now = now.Add(time.Hour)
	if n := f.heard("a", now, false); n != 3 {
		t.Errorf("%d workers while the bus is away, want the 3 that were there", n)
	}
	if n := f.heard("a", now.Add(goneAfter), true); n != 3 {
		t.Errorf("%d workers when the bus is back, want 3 until they had time to speak", n)
	}
	if n := f.heard("a", now.Add(goneAfter+time.Second), true); n != 1 {
		t.Errorf("%d workers after two fell silent, want 1", n)
	}
}
