package main

import (
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
)

// style is how a text looks: the parameters of an SGR escape, empty for plain.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// paint dresses a clean text.
func (s style) paint(text string, colour bool) string {
	if !colour || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// column is a column of a table.
type column struct {
	title string
	right bool // numbers stand at the right
	// least, when not 0, is the width down to which the column shrinks on a
	// narrow terminal.
	least int
	// drop orders the columns that a narrow terminal goes without, the highest
	// first; one with 0 always stays.
	drop int
}

// cell is a text in a table. The table cleans it.
type cell struct {
	text  string
	style style
}

// table is what a person reads on a terminal.
type table struct {
	columns []column
	rows    [][]cell
}

func (t *table) add(cells ...cell) {
	for i := range cells {
		cells[i].text = clean(cells[i].text)
	}
	t.rows = append(t.rows, cells)
}

const columnGap = "  "

// write writes the table in at most width cells a line; a width of 0 has no
// end.
func (t *table) write(w io.Writer, width int, colour bool) error {
	widths := t.fit(width)
	titles := make([]cell, len(t.columns))
	for i, c := range t.columns {
		titles[i] = cell{c.title, dim}
	}
	var b strings.Builder
	t.line(&b, titles, widths, colour)
	for _, row := range t.rows {
		t.line(&b, row, widths, colour)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// line writes one row. Spaces wait until a text follows them, so that no line
// ends in any.
func (t *table) line(b *strings.Builder, row []cell, widths []int, colour bool) {
	space, gap := 0, 0
	for i, c := range t.columns {
		if widths[i] == 0 {
			continue
		}
		text := runewidth.Truncate(row[i].text, widths[i], "…")
		left := widths[i] - runewidth.StringWidth(text)
		space += gap
		if c.right {
			space, left = space+left, 0
		}
		if text != "" {
			b.WriteString(strings.Repeat(" ", space) + row[i].style.paint(text, colour))
			space = 0
		}
		space, gap = space+left, len(columnGap)
	}
	b.WriteByte('\n')
}

// fit answers the width of each column, 0 for one that is left out: one without
// any text, and on a narrow terminal those that can be dropped.
func (t *table) fit(width int) []int {
	widths := make([]int, len(t.columns))
	for _, row := range t.rows {
		for i, c := range row {
			widths[i] = max(widths[i], runewidth.StringWidth(c.text))
		}
	}
	for i, c := range t.columns {
		if widths[i] > 0 {
			widths[i] = max(widths[i], runewidth.StringWidth(c.title))
		}
	}
	full := slices.Clone(widths)
	for width > 0 {
		over := total(widths) - width
		if over <= 0 || t.shrink(widths, over) || !t.dropOne(widths) {
			break
		}
	}
	t.restore(widths, full, width)
	return widths
}

func total(widths []int) int {
	sum := -len(columnGap)
	for _, w := range widths {
		if w > 0 {
			sum += w + len(columnGap)
		}
	}
	return sum
}

// shrink takes over cells from the columns that may shrink, if they have as
// much.
func (t *table) shrink(widths []int, over int) bool {
	spare := 0
	for i, c := range t.columns {
		if c.least > 0 {
			spare += max(0, widths[i]-c.least)
		}
	}
	if spare < over {
		return false
	}
	for i, c := range t.columns {
		if c.least > 0 {
			take := min(over, max(0, widths[i]-c.least))
			widths[i], over = widths[i]-take, over-take
		}
	}
	return true
}

func (t *table) dropOne(widths []int) bool {
	drop := -1
	for i, c := range t.columns {
		if widths[i] > 0 && c.drop > 0 && (drop < 0 || c.drop > t.columns[drop].drop) {
			drop = i
		}
	}
	if drop < 0 {
		return false
	}
	widths[drop] = 0
	return true
}

// restore brings back what has room after all, because something wide was
// dropped after it.
func (t *table) restore(widths, full []int, width int) {
	for level := 1; level <= len(t.columns); level++ {
		for i, c := range t.columns {
			if c.drop == level && widths[i] == 0 && full[i] > 0 && total(widths)+len(columnGap)+full[i] <= width {
				widths[i] = full[i]
			}
		}
	}
}
