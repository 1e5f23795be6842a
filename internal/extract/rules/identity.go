package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// found is a value with the marks that prove it.
type found struct {
	value      any // json.Number or string
	key        string
	mark       int     // index into reader.marks, -1 when the value is text
	span       cellRef // where text stands
	label      label
	confidence float64
	check      string
}

// pick chooses among candidates: the one value under the clearest label.
type pick struct {
	best   *found
	others []found
	reason string // set when best is nil
}

// documentNumber finds the document's own number.
func (r *reader) documentNumber() pick {
	byRank := map[rank][]found{}
	var credits []found
	for i, m := range r.marks {
		lb := r.labels[i]
		if m.code == "" || m.passive() || lb.start < 0 || lb.ordinal > 0 || !r.canBeCode(m) {
			continue
		}
		k, credit := r.words.numberRank(lb.words)
		if k == noRank || !r.codeIsWhole(i) || k == plainRank && !tellingCode(m.code) {
			continue
		}
		f := found{value: m.code, key: m.code, mark: i, label: lb, confidence: 0.95}
		if k == plainRank {
			f.confidence = 0.85
		}
		if credit {
			credits = append(credits, f)
		}
		byRank[k] = append(byRank[k], f)
	}
	if len(credits) > 0 {
		return onlyOne(credits, append(byRank[strongRank], byRank[plainRank]...))
	}
	if r.isCreditNote() {
		// What is numbered here may be the document that it corrects.
		return pick{reason: reasonAmbiguous, others: append(byRank[strongRank], byRank[plainRank]...)}
	}
	for _, k := range []rank{strongRank, plainRank} {
		if len(byRank[k]) > 0 {
			return onlyOne(byRank[k], byRank[plainRank])
		}
	}
	return pick{reason: reasonMissing}
}

// isCreditNote reports whether a heading calls the document one.
func (r *reader) isCreditNote() bool {
	for _, l := range r.lines {
		for _, c := range l.cells {
			t := r.text(l, c)
			if len(t) > maxLabel {
				continue
			}
			list := joinPairs(words(t))
			known := len(list) > 0
			for _, w := range list {
				known = known && (r.words.credit[w] || r.words.quiet[w])
			}
			if known && r.words.credit.any(list) {
				return true
			}
		}
	}
	return false
}

// onlyOne picks the value on which all candidates agree.
func onlyOne(list, others []found) pick {
	best := list[0]
	for _, f := range list[1:] {
		if f.key != best.key {
			return pick{reason: reasonAmbiguous, others: append(list, others...)}
		}
		if f.confidence > best.confidence {
			best = f
		}
	}
	return pick{best: &best, others: others}
}

// canBeCode refuses amounts and percentages.
func (r *reader) canBeCode(m mark) bool {
	return m.kind != numberMark || m.number.Decimals == 0 && m.number.Currency == "" && !m.number.Percent
}

// tellingCode reports whether an identifier is one even without a word that
// announces it: five digits, or letters and three digits. A year is none.
func tellingCode(code string) bool {
	digits, letters := 0, 0
	for _, c := range code {
		switch {
		case unicode.IsDigit(c):
			digits++
		case unicode.IsLetter(c):
			letters++
		}
	}
	return digits >= 5 || letters > 0 && digits >= 3
}

// codeIsWhole refuses identifiers that seem to begin before mark i or to go on
// behind it, as in "INV 2023 001".
func (r *reader) codeIsWhole(i int) bool {
	m, lb := r.marks[i], r.labels[i]
	l := r.lines[m.line]
	text := r.pages[l.page].Text
	if at := strings.LastIndexAny(lb.text, ":#"); at >= 0 && !lb.above && hasLetter(lb.text[at+1:]) {
		return false
	}
	if lb.above && r.listGoesOn(i) {
		return false
	}
	rest := text[m.end:l.cells[m.cell].end]
	if rest == "" {
		return true
	}
	if rest[0] != ' ' {
		c, _ := utf8.DecodeRuneInString(rest)
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '*'
	}
	next, _, _ := strings.Cut(rest[1:], " ")
	if next == "" {
		return true
	}
	if i+1 < len(r.marks) && r.marks[i+1].kind == dateMark && r.marks[i+1].start == m.end+1 {
		return true
	}
	return !looksLikeCode(next)
}

// looksLikeCode reports whether a token may continue an identifier.
func looksLikeCode(token string) bool {
	if strings.ContainsFunc(token, unicode.IsDigit) {
		return true
	}
	return len(token) <= 3 && token == strings.ToUpper(token) && hasLetter(token)
}
