package extract

import (
	"encoding/json"
	"slices"

	"github.com/sluicehq/sluice/internal/extract/schema"
	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// Extracted is data with its evidence.
type Extracted struct {
	// Data is the answer as far as it could be read; nil when it could not be.
	// It is valid under the schema unless the judgement says otherwise.
	Data json.RawMessage
	// Fields holds the evidence by JSON pointer. A value that was not found in
	// the document has none.
	Fields map[string]jobs.Field
	// Missing lists the pointers of optional values that are not in Data.
	Missing []string
	// Lost lists the pointers, in the model's answer, of what was left out
	// because it does not stand in the document: optional values, or items of
	// which a required value does not.
	Lost []string
}

// Judged is what the content of one answer is worth.
type Judged struct {
	Extracted Extracted
	// Judgement is the zero value for an answer that stands.
	Judgement tiers.Judgement
	// Problems are the schema's complaints, for the repair.
	Problems []schema.Problem
}

// judge checks the content of an answer: JSON, then the schema, then whether
// each value stands in the document.
func (t *Task) judge(content string, tier int) Judged {
	data, err := decodeContent(content)
	if err != nil {
		return Judged{Judgement: tiers.Judgement{Fault: unreadable(content)}}
	}
	if problems := t.schema.Validate(data); len(problems) > 0 {
		slim, ok := withoutNulls(data).(map[string]any)
		if !ok || len(t.schema.Validate(slim)) > 0 {
			return misfit(data, problems)
		}
		data = slim // null where a value is just absent
	}
	return t.ground(data, tier)
}

func unreadable(content string) tiers.Fault {
	if isRefusal(content) {
		return tiers.FaultRefusal
	}
	return tiers.FaultJSON
}

// misfit is the verdict on an answer that does not fit the schema. It is kept
// for a person to look at.
func misfit(data map[string]any, problems []schema.Problem) Judged {
	j := Judged{Judgement: tiers.Judgement{Fault: tiers.FaultSchema}, Problems: problems}
	for _, p := range problems {
		j.Judgement.Pointers = append(j.Judgement.Pointers, p.Pointer)
	}
	j.Judgement.Pointers = slices.Compact(j.Judgement.Pointers)
	if raw, err := strictjson.Encode(data); err == nil {
		j.Extracted.Data = raw
	}
	return j
}

// ground looks for every value in the document and leaves out the optional
// ones that are not there.
func (t *Task) ground(data map[string]any, tier int) Judged {
	g := t.grounder(tier)
	var bad []string
	var paths [][]string
	for _, l := range leaves(data, nil) {
		if _, ok := g.find(l); !ok {
			bad, paths = append(bad, l.pointer()), append(paths, l.path)
		}
	}
	var j Judged
	if len(bad) > 0 {
		gone, required := prune(t.schema, data, paths)
		j.Extracted.Lost = gone
		j.Judgement = tiers.Judgement{
			Fault: tiers.FaultUngrounded, OptionalOnly: len(required) == 0, Pointers: bad[:min(len(bad), maxPruned)],
		}
	}
	j.Extracted.Fields = map[string]jobs.Field{}
	for _, l := range leaves(data, nil) {
		if e, ok := g.find(l); ok {
			j.Extracted.Fields[l.pointer()] = g.field(l, e, tier)
		}
	}
	checkSum(data, j.Extracted.Fields)
	raw, err := strictjson.Encode(data)
	if err != nil {
		return Judged{Judgement: tiers.Judgement{Fault: tiers.FaultJSON}}
	}
	j.Extracted.Data, j.Extracted.Missing = raw, t.schema.Missing(data)
	return j
}
