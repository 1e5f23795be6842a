package asynqjobs

import "context"

// waker brings word of jobs that can be lent to calls of Lend that wait. It may
// be wrong either way: a lend that finds nothing waits on, and one that was not
// told asks again by itself.
type waker interface {
	// Wait blocks until a lend may find a job, or answers the context's error.
	Wait(ctx context.Context) error
	// Found says that a lend after a wait found a job, so that another may.
	Found()
	// TopUp says that jobs may have become ready. It never blocks.
	TopUp()
	Close() error
}

var _ waker = (*carrier)(nil)
