package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/internal/extract/literal"
)

// maxLabel bounds a label in bytes; longer text before a value is prose.
const maxLabel = 80

// maxSteps bounds how many cells are looked at to the left of a value.
const maxSteps = 8

// label is the text that says what a mark means.
type label struct {
	words []string
	// text is the label as it stands, without the values inside it.
	text string
	// page and start are where the label begins; start is -1 without a label.
	page, start int
	// above is true when the label stands in the line above.
	above bool
	// ordinal counts the values between the label and the mark: 0 for the
	// value that follows the label directly.
	ordinal int
	// rate is the percentage inside the label, nil without one.
	rate *decimal.Decimal
	// after is the value before the label on the same line, -1 if none.
	after int
}

// labelOf finds the label of s.marks[i]: to the left in its cell, in a cell to
// the left, or above.
func (s *sheet) labelOf(i int) label {
	lb := s.labelLeft(i)
	if lb.start >= 0 {
		return lb
	}
	return s.labelAbove(i)
}

// labelLeft walks from mark i to the left until it meets text that is no
// value.
func (s *sheet) labelLeft(i int) label {
	m := s.marks[i]
	l := s.lines[m.line]
	lb := label{page: l.page, start: -1, after: -1}
	c, end, last := m.cell, m.start, i-1 // the text before end in cell c; its last mark
	for range maxSteps {
		from, value := l.cells[c].start, s.valueBefore(last, m.line)
		inCell := value >= 0 && s.marks[value].cell == c
		if inCell {
			from = s.marks[value].end
		}
		if t := s.masked(l.page, from, end, last, &lb); isLabel(t) {
			lb.take(t, s.pages[l.page].Text, from, end)
			lb.after = value
			return lb
		}
		switch {
		case inCell:
			lb.ordinal++
			end, last = s.marks[value].start, value-1
		case c > 0:
			c--
			end = l.cells[c].end
		default:
			return lb
		}
	}
	return lb
}

// valueBefore returns the last mark of a line at or before mark i that is a
// value, or -1. It skips only a few that are none.
func (s *sheet) valueBefore(i, line int) int {
	for range maxSteps {
		if i < 0 || s.marks[i].line != line {
			break
		}
		if !s.marks[i].passive() {
			return i
		}
		i--
	}
	return -1
}

// isLabel reports whether a text says something. A currency alone belongs to
// the amount.
func isLabel(t string) bool {
	if !hasLetter(t) {
		return false
	}
	_, currency := literal.CurrencyWord(strings.Trim(t, " :()[]"))
	return !currency
}

// masked is the text from..end of a page without the passive marks in it, the
// last of which is s.marks[last]. It notes the rate among them.
func (s *sheet) masked(page, from, end, last int, lb *label) string {
	text := s.pages[page].Text
	if end-from > 4*maxLabel {
		from = end - 4*maxLabel
	}
	out := ""
	for i := last; i >= 0 && s.lines[s.marks[i].line].page == page && s.marks[i].start >= from; i-- {
		m := s.marks[i]
		if !m.passive() || m.end > end {
			continue
		}
		if m.kind == numberMark && m.number.Percent {
			if v, ok := m.number.Value(literal.StyleComma); ok {
				lb.rate = &v
			}
		}
		out = " " + text[m.end:end] + out
		end = m.start
	}
	return text[from:end] + out
}

// take sets the label's text. Text that is too long for a label keeps its end,
// with a word in front that no label has.
func (lb *label) take(t, text string, from, end int) {
	for from < end && (text[from] == ' ' || text[from] == '\t') {
		from++
	}
	lb.text, lb.start = strings.TrimSpace(t), from
	if len(lb.text) > maxLabel {
		lb.words = append([]string{"…"}, words(strings.ToValidUTF8(lb.text[len(lb.text)-maxLabel:], ""))...)
		return
	}
	lb.words = words(lb.text)
}

// labelAbove looks at the nearest line above mark i, at most one blank line
// away, for exactly one cell over the mark's columns, without a value in it.
// The mark must begin its own cell.
func (s *sheet) labelAbove(i int) label {
	m := s.marks[i]
	none := label{start: -1, after: -1}
	l := s.lines[m.line]
	if m.line == 0 || l.cells[m.cell].start != m.start {
		return none
	}
	up := s.lines[m.line-1]
	if up.page != l.page || l.row-up.row > 2 {
		return none
	}
	over := -1
	for c := range up.cells {
		if !up.cells[c].overlaps(s.columns(m), 0) {
			continue
		}
		if over >= 0 {
			return none
		}
		over = c
	}
	if over < 0 || s.valueIn(m.line-1, over, i) >= 0 {
		return none
	}
	c := up.cells[over]
	if len(s.text(up, c)) > 4*maxLabel || !hasLetter(s.text(up, c)) {
		return none
	}
	lb := label{page: l.page, after: -1, above: true}
	lb.take(s.text(up, c), s.pages[l.page].Text, c.start, c.end)
	return lb
}

// maxListRows bounds how far down a list is looked for.
const maxListRows = 6

// listGoesOn reports whether below mark i, under the same label, another mark
// of its kind follows: then the label heads a list and not one value.
func (s *sheet) listGoesOn(i int) bool {
	m := s.marks[i]
	l, own := s.lines[m.line], s.columns(m)
	next := i
	for n := m.line + 1; n < len(s.lines) && s.lines[n].page == l.page && s.lines[n].row-l.row <= maxListRows; n++ {
		for _, c := range s.lines[n].cells {
			if !c.overlaps(own, 0) {
				continue
			}
			for next < len(s.marks) && (s.marks[next].line < n || s.marks[next].line == n && s.marks[next].end <= c.start) {
				next++
			}
			if next < len(s.marks) && s.marks[next].line == n && s.marks[next].start < c.end {
				return s.marks[next].kind == m.kind || s.marks[next].code != "" && m.code != ""
			}
			return false
		}
	}
	return false
}

// unwrap joins a label that was broken over two lines: "Rechnungs-" over
// "nummer:", or "Order" over "date:". A break shows by a hyphen or by a small
// letter at the beginning of the second line.
func (s *sheet) unwrap(n int, lb label) label {
	if lb.start < 0 || lb.above || n == 0 || lb.text == "" {
		return lb
	}
	l, up := s.lines[n], s.lines[n-1]
	if up.page != l.page || l.row-up.row != 1 {
		return lb
	}
	own := l.cells[l.cellAt(lb.start)]
	if own.start != lb.start {
		return lb
	}
	for i, c := range up.cells {
		if c.from < own.from-1 || c.from > own.from+1 {
			continue
		}
		above := s.text(up, c)
		first, _ := utf8.DecodeRuneInString(lb.text)
		hyphen := strings.HasSuffix(above, "-")
		if len(above) > maxLabel || !hyphen && !unicode.IsLower(first) || i+1 < len(up.cells) && s.text(up, up.cells[i+1]) != "" && hasDigit(s.text(up, up.cells[i+1])) || hasDigit(above) {
			return lb
		}
		joined := above + " " + lb.text
		if hyphen {
			joined = strings.TrimSuffix(above, "-") + lb.text
		}
		lb.words = words(joined)
		return lb
	}
	return lb
}

// maxColumns is how far into a cell columns are counted exactly.
const maxColumns = 400

// columns are the columns of a mark. Far into a long cell they are counted in
// bytes, to keep the time linear.
func (s *sheet) columns(m mark) cell {
	l := s.lines[m.line]
	c := l.cells[m.cell]
	text := s.pages[l.page].Text
	from := m.start - c.start
	if from <= maxColumns {
		from = utf8.RuneCountInString(text[c.start:m.start])
	}
	from += c.from
	return cell{start: m.start, end: m.end, from: from, to: from + utf8.RuneCountInString(text[m.start:m.end])}
}

// valueIn returns the first mark before mark i that is a value and stands in
// cell c of a line, or -1. Marks are in order, so the search goes back.
func (s *sheet) valueIn(line, c, i int) int {
	for j := i - 1; j >= 0 && s.marks[j].line >= line; j-- {
		if m := s.marks[j]; m.line == line && m.cell == c && !m.passive() {
			return j
		}
	}
	return -1
}
