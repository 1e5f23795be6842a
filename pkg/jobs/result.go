package jobs

import (
	"encoding/json"
	"fmt"
)

// Result is what a succeeded job answers with.
type Result struct {
	// Data holds the extracted values and nothing else: a JSON value that is
	// valid under the job's schema, so that it can be piped on unchanged.
	Data json.RawMessage `json:"data"`
	// Fields says, by JSON pointer into Data (RFC 6901, such as "/total"),
	// where each value came from and how sure it is.
	Fields map[string]Field `json:"fields,omitempty"`
	// Missing lists the pointers of optional fields that were not found.
	Missing []string `json:"missing,omitempty"`
	// Quality says how the answer came about. A degraded answer never hides.
	Quality Quality `json:"quality"`
	// Usage sums the model calls of all attempts, abandoned ones included.
	Usage Usage `json:"usage"`
}

// validate returns an error that wraps [ErrInvalid] unless r is there and its
// data is JSON.
func (r *Result) validate() error {
	switch {
	case r == nil || len(r.Data) == 0:
		return fmt.Errorf("%w: the result is missing", ErrInvalid)
	case !json.Valid(r.Data):
		return fmt.Errorf("%w: the result's data is not JSON", ErrInvalid)
	}
	return nil
}

// ValueFrom names the kind of evidence behind a value.
type ValueFrom string

// The kinds of evidence. Confidences are never compared across kinds.
const (
	FromRule     ValueFrom = "rule"     // the rule parser, by label, position and type
	FromModel    ValueFrom = "model"    // a language model
	FromChecksum ValueFrom = "checksum" // proven by arithmetic or a check digit
	FromHuman    ValueFrom = "human"    // a person
)

// Field is the evidence for one value.
type Field struct {
	// Confidence lies in 0..1 and is comparable only among fields with the
	// same ValueFrom.
	Confidence float64   `json:"confidence"`
	ValueFrom  ValueFrom `json:"value_from"`
	// Tier is the tier that produced the value, 1 to 4.
	Tier int `json:"tier"`
	// Citations are the places in the document that prove the value.
	Citations []Citation `json:"citations,omitempty"`
	// Checks names the checks that the value passed, such as "sum".
	Checks []string `json:"checks,omitempty"`
}

// Citation is a place in the document.
type Citation struct {
	// Page counts from 1.
	Page int `json:"page"`
	// Text is the passage as it stands in the document.
	Text string `json:"text"`
	// Box is x0, y0, x1, y1 as shares of the page (0 to 1, origin top left);
	// nil where the document has no layout.
	Box *[4]float64 `json:"bbox,omitempty"`
}

// Quality tells a reader how far to trust an answer.
type Quality struct {
	// Tier is the tier that answered: 1 primary model, 2 smaller model,
	// 3 rule-based parser, 4 a person.
	Tier int `json:"tier"`
	// ServedModel is the model that the provider says answered; empty on
	// tiers 3 and 4.
	ServedModel string `json:"served_model,omitempty"`
	// Degraded is true when the answer did not come from tier 1 in full.
	Degraded bool `json:"degraded"`
	// Reasons says why the answer is degraded, most important first, in the
	// words of the error classes and skip reasons.
	Reasons []string `json:"reasons,omitempty"`
	// Lost names what a full answer would have had and this one has not.
	Lost []string `json:"lost,omitempty"`
	// Repaired is true when a model's first answer was invalid and one repair
	// call mended it.
	Repaired bool `json:"repaired"`
	// Cached is true when no model was called for this job.
	Cached bool `json:"cached"`
	// Review is "none", "pending" or "done".
	Review string `json:"review"`
}

// Usage is what model calls used up.
type Usage struct {
	InputTokens  int `json:"input_tokens"`
	OutputTokens int `json:"output_tokens"`
	// CostMicroUSD is the cost in millionths of a US dollar by the price
	// table; 0 when no price is configured.
	CostMicroUSD int64 `json:"cost_micro_usd"`
}

// Add returns the sum of u and v.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		InputTokens:  u.InputTokens + v.InputTokens,
		OutputTokens: u.OutputTokens + v.OutputTokens,
		CostMicroUSD: u.CostMicroUSD + v.CostMicroUSD,
	}
}
