package ladder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// kindOverride is the kind of the records of operators' words on gates.
const kindOverride = "gate_override"

// recordID is the ID of the record about a gate or a route: their names may
// hold anything, IDs may not.
func recordID(name string) jobs.ID {
	sum := sha256.Sum256([]byte(name))
	return jobs.ID(hex.EncodeToString(sum[:16]))
}

// ForceGate keeps an operator's word on a gate, in place of an earlier one, so
// that every process follows it within a second. The error wraps
// [jobs.ErrInvalid] for a word that cannot be meant.
func ForceGate(ctx context.Context, records jobs.Records, o tiers.Override) error {
	if err := o.Validate(o.At); err != nil {
		return err
	}
	value, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("write override of %s: %w", o.Name, err)
	}
	_, err = records.Put(ctx, jobs.Record{Kind: kindOverride, ID: recordID(o.Name), Version: jobs.AnyVersion, Value: value})
	if err != nil {
		return fmt.Errorf("write override of %s: %w", o.Name, err)
	}
	return nil
}

// ReleaseGate takes an operator's word on a gate back. It is no error when
// there is none.
func ReleaseGate(ctx context.Context, records jobs.Records, name string) error {
	err := records.Delete(ctx, kindOverride, recordID(name), jobs.AnyVersion)
	if err != nil && !errors.Is(err, jobs.ErrNotFound) {
		return fmt.Errorf("delete override of %s: %w", name, err)
	}
	return nil
}

// ForcedGates lists the operators' words that have not ended at now.
func ForcedGates(ctx context.Context, records jobs.Records, now time.Time) ([]tiers.Override, error) {
	rows, err := records.List(ctx, jobs.RecordQuery{Kind: kindOverride, Limit: jobs.MaxRecordPage})
	if err != nil {
		return nil, fmt.Errorf("read overrides: %w", err)
	}
	var all []tiers.Override
	for _, row := range rows {
		var o tiers.Override
		if json.Unmarshal(row.Value, &o) == nil && o.Until.After(now) {
			all = append(all, o)
		}
	}
	return all, nil
}

// Refresh takes in the operators' words, and whether another process has found
// a route to work that this one believes down. The owner calls it once a second;
// while the records cannot be read the last known words stand.
func (e *Executor) Refresh(ctx context.Context) {
	if e.config.Records == nil {
		return
	}
	all, err := ForcedGates(ctx, e.config.Records, time.Now())
	if err != nil {
		if ctx.Err() == nil {
			e.config.Events.storeFailed("gate overrides", err)
		}
		return
	}
	e.config.Gates.Override(all)
	e.hearProbes(ctx)
}
