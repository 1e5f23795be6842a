package rules

import (
	"sort"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/document"
)

// Bounds of what is looked at; documents that pass them are cut, and the cut
// is reported.
const (
	maxText  = 2 << 20 // bytes over all pages
	maxMarks = 50_000  // literals over all pages
	maxCells = 64      // cells of one line
)

// cell is a run of text with no wide gap in it: a column's part of a line.
type cell struct {
	start, end int // byte offsets into the page's text
	from, to   int // columns in characters; to is exclusive
}

// overlaps reports whether two cells share a column, give or take slack.
func (c cell) overlaps(d cell, slack int) bool {
	return c.from < d.to+slack && d.from < c.to+slack
}

// line is one line that is not blank.
type line struct {
	page  int // index into sheet.pages
	row   int // line number on the page, blank lines counted
	cells []cell
}

// sheet is a document laid out in lines and cells. Where it is cut, the text
// behind is not looked at.
type sheet struct {
	pages []document.Page
	lines []line
	marks []mark // in the order of the text
	cut   bool
}

func (s *sheet) text(l line, c cell) string { return s.pages[l.page].Text[c.start:c.end] }

// layOut splits the pages into lines and cells.
func layOut(text document.Text) *sheet {
	s := &sheet{}
	left := maxText
	for _, p := range text.Pages {
		if len(p.Text) > left {
			s.cut = true
			break
		}
		left -= len(p.Text)
		s.pages = append(s.pages, p)
		s.addLines(len(s.pages)-1, p.Text)
	}
	return s
}

func (s *sheet) addLines(page int, text string) {
	for row, start := 0, 0; start < len(text); row++ {
		end := start
		for end < len(text) && text[end] != '\n' {
			end++
		}
		if cells := cells(text, start, end); len(cells) > 0 {
			s.cut = s.cut || len(cells) == maxCells
			s.lines = append(s.lines, line{page: page, row: row, cells: cells})
		}
		start = end + 1
	}
}

// cells splits text[start:end] at tabs and at gaps of two spaces or more.
func cells(text string, start, end int) []cell {
	var list []cell
	var open *cell
	gap, column := 0, 0
	for i := start; i < end; {
		r, n := utf8.DecodeRuneInString(text[i:end])
		switch {
		case r == '\t':
			gap += 2
		case r == ' ' || r == '\u00a0' || r == '\r' || r == '\f':
			gap++
		default:
			if open == nil || gap >= 2 {
				if len(list) == maxCells {
					return list
				}
				list = append(list, cell{start: i, from: column})
				open = &list[len(list)-1]
			}
			open.end, open.to = i+n, column+1
			gap = 0
		}
		i += n
		column++
	}
	return list
}

// cellAt returns the index of the cell of l that holds the byte offset.
func (l line) cellAt(offset int) int {
	return sort.Search(len(l.cells), func(i int) bool { return l.cells[i].end > offset })
}
