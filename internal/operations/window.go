package operations

// window looks at the last jobs for the stop rule. The zero value never trips.
type window struct {
	failed []bool // a ring
	n      int    // jobs seen
	bad    int    // of those in the ring
}

func newWindow(s StopIf) window {
	if s.FailureRate == 0 {
		return window{}
	}
	return window{failed: make([]bool, s.Window)}
}

// add takes one more job in.
func (w *window) add(failed bool) {
	if len(w.failed) == 0 {
		return
	}
	at := w.n % len(w.failed)
	if w.failed[at] {
		w.bad--
	}
	if w.failed[at] = failed; failed {
		w.bad++
	}
	w.n++
}

// tripped reports whether the rule says stop. Before the window is full, it
// says so only once the failures are enough for a full one.
func (w *window) tripped(s StopIf) bool {
	return len(w.failed) > 0 && float64(w.bad) >= s.FailureRate*float64(len(w.failed))
}
