package extract

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/internal/extract/literal"
	"github.com/sluicehq/sluice/internal/extract/place"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// Confidences of a model's value, by how it was found in the document. They
// rank values; they are no probabilities.
const (
	confidenceLabelled = 0.92 // as printed, on a line that names the property
	confidencePrinted  = 0.85 // as printed
	confidenceSpaced   = 0.75 // as printed but for the spacing
	confidenceUnsure   = 0.65 // printed in a way that allows other readings
	confidenceScatter  = 0.6  // its words stand in order with others between
	confidenceInferred = 0.5  // a choice of the schema that nobody prints
)

// strictFactor lowers the confidence of answers of the smaller model.
const strictFactor = 0.9

// leaf is one value of an answer that is neither object nor array.
type leaf struct {
	path  []string // tokens of its JSON pointer
	value any
}

func (l leaf) pointer() string { return pointerOf(l.path) }

func pointerOf(path []string) string {
	var b strings.Builder
	for _, t := range path {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(t, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// leaves lists the values of an answer in a fixed order, null left out.
func leaves(v any, path []string) []leaf {
	var list []leaf
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			list = append(list, leaves(v[k], append(slices.Clip(path), k))...)
		}
	case []any:
		for i, item := range v {
			list = append(list, leaves(item, append(slices.Clip(path), strconv.Itoa(i)))...)
		}
	case nil:
	default:
		list = append(list, leaf{path: path, value: v})
	}
	return list
}

// evidence is where a value was found.
type evidence struct {
	spots      []spot
	confidence float64
	check      string
}

// grounder looks for the values of one answer.
type grounder struct {
	*index
	// strict is for the smaller model: only what is printed as given counts.
	strict bool
	// listed tells whether the schema lists the values at a path, so that they
	// need not be printed.
	listed func(path []string) bool
}

// find looks for a value in the document.
func (g *grounder) find(l leaf) (evidence, bool) {
	switch v := l.value.(type) {
	case bool:
		return evidence{confidence: confidenceInferred, check: "inferred"}, true
	case json.Number:
		return g.number(string(v))
	case string:
		if e, ok := g.text(v); ok {
			return e, true
		}
		if g.listed(l.path) {
			return evidence{confidence: confidenceInferred, check: "inferred"}, true
		}
	}
	return evidence{}, false
}

func (g *grounder) number(text string) (evidence, bool) {
	v, err := decimal.NewFromString(text)
	if err != nil {
		return evidence{}, false
	}
	return g.worth(v)
}

// worth looks for a number by its value.
func (g *grounder) worth(v decimal.Decimal) (evidence, bool) {
	key := v.String()
	if s := g.numbers[key]; len(s) > 0 {
		return evidence{s, confidencePrinted, "value"}, true
	}
	if s := g.unsure[key]; len(s) > 0 {
		return evidence{s, confidenceUnsure, "value"}, true
	}
	if s := g.loose[key]; len(s) > 0 && !g.strict {
		return evidence{s, confidenceUnsure, "value"}, true
	}
	return evidence{}, false
}

// text looks for words one after another, then for what else a text can be: a
// date, a currency, an amount, an identifier with other spacing, words that
// another column parts.
func (g *grounder) text(value string) (evidence, bool) {
	if n, ok := literal.Amount(value); ok {
		return g.amount(n, value)
	}
	ids, known := g.wordsOf(value)
	if known {
		if s := g.phrase(ids); len(s) > 0 {
			return evidence{s, confidencePrinted, "text"}, true
		}
	}
	if e, ok := g.typed(value); ok {
		return e, true
	}
	if s := g.squeezed(value); len(s) > 0 {
		return evidence{s, confidenceSpaced, "text"}, true
	}
	if known && !g.strict {
		if s := g.scattered(ids); len(s) > 0 {
			return evidence{s, confidenceScatter, "text"}, true
		}
	}
	return evidence{}, false
}

// amount looks for a text that is nothing but an amount: by what it is worth,
// for its words alone stand also in longer numbers, in two cells side by side
// and under another sign.
func (g *grounder) amount(n literal.Number, value string) (best evidence, ok bool) {
	for _, style := range []literal.Style{literal.StylePoint, literal.StyleComma} {
		v, _ := n.Value(style)
		e, found := g.worth(v)
		if found && slices.ContainsFunc(e.spots, func(s spot) bool { return strings.Contains(g.pages[s.page].Text[s.start:s.end], value) }) {
			e.confidence = confidencePrinted
		}
		if found && e.confidence > best.confidence {
			best, ok = e, true
		}
	}
	if ok {
		return best, true
	}
	ids, known := g.wordsOf(value)
	if !known {
		return evidence{}, false
	}
	spots := slices.DeleteFunc(g.phrase(ids), func(s spot) bool { return !g.reads(s, value) })
	return evidence{spots, confidencePrinted, "text"}, len(spots) > 0
}

// reads reports whether a place has the value letter by letter and no more of
// a number around it: "3.5" in "3.5mm".
func (g *grounder) reads(s spot, value string) bool {
	text := g.pages[s.page].Text
	before, after := text[:s.start], text[s.end:]
	return text[s.start:s.end] == value &&
		strings.TrimRight(before, "0123456789.,'’-−–—") == before &&
		strings.TrimLeft(strings.TrimLeft(after, ".,'’-−–—"), "0123456789") == strings.TrimLeft(after, ".,'’-−–—")
}

// typed finds texts that are written in another form than printed.
func (g *grounder) typed(value string) (evidence, bool) {
	if s := g.dates[value]; len(s) > 0 {
		return evidence{s, confidencePrinted, "date"}, true
	}
	if s := g.swapped[value]; len(s) > 0 {
		return evidence{s, confidenceUnsure, "date"}, true
	}
	if literal.IsCurrencyCode(value) {
		if s, ok := g.currency(value); ok {
			return evidence{[]spot{s}, confidencePrinted, "currency"}, true
		}
	}
	if isNumber(value) {
		return g.number(value)
	}
	return evidence{}, false
}

// isNumber reports whether a text that is no amount is a number all the same.
// Zeros before it make it an identifier, which is more than its worth.
func isNumber(s string) bool {
	zeros := len(s) > 1 && s[0] == '0' && '0' <= s[1] && s[1] <= '9'
	return s != "" && len(s) <= 32 && !zeros && strings.Trim(s, "+-.0123456789") == "" && strings.ContainsAny(s, "0123456789")
}

func (g *grounder) currency(code string) (spot, bool) {
	for i, p := range g.pages {
		if start, end, ok := literal.FindCurrency(p.Text, code); ok {
			return spot{i, start, end}, true
		}
	}
	return spot{}, false
}

// field writes the evidence of a leaf down. Among several places the one whose
// line names the property is cited, else the last for numbers, for totals stand
// at the end, and the first for everything else.
func (g *grounder) field(l leaf, e evidence, tier int) jobs.Field {
	f := jobs.Field{Confidence: e.confidence, ValueFrom: jobs.FromModel, Tier: tier, Checks: []string{e.check}}
	if len(e.spots) > 0 {
		s, named := g.choose(l, e.spots)
		if named && e.confidence == confidencePrinted {
			f.Confidence = confidenceLabelled
		}
		f.Citations = []jobs.Citation{place.Cite(g.pages[s.page], s.start, s.end)}
	}
	if g.strict {
		f.Confidence *= strictFactor
	}
	return f
}

func (g *grounder) choose(l leaf, spots []spot) (spot, bool) {
	names := nameWords(l.path)
	for _, s := range spots {
		text := g.pages[s.page].Text
		line := text[strings.LastIndexByte(text[:s.start], '\n')+1 : s.start]
		line = literal.Fold(line[max(0, len(line)-maxNamed):])
		for _, n := range names {
			if strings.Contains(line, n) {
				return s, true
			}
		}
	}
	if _, number := l.value.(json.Number); number {
		return spots[len(spots)-1], false
	}
	return spots[0], false
}

// maxNamed is how far before a value its name is looked for, in bytes.
const maxNamed = 160

// nameWords are the words of the last name in a path that are long enough to
// tell something.
func nameWords(path []string) []string {
	for _, p := range slices.Backward(path) {
		if strings.Trim(p, "0123456789") == "" {
			continue
		}
		var list []string
		for w := range strings.FieldsFuncSeq(literal.Fold(p), func(r rune) bool { return r == '_' || r == '-' || r == ' ' }) {
			if len(w) > 2 {
				list = append(list, w)
			}
		}
		return list
	}
	return nil
}
