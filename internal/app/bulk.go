package app

import (
	"time"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// operationLease is how long an operation waits for a driver that died. The
// driver renews it every second.
const operationLease = 5 * time.Second

// newOperations makes what carries commands out on many jobs. Every API process
// drives; a lease decides which of them has an operation.
func (s *process) newOperations() (*operations.Operations, error) {
	return operations.New(operations.Config{
		Engine: s.engine, Owner: s.name, AskCancel: s.bus.AskCancel, Lease: operationLease, Keep: s.Config.Retention.Operations,
		Events: s.operationEvents(),
	})
}

func (s *process) operationEvents() operations.Events {
	return operations.Events{
		Changed: func(o operations.Operation) {
			s.Log.Info().Str("operation", string(o.ID)).Str("action", string(o.Action)).Str("state", string(o.State)).Str("by", o.StateBy).Str("why", o.Why).
				Int("selected", o.Selection.Selected).Int("applied", o.Progress.Applied).Int("failed", o.Progress.Failed).Msg("operation")
		},
		Worked: func(o operations.Operation, result operations.Result, _ string) {
			s.metrics.bulkJobs.WithLabelValues(string(o.Action), string(result)).Inc()
		},
		Removed: func(id jobs.ID) { s.Log.Info().Str("operation", string(id)).Msg("operation removed") },
		Failed: func(id jobs.ID, err error) {
			s.Log.Error().Str("operation", string(id)).Err(err).Msg("operation")
		},
	}
}
