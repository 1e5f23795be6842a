package jobs

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Submission asks an engine to accept one job.
type Submission struct {
	// ID is the new job's ID, chosen by the caller. A submission with the ID
	// of an existing job of the same tenant and fingerprint answers that job.
	ID     ID
	Tenant string
	Lane   Lane
	Spec   Spec
	Labels map[string]string
	// Key is the idempotency key: unique per tenant, printable, at most
	// [MaxKeyBytes]; empty for none.
	Key string
	// Fingerprint identifies the payload; required, at most 64 bytes.
	Fingerprint string
	Document    Document
	// Body holds the document's bytes.
	Body   []byte
	Parent ID
	// Batch is the batch that the job belongs to; empty for none.
	Batch      ID
	Admission  Admission
	DeadlineAt time.Time
	// Cost is the estimated service time; less than a millisecond counts as
	// one.
	Cost time.Duration
	// MaxQueued is the tenant's limit of waiting jobs (queued and parked over
	// all lanes), checked in the same commit; 0 means no limit.
	MaxQueued int
}

// Validate returns an error that wraps [ErrInvalid] and names the field and
// the limit, or nil. Engines call it before anything else.
func (s Submission) Validate() error {
	if err := s.ID.Validate(); err != nil {
		return err
	}
	if err := ID(s.Tenant).Validate(); err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	if s.Parent != "" {
		if err := s.Parent.Validate(); err != nil {
			return fmt.Errorf("parent: %w", err)
		}
	}
	if s.Batch != "" {
		if err := s.Batch.Validate(); err != nil {
			return fmt.Errorf("batch: %w", err)
		}
	}
	if err := s.Spec.Validate(); err != nil {
		return err
	}
	if err := validateKey(s.Key); err != nil {
		return err
	}
	if err := validateLabels(s.Labels); err != nil {
		return err
	}
	switch {
	case !s.Lane.Valid():
		return fmt.Errorf("%w: lane %d", ErrInvalid, s.Lane)
	case s.Fingerprint == "" || len(s.Fingerprint) > 64:
		return fmt.Errorf("%w: fingerprint has %d bytes, want 1 to 64", ErrInvalid, len(s.Fingerprint))
	case s.DeadlineAt.IsZero():
		return fmt.Errorf("%w: deadline is missing", ErrInvalid)
	case s.Document.Size != int64(len(s.Body)):
		return fmt.Errorf("%w: document size is %d, body has %d bytes", ErrInvalid, s.Document.Size, len(s.Body))
	case s.Cost < 0 || s.Cost > 24*time.Hour:
		return fmt.Errorf("%w: cost %s, want 0 to 24h", ErrInvalid, s.Cost)
	case s.MaxQueued < 0:
		return fmt.Errorf("%w: max_queued must not be negative", ErrInvalid)
	}
	return nil
}

func validateKey(key string) error {
	if len(key) > MaxKeyBytes {
		return fmt.Errorf("%w: idempotency key has %d bytes, limit %d", ErrInvalid, len(key), MaxKeyBytes)
	}
	if !printable(key) {
		return fmt.Errorf("%w: idempotency key has a character outside printable ASCII", ErrInvalid)
	}
	return nil
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func validateLabels(labels map[string]string) error {
	if len(labels) > MaxLabels {
		return fmt.Errorf("%w: %d labels, limit %d", ErrInvalid, len(labels), MaxLabels)
	}
	for k, v := range labels {
		if err := ID(k).Validate(); err != nil {
			return fmt.Errorf("label key: %w", err)
		}
		if len(v) > MaxLabelBytes || !utf8.ValidString(v) {
			return fmt.Errorf("%w: a label value has %d bytes or is not UTF-8, limit %d", ErrInvalid, len(v), MaxLabelBytes)
		}
	}
	return nil
}

// AcceptStatus is what became of one submission.
type AcceptStatus string

// The answers to a submission.
const (
	// Created: a new job exists and is durable.
	Created AcceptStatus = "created"
	// Existing: the same tenant submitted the same key (or ID) and payload
	// before; that job is the answer.
	Existing AcceptStatus = "existing"
	// KeyReused: the key (or ID) was used with another payload. No job.
	KeyReused AcceptStatus = "key_reused"
	// TenantFull: the tenant has MaxQueued waiting jobs. No job.
	TenantFull AcceptStatus = "tenant_full"
	// EngineFull: the engine has as many waiting jobs as it is configured to
	// hold. No job.
	EngineFull AcceptStatus = "engine_full"
)

// Acceptance answers one submission.
type Acceptance struct {
	Status AcceptStatus
	// Job is set when Status is Created or Existing.
	Job Job
}
