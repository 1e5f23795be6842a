package figures

import (
	"strings"
	"unicode/utf8"
)

// Table is a table with a title, and notes below it. It reads as well in a
// terminal as in Markdown.
type Table struct {
	Title string
	Head  []string
	Rows  [][]string
	Notes []string
}

// Add appends a row; missing cells are empty.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// String is the table in Markdown, with columns padded to equal width. The
// first column stands left, the others right.
func (t Table) String() string {
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i := range t.Head {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell(row, i)))
		}
	}
	var b strings.Builder
	if t.Title != "" {
		b.WriteString("## " + t.Title + "\n\n")
	}
	t.line(&b, widths, t.Head)
	for i, w := range widths {
		rule := strings.Repeat("-", max(w, 3))
		if i > 0 {
			rule = rule[1:] + ":"
		}
		b.WriteString("| " + rule + " ")
	}
	b.WriteString("|\n")
	for _, row := range t.Rows {
		t.line(&b, widths, row)
	}
	for _, note := range t.Notes {
		b.WriteString("\n" + note + "\n")
	}
	return b.String()
}

func (t Table) line(b *strings.Builder, widths []int, row []string) {
	for i, w := range widths {
		c := cell(row, i)
		pad := strings.Repeat(" ", max(w, 3)-utf8.RuneCountInString(c))
		if i == 0 {
			c += pad
		} else {
			c = pad + c
		}
		b.WriteString("| " + c + " ")
	}
	b.WriteString("|\n")
}

// cell is a row's i-th cell with what would end it made harmless.
func cell(row []string, i int) string {
	if i >= len(row) {
		return ""
	}
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(row[i])
}
