// Package pause waits without outliving the caller's context.
package pause

import (
	"context"
	"time"
)

// For returns after d, or with ctx's error as soon as ctx ends.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
