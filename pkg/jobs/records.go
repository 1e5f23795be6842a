package jobs

import (
	"context"
	"fmt"
	"time"
)

// Record is anything durable that is not a job: a tenant, a key, a schema, a
// batch, an operation, an override, a delivery to make.
type Record struct {
	// Kind and ID identify the record; both are well-formed IDs.
	Kind string
	ID   ID
	// Version is 1 when created and grows by one with every put. A record
	// that was deleted and made anew starts at 1 again.
	Version int64
	// Index holds up to [MaxRecordIndexes] pairs by which List finds the
	// record.
	Index map[string]string
	// Value is up to [MaxRecordBytes] long.
	Value     []byte
	UpdatedAt time.Time
}

// Limits of a record.
const (
	MaxRecordIndexes = 8
	MaxRecordBytes   = 1 << 20
)

// AnyVersion in a write skips the version check.
const AnyVersion int64 = -1

// Write puts or deletes one record.
type Write struct {
	// Record is what to put; for a deletion only Kind, ID and Version count.
	// Its Version must be the stored one, 0 for a record that must not exist
	// yet, or [AnyVersion]. Deleting a record that is not there is no error
	// when its Version is 0 or AnyVersion.
	Record Record
	Delete bool
}

// Validate returns an error that wraps [ErrInvalid] and names the field and
// the limit, or nil.
func (w Write) Validate() error {
	if w.Delete {
		return Record{Kind: w.Record.Kind, ID: w.Record.ID, Version: w.Record.Version}.Validate()
	}
	return w.Record.Validate()
}

// Validate returns an error that wraps [ErrInvalid] and names the field and
// the limit, or nil.
func (r Record) Validate() error {
	if err := ID(r.Kind).Validate(); err != nil {
		return fmt.Errorf("record kind: %w", err)
	}
	if err := r.ID.Validate(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if len(r.Index) > MaxRecordIndexes {
		return fmt.Errorf("%w: record has %d indexes, limit %d", ErrInvalid, len(r.Index), MaxRecordIndexes)
	}
	for k, v := range r.Index {
		if err := ID(k).Validate(); err != nil {
			return fmt.Errorf("record index name: %w", err)
		}
		if len(v) > MaxLabelBytes {
			return fmt.Errorf("%w: a record index has %d bytes, limit %d", ErrInvalid, len(v), MaxLabelBytes)
		}
	}
	if len(r.Value) > MaxRecordBytes {
		return fmt.Errorf("%w: record has %d bytes, limit %d", ErrInvalid, len(r.Value), MaxRecordBytes)
	}
	if r.Version < AnyVersion {
		return fmt.Errorf("%w: record version %d", ErrInvalid, r.Version)
	}
	return nil
}

// RecordQuery lists records of a kind in the order of their IDs.
type RecordQuery struct {
	Kind string
	// Index and Value, when Index is set, keep only the records whose index
	// has that value.
	Index, Value string
	// After keeps only the records whose ID sorts behind it.
	After ID
	// Limit is the most records to return, 1 to [MaxRecordPage]; 0 means 100.
	Limit int
}

// Bounds of a list of records.
const (
	DefaultRecordPage = 100
	MaxRecordPage     = 1000
)

// WithDefaults returns q with its limit set and within bounds.
func (q RecordQuery) WithDefaults() RecordQuery {
	if q.Limit <= 0 {
		q.Limit = DefaultRecordPage
	}
	q.Limit = min(q.Limit, MaxRecordPage)
	return q
}

// Records keeps small versioned records. All methods are safe for concurrent
// use. Get and Delete return an error that wraps [ErrNotFound] for a record
// that is not there, whatever the version. Put and Delete return one that wraps
// [ErrConflict] when the stored version is not the expected one; to Put, a
// record that is not there has version 0.
type Records interface {
	Get(ctx context.Context, kind string, id ID) (Record, error)
	// Put writes the record if its Version is the stored one and returns it
	// with its new version. See [Write] for 0 and [AnyVersion].
	Put(ctx context.Context, r Record) (Record, error)
	// Delete removes the record if version is the stored one or [AnyVersion].
	Delete(ctx context.Context, kind string, id ID, version int64) error
	List(ctx context.Context, q RecordQuery) ([]Record, error)
}
