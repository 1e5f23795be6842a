package document

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxColumns is the column up to which spaces push text to its place.
	maxColumns = 400
	// maxPageText bounds the text of a page in bytes.
	maxPageText = 1 << 20
	// maxWords bounds the words with a position of one document.
	maxWords = 250_000
	// columnGap is the gap between words, in font sizes, that counts as a
	// gap between columns.
	columnGap = 0.7
	// paragraphGap is the distance of baselines, in font sizes, that leaves
	// an empty line.
	paragraphGap = 1.8
)

// render writes glyphs as text in which columns stay columns. Text in the
// page's main direction comes first, text in other directions after it.
func render(s sheet, glyphs []glyph, warned *warnings) Page {
	runs, outside := runsOf(s, glyphs)
	if outside {
		warned.add(warnTextOutsidePage)
	}
	w := pageWriter{sheet: s}
	for _, orient := range orientations(runs) {
		var same []run
		for _, r := range runs {
			if r.orient == orient {
				same = append(same, r)
			}
		}
		w.block(blockOf(same, orient))
	}
	if w.cut {
		warned.add(warnPageTextCut)
	}
	return Page{Text: w.text.String(), Words: w.words}
}

// orientations lists those in use, the most written first and skewed last.
func orientations(runs []run) []int {
	var letters [skewed + 1]int
	for _, r := range runs {
		letters[r.orient] += len(r.text)
	}
	var used []int
	for orient, n := range letters {
		if n > 0 {
			used = append(used, orient)
		}
	}
	slices.SortStableFunc(used, func(a, b int) int {
		if a == skewed || b == skewed {
			return a - b
		}
		return letters[b] - letters[a]
	})
	return used
}

// segment is a stretch of words of one line with single spaces between them.
type segment struct {
	words  []word
	x0     float64
	width  int // in characters
	column int
}

// row is a line cut into segments.
type row struct {
	segments []segment
	base     float64
	size     float64
}

// blockOf lays out runs of one orientation.
func blockOf(runs []run, orient int) []row {
	if orient == skewed {
		return skewedRows(runs)
	}
	lines := linesOf(runs)
	rows := make([]row, 0, len(lines))
	for i := range lines {
		words := lines[i].words()
		rows = append(rows, row{segments: segmentsOf(words), base: lines[i].base, size: lines[i].size})
	}
	placeColumns(rows)
	return rows
}

// skewedRows puts runs on one line, in the document's own order.
func skewedRows(runs []run) []row {
	words := make([]word, 0, len(runs))
	for _, r := range runs {
		words = append(words, word{text: r.text, at: r.at, page: r.page, size: r.size, rtl: r.rtl})
	}
	return []row{{segments: []segment{newSegment(words)}}}
}

// segmentsOf cuts the words of a line at column gaps.
func segmentsOf(words []word) []segment {
	var segments []segment
	start := 0
	for i := 1; i <= len(words); i++ {
		if i < len(words) && words[i].at.x0-words[i-1].at.x1 < columnGap*min(words[i-1].size, words[i].size) {
			continue
		}
		segments = append(segments, newSegment(readingOrder(words[start:i])))
		start = i
	}
	return segments
}

func newSegment(words []word) segment {
	s := segment{words: words, x0: words[0].at.x0, width: len(words) - 1}
	for _, w := range words {
		s.width += len(w.text)
		s.x0 = min(s.x0, w.at.x0)
	}
	return s
}

// readingOrder turns words that stand from left to right into the order they
// are read in: reversed if most of them run to the left, with the words that
// run to the right among them kept in their own order.
func readingOrder(words []word) []word {
	rtl := 0
	for _, w := range words {
		if w.rtl {
			rtl++
		}
	}
	if rtl*2 < len(words) || rtl == 0 {
		return words
	}
	out := slices.Clone(words)
	slices.Reverse(out)
	for i := 0; i < len(out); {
		j := i
		for j < len(out) && !out[j].rtl {
			j++
		}
		slices.Reverse(out[i:j])
		i = j + 1
	}
	return out
}

// pageWriter writes rows and notes where each word went.
type pageWriter struct {
	sheet sheet
	text  strings.Builder
	words []Word
	cut   bool
}

// block writes rows after an empty line, as far as the page's text allows.
func (w *pageWriter) block(rows []row) {
	for i, r := range rows {
		if w.cut {
			return
		}
		if w.text.Len() > 0 && (i == 0 || r.base-rows[i-1].base > paragraphGap*max(r.size, rows[i-1].size)) {
			w.text.WriteByte('\n')
		}
		w.row(r)
	}
}

func (w *pageWriter) row(r row) {
	if w.text.Len()+r.bytes() > maxPageText {
		w.cut = true
		return
	}
	column := 0
	for i, s := range r.segments {
		if i > 0 && s.column < column+2 {
			s.column = column + 2
		}
		w.spaces(s.column - column)
		column = s.column + s.width
		for j, word := range s.words {
			if j > 0 {
				w.spaces(1)
			}
			w.word(word)
		}
	}
	w.text.WriteByte('\n')
}

// bytes is an upper bound of the row's length.
func (r row) bytes() int {
	n := 1
	for i, s := range r.segments {
		n += utf8.UTFMax*s.width + 2
		if i == len(r.segments)-1 {
			n += s.column
		}
	}
	return n
}

func (w *pageWriter) spaces(n int) {
	for range n {
		w.text.WriteByte(' ')
	}
}

func (w *pageWriter) word(word word) {
	start := w.text.Len()
	for _, r := range word.text {
		w.text.WriteRune(r)
	}
	w.words = append(w.words, Word{Start: start, End: w.text.Len(), Box: w.sheet.normal(word.page)})
}
