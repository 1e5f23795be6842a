package modelsim

import (
	"strings"
	"unicode/utf8"
)

// Limits of the reader. Text beyond them is not read.
const (
	maxReadBytes = 4 << 20
	maxRows      = 20_000
	maxCells     = 64 // in a row
)

// cell is a run of text in a line that two spaces, a tab or a bar set apart from
// its neighbours.
type cell struct {
	from, to int // columns in runes
	text     string
	label    string // what stands before a colon, or all of it, normalised
}

// row is one line of the document.
type row []cell

// splitRows cuts text into lines of cells. Empty lines become empty rows.
func splitRows(text string) []row {
	text = strings.ToValidUTF8(text[:min(len(text), maxReadBytes)], "")
	var rows []row
	for line := range strings.Lines(text) {
		if len(rows) == maxRows {
			break
		}
		rows = append(rows, splitCells(strings.TrimRight(line, "\r\n")))
	}
	return rows
}

func splitCells(line string) row {
	var cells row
	start, col, gap := -1, 0, 0 // start of the open cell in bytes; gap counts the blanks behind it
	from, end := 0, 0
	flush := func() {
		if start >= 0 && len(cells) < maxCells {
			cells = append(cells, newCell(line[start:end], from))
		}
		start, gap = -1, 0
	}
	for i, r := range line {
		switch r {
		case '\t', '|', '\f':
			flush()
		case ' ', '\u00a0', '\u202f':
			if gap++; gap > 1 {
				flush()
			}
		default:
			if start < 0 {
				start, from = i, col
			}
			gap, end = 0, i+utf8.RuneLen(r)
		}
		col++
	}
	flush()
	return cells
}

func newCell(text string, from int) cell {
	label, _, _ := strings.Cut(text, ":")
	return cell{from: from, to: from + utf8.RuneCountInString(text), text: text, label: normalise(label)}
}

// below returns the cell of rows[i+1] in the same column as c.
func below(rows []row, i int, c cell) (cell, bool) {
	if i+1 >= len(rows) {
		return cell{}, false
	}
	for _, d := range rows[i+1] {
		if abs(d.from-c.from) <= 2 {
			return d, true
		}
	}
	return cell{}, false
}

func abs(n int) int { return max(n, -n) }
