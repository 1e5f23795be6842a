package modelsim

import "strings"

// pair is a label and the text that it announces.
type pair struct {
	label string // normalised
	value string
	row   int
	at    cell // the cell of the label
	under bool // the value stands in the line below
}

// pairs lists what may be labels with their values: "label: value" in one cell,
// a label with the value in the next cell, a label over its value, and a label
// that runs into an amount or a date ("Total EUR 12.00").
func pairs(rows []row) []pair {
	var out []pair
	for i, r := range rows {
		for j := range r {
			out = append(out, pairsAt(rows, i, j)...)
		}
	}
	return out
}

// pairsAt lists the pairs whose label is in cell j of row i.
func pairsAt(rows []row, i, j int) []pair {
	c := rows[i][j]
	_, right, colon := strings.Cut(c.text, ":")
	p := pair{label: c.label, row: i, at: c, value: strings.TrimSpace(right)}
	if p.value != "" {
		return []pair{p}
	}
	var out []pair
	if j+1 < len(rows[i]) {
		p.value = rows[i][j+1].text
		out = append(out, p)
	} else if label, value, ok := splitRunIn(c.text); ok && !colon {
		out = append(out, pair{label: label, value: value, row: i, at: c})
	}
	if d, ok := below(rows, i, c); ok {
		p.value, p.under = d.text, true
		out = append(out, p)
	}
	return out
}

// splitRunIn divides "Total due EUR 1,184.00" before the value, which is the
// longest ending that reads as an amount or a date.
func splitRunIn(s string) (label, value string, ok bool) {
	words := strings.Fields(s)
	for i := max(1, len(words)-4); i < len(words); i++ {
		value = strings.Join(words[i:], " ")
		_, _, isAmount := parseAmount(value)
		_, isDate := parseDate(value)
		if isAmount || isDate {
			return normalise(strings.Join(words[:i], " ")), value, true
		}
	}
	return "", "", false
}

// agree returns the value that the labels of kind k announce, if they announce
// only one: of two different values it takes neither, for it does not guess.
// Weak labels are asked where no other has a value.
func (l *lexicon) agree(all []pair, k kind, accept func(string) (string, bool)) (string, bool) {
	for _, weak := range []bool{false, true} {
		found := ""
		for _, p := range all {
			if l.labels[p.label] != k || l.isWeak(p.label) != weak || weak && p.under {
				continue
			}
			v, ok := accept(p.value)
			switch {
			case !ok || v == found:
			case found != "":
				return "", false
			default:
				found = v
			}
		}
		if found != "" {
			return found, true
		}
	}
	return "", false
}
