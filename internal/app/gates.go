package app

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// gateWords implements httpapi.Gates by the records that the ladders of all
// processes follow.
type gateWords struct{ records jobs.Records }

func (g gateWords) Force(ctx context.Context, o tiers.Override) error {
	return ladder.ForceGate(ctx, g.records, o)
}

func (g gateWords) Release(ctx context.Context, gate string) error {
	return ladder.ReleaseGate(ctx, g.records, gate)
}

func (g gateWords) Forced(ctx context.Context) ([]tiers.Override, error) {
	return ladder.ForcedGates(ctx, g.records, time.Now())
}
