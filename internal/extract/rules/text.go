package rules

import (
	"strings"
	"unicode/utf8"
)

// cellRef is a span of text in a line.
type cellRef struct{ line, start, end int }

// maxValue bounds a value of plain text in bytes.
const maxValue = 120

// textIndex finds values of plain text by their whole label.
type textIndex map[string][]found

// indexText collects "Label: value", "Label   value" and a label over its
// value, for labels that are wanted.
func (r *reader) indexText(wanted vocabulary) textIndex {
	index := textIndex{}
	for li, l := range r.lines {
		for ci, c := range l.cells {
			text := r.text(l, c)
			name, rest, colon := strings.Cut(text, ":")
			if len(name) > maxLabel {
				continue
			}
			key := phrase(name)
			if key == "" || !wanted[key] {
				continue
			}
			rest = strings.TrimSpace(rest)
			ref, ok := cellRef{li, c.end - len(rest), c.end}, true
			if rest == "" {
				ref, ok = r.valueBeside(li, ci, colon)
			}
			if !ok {
				continue
			}
			value := strings.TrimSpace(r.pages[l.page].Text[ref.start:ref.end])
			if !plainValue(value) {
				continue
			}
			index[key] = append(index[key], found{
				value: value, key: value, mark: -1, span: ref, confidence: 0.8,
				label: label{page: l.page, start: c.start},
			})
		}
	}
	return index
}

// valueBeside finds the cell to the right of a label, or the one below it that
// begins at the same column.
func (r *reader) valueBeside(li, ci int, colon bool) (cellRef, bool) {
	l := r.lines[li]
	if ci+1 < len(l.cells) {
		next := l.cells[ci+1]
		if strings.HasPrefix(r.text(l, next), ":") { // "Name   : value"
			next.start++
			colon = true
		}
		if colon || len(l.cells) == 2 {
			return cellRef{li, next.start, next.end}, true
		}
	}
	if li+1 >= len(r.lines) {
		return cellRef{}, false
	}
	down := r.lines[li+1]
	if down.page != l.page || down.row-l.row > 2 {
		return cellRef{}, false
	}
	for _, c := range down.cells {
		if d := c.from - l.cells[ci].from; d >= -1 && d <= 1 {
			return cellRef{li + 1, c.start, c.end}, true
		}
	}
	return cellRef{}, false
}

// plainValue refuses what is rather another label or a paragraph.
func plainValue(s string) bool {
	return s != "" && len(s) <= maxValue && utf8.ValidString(s) && !strings.ContainsAny(s, ":\n") &&
		(hasLetter(s) || strings.ContainsAny(s, "0123456789"))
}
