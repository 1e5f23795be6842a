// Package rules reads documents without a model. It answers only what it can
// prove: a value under a label that it knows in full, read in one way only,
// with amounts that add up where the document gives them. Everything else it
// leaves to a person, with the candidates and the reason.
package rules

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract/place"
	"github.com/sluicehq/sluice/internal/extract/schema"
	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// Reasons why a property has no proven value. They stand before a colon and
// the property's pointer: "missing:/total". A reason that concerns the whole
// answer has no pointer behind the colon.
const (
	reasonMissing       = "missing"          // no label and value were found
	reasonAmbiguous     = "ambiguous"        // several values have the same right
	reasonAmbiguousDate = "ambiguous_date"   // day and month could be swapped
	reasonMismatch      = "total_mismatch"   // the amounts do not add up
	reasonUnfit         = "unfit"            // the value does not fit the schema
	reasonTooLong       = "too_long"         // the document was not read to its end
	reasonUnsupported   = "unsupported_kind" // no rule for properties of this kind
)

// Tier is the tier of everything that this package finds.
const Tier = 3

// Outcome is what the rules make of one document.
type Outcome struct {
	// Complete is true when every required property is proven and the data is
	// valid under the schema. Only then does Result stand.
	Complete bool
	// Result holds what was proven. Its Quality is left to the caller, but for
	// Tier.
	Result jobs.Result
	// Reasons says what is wanting for a complete answer: a reason, a colon and
	// the JSON pointer. Sorted; empty when complete.
	Reasons []string
	// Others holds, by pointer, values that were seen and not proven, for a
	// person to choose from; at most five each.
	Others map[string][]Other
}

// Other is a value that was seen and not proven.
type Other struct {
	Value    any
	Citation jobs.Citation
}

// maxOthers bounds the unproven values of one property.
const maxOthers = 5

// Parser runs the rules. It is safe for concurrent use.
type Parser struct{ words *lexicon }

// New returns a parser.
func New() *Parser { return &Parser{words: newLexicon()} }

// Run reads a document. It takes time linear in the text, of which it looks at
// the first 2 MiB.
func (p *Parser) Run(text document.Text, s *schema.Schema) Outcome {
	r := read(text, p.words)
	a := &answer{reader: r, data: map[string]any{}, fields: map[string]jobs.Field{}, others: map[string][]Other{}}
	a.fill(s)
	return a.outcome(s)
}

// answer collects the values of one run.
type answer struct {
	*reader
	byLabel map[string][]int // marks by their whole label
	data    map[string]any
	fields  map[string]jobs.Field
	others  map[string][]Other
	reasons []string
}

// set takes a picked value for a property, or notes why there is none.
func (a *answer) set(p schema.Property, k pick) {
	if k.best != nil && !p.Fits(k.best.value) {
		k = pick{reason: reasonUnfit, others: append(k.others, *k.best)}
	}
	if k.best == nil {
		if p.Required {
			a.reasons = append(a.reasons, k.reason+":"+p.Pointer)
		}
		for _, f := range k.others[:min(len(k.others), maxOthers)] {
			a.others[p.Pointer] = append(a.others[p.Pointer], Other{f.value, a.cite(f)})
		}
		return
	}
	f := *k.best
	a.data[p.Name] = f.value
	field := jobs.Field{Confidence: f.confidence, ValueFrom: jobs.FromRule, Tier: Tier, Citations: []jobs.Citation{a.cite(f)}}
	if f.check != "" {
		field.ValueFrom, field.Checks = jobs.FromChecksum, []string{f.check}
	}
	a.fields[p.Pointer] = field
}

// cite cites a value with its label where both stand on one line.
func (a *answer) cite(f found) jobs.Citation {
	l, start, end := f.span.line, f.span.start, f.span.end
	if f.mark >= 0 {
		m := a.marks[f.mark]
		l, start, end = m.line, m.start, m.end
	}
	page := a.lines[l].page
	if f.label.start >= 0 && f.label.page == page && !f.label.above && f.label.start < start && f.label.start >= a.lines[l].cells[0].start {
		start = f.label.start
	}
	return place.Cite(a.pages[page], start, end)
}

func (a *answer) outcome(s *schema.Schema) Outcome {
	if a.cut {
		a.reasons = append(a.reasons, reasonTooLong+":")
	}
	slices.Sort(a.reasons)
	o := Outcome{Reasons: a.reasons, Others: a.others}
	data, err := strictjson.Encode(a.data)
	if err != nil {
		o.Reasons = append(o.Reasons, reasonUnfit+":")
		data = json.RawMessage("{}")
	}
	o.Result = jobs.Result{Data: data, Fields: a.fields, Missing: s.Missing(a.data), Quality: jobs.Quality{Tier: Tier}}
	if len(o.Reasons) == 0 && len(s.Validate(a.data)) > 0 {
		o.Reasons = []string{reasonUnfit + ":"}
	}
	o.Complete = len(o.Reasons) == 0
	return o
}

// number writes an amount with its decimals as printed.
func number(v decimal.Decimal) json.Number {
	return json.Number(v.StringFixed(max(0, -v.Exponent())))
}

// fill finds a value for every property.
func (a *answer) fill(s *schema.Schema) {
	roles := rolesOf(s.Properties())
	wanted := vocabulary{}
	for _, p := range s.Properties() {
		for _, l := range labelsOf(p, roles[p.Name], a.words) {
			wanted[l] = true
		}
	}
	texts := a.indexText(wanted)
	a.byLabel = a.indexMarks(wanted)
	if len(roles) > 0 {
		a.fillInvoice(s.Properties(), roles, texts)
	}
	for _, p := range s.Properties() {
		if _, done := a.fields[p.Pointer]; !done && !slices.Contains(handled, roles[p.Name]) {
			a.set(p, a.generic(p, labelsOf(p, roles[p.Name], a.words), texts))
		}
	}
}

// sortedKeys is for deterministic walks over maps.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
