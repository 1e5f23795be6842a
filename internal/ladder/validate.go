package ladder

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// validated reports whether an answer of tier 2 or 3 passes what the rule of
// its tier asks of high-risk jobs. Other jobs need no such check.
func (r *run) validated(tier int, x extract.Extracted) bool {
	if r.loan.Job.Spec.Risk != jobs.RiskHigh {
		return false
	}
	rule := r.config.Policy.HighRiskSmaller
	if tier == 3 {
		rule = r.config.Policy.HighRiskRules
	}
	switch rule {
	case tiers.ValidateProven:
		return proven(x)
	case tiers.ValidateAgreed:
		if tier == 3 {
			return agree(r.rules.Extracted, r.answer.Extracted)
		}
		rules := r.task.Rules()
		return rules.Complete && agree(rules.Extracted, x)
	default:
		return false
	}
}

// proven reports whether every value of an answer has a place in the document
// and none was left out.
func proven(x extract.Extracted) bool {
	values, ok := scalars(x.Data)
	if !ok || len(x.Lost) > 0 {
		return false
	}
	for pointer := range values {
		if len(x.Fields[pointer].Citations) == 0 {
			return false
		}
	}
	return true
}

// agree reports whether a model found every value that the rules found.
func agree(rules, model extract.Extracted) bool {
	want, ok := scalars(rules.Data)
	if !ok {
		return false
	}
	got, ok := scalars(model.Data)
	if !ok {
		return false
	}
	for pointer, value := range want {
		if other, there := got[pointer]; !there || !same(value, other) {
			return false
		}
	}
	return true
}

// same compares two values; numbers by what they are worth.
func same(a, b any) bool {
	x, isNumber := a.(json.Number)
	y, otherToo := b.(json.Number)
	if !isNumber || !otherToo {
		return a == b
	}
	p, okP := new(big.Rat).SetString(x.String())
	q, okQ := new(big.Rat).SetString(y.String())
	return okP && okQ && p.Cmp(q) == 0
}

// maxDepth bounds how deep an answer is looked at; schemas are far flatter.
const maxDepth = 64

// scalars lists the values of an answer by their JSON pointers, nulls left
// out. ok is false for what is no object with at least one value.
func scalars(data json.RawMessage) (values map[string]any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var root map[string]any
	if d.Decode(&root) != nil {
		return nil, false
	}
	values = map[string]any{}
	ok = gather(values, nil, root)
	return values, ok && len(values) > 0
}

func gather(values map[string]any, path []string, v any) bool {
	if len(path) > maxDepth {
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			if !gather(values, append(slices.Clip(path), name), child) {
				return false
			}
		}
	case []any:
		for i, child := range v {
			if !gather(values, append(slices.Clip(path), strconv.Itoa(i)), child) {
				return false
			}
		}
	case nil:
	default:
		values[pointer(path)] = v
	}
	return true
}

// pointer writes a path as RFC 6901 does.
func pointer(path []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, part := range path {
		b.WriteByte('/')
		b.WriteString(escape.Replace(part))
	}
	return b.String()
}
