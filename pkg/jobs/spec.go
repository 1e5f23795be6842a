package jobs

import (
	"encoding/json"
	"fmt"
)

// Risk says how much harm a wrong value does.
type Risk string

// The risks. A high-risk job never completes on a lower tier by itself.
const (
	RiskStandard Risk = "standard"
	RiskHigh     Risk = "high"
)

// Spec is what a job asks for. It never changes after the job was accepted.
type Spec struct {
	// Schema names a registered schema, such as "invoice" or "invoice@1".
	// Exactly one of Schema and SchemaJSON is set.
	Schema string `json:"schema,omitempty"`
	// SchemaJSON is a JSON Schema (2020-12) given with the job.
	SchemaJSON json.RawMessage `json:"schema_json,omitempty"`
	// Risk is standard when empty.
	Risk Risk `json:"risk,omitempty"`
	// RequireFull refuses a degraded answer: the job waits for tier 1 while
	// its deadline allows and else goes to a person. The API's
	// accept_degraded=false sets it.
	RequireFull bool `json:"require_full,omitempty"`
	// MaxTier is the last tier the job may reach, 1 to 4; 0 means 4.
	MaxTier int `json:"max_tier,omitempty"`
	// MaxCostMicroUSD bounds the money spent on the job's model calls, in
	// millionths of a US dollar; 0 means no bound of its own.
	MaxCostMicroUSD int64 `json:"max_cost_micro_usd,omitempty"`
}

// Limits of a submission's free-form parts.
const (
	MaxSchemaBytes = 64 << 10 // of Spec.SchemaJSON
	MaxLabels      = 16       // labels on a job
	MaxLabelBytes  = 128      // of a label's key or value
	MaxKeyBytes    = 255      // of an idempotency key
	MaxReasonBytes = 512      // of a command's reason
	MaxActorBytes  = 256      // of a command's actor
	MaxDraftBytes  = 1 << 20  // of a reviewer's unfinished work
)

// Validate returns an error that wraps [ErrInvalid] and names the field and
// the limit, or nil.
func (s Spec) Validate() error {
	switch {
	case (s.Schema == "") == (len(s.SchemaJSON) == 0):
		return fmt.Errorf("%w: exactly one of schema and schema_json must be given", ErrInvalid)
	case len(s.Schema) > MaxIDLength:
		return fmt.Errorf("%w: schema has %d bytes, limit %d", ErrInvalid, len(s.Schema), MaxIDLength)
	case len(s.SchemaJSON) > MaxSchemaBytes:
		return fmt.Errorf("%w: schema_json has %d bytes, limit %d", ErrInvalid, len(s.SchemaJSON), MaxSchemaBytes)
	case len(s.SchemaJSON) > 0 && !json.Valid(s.SchemaJSON):
		return fmt.Errorf("%w: schema_json is not JSON", ErrInvalid)
	case s.Risk != "" && s.Risk != RiskStandard && s.Risk != RiskHigh:
		return fmt.Errorf("%w: risk must be standard or high", ErrInvalid)
	case s.MaxTier < 0 || s.MaxTier > 4:
		return fmt.Errorf("%w: max_tier is %d, want 1 to 4", ErrInvalid, s.MaxTier)
	case s.MaxCostMicroUSD < 0:
		return fmt.Errorf("%w: max_cost must not be negative", ErrInvalid)
	}
	return nil
}

// Document describes a job's document. The bytes are kept beside the job,
// never in it.
type Document struct {
	// SHA256 is the hash of the bytes in lower-case hexadecimal.
	SHA256 string `json:"sha256"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// MediaType is what the bytes are, found by content: "application/pdf"
	// or "text/plain".
	MediaType string `json:"media_type"`
}
