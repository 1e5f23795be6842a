package wire

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/pkg/tiers"
)

// CallError is why a call brought no whole answer. Its text says how far the
// call got and nothing else: the cause may quote the provider. The cause is
// there for errors.Is and errors.As.
type CallError struct {
	Phase tiers.Phase
	Err   error
}

// Error implements error.
func (e *CallError) Error() string {
	why := "failed"
	switch {
	case errors.Is(e.Err, tiers.ErrAnswerTooLarge):
		why = "answer too large"
	case errors.Is(e.Err, context.DeadlineExceeded):
		why = "timed out"
	case errors.Is(e.Err, context.Canceled):
		why = "cancelled"
	}
	return fmt.Sprintf("model call: %s in phase %s", why, e.Phase)
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }
