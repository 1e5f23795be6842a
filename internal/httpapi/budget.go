package httpapi

import (
	"errors"
	"sync/atomic"
)

// byteBudget bounds the memory that all requests together hold of bodies. A
// request that would go over is refused at once: waiting would hold what it
// has already.
type byteBudget struct {
	limit int64
	used  atomic.Int64
}

// errBusy marks a body that the budget has no room for.
var errBusy = errors.New("too many bytes are being received")

// lease is what one request holds of the budget. It is not safe for
// concurrent use.
type lease struct {
	budget *byteBudget
	held   int64
}

func (b *byteBudget) lease() *lease { return &lease{budget: b} }

// grow takes n more bytes, or none and answers errBusy.
func (l *lease) grow(n int64) error {
	if l.budget.used.Add(n) > l.budget.limit {
		l.budget.used.Add(-n)
		return errBusy
	}
	l.held += n
	return nil
}

// shrink gives n bytes back.
func (l *lease) shrink(n int64) {
	l.held -= n
	l.budget.used.Add(-n)
}

// release gives all of it back. It is safe to call twice.
func (l *lease) release() { l.shrink(l.held) }
