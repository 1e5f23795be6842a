// Package place turns a span of a page's text into a citation: the passage and
// its box on the page.
package place

import (
	"sort"
	"strings"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxPassage bounds the text of a citation in bytes.
const maxPassage = 300

// Cite returns the citation of p.Text[start:end]. Runs of white space, which
// only lay the page out, become one space, and passages over 300 bytes are cut.
// The box encloses the words that the span touches; it is nil where the page
// has no words.
func Cite(p document.Page, start, end int) jobs.Citation {
	return jobs.Citation{Page: p.Number, Text: passage(p.Text[start:end]), Box: box(p.Words, start, end)}
}

func passage(s string) string {
	// A span may enclose a whole page; only its beginning is looked at.
	s = strings.Join(strings.Fields(s[:min(len(s), 20*maxPassage)]), " ")
	if len(s) > maxPassage {
		s = s[:maxPassage]
	}
	return strings.ToValidUTF8(s, "")
}

func box(words []document.Word, start, end int) *[4]float64 {
	first := sort.Search(len(words), func(i int) bool { return words[i].End > start })
	var b *[4]float64
	for _, w := range words[first:] {
		if w.Start >= end {
			break
		}
		if b == nil {
			b = &[4]float64{w.Box.X0, w.Box.Y0, w.Box.X1, w.Box.Y1}
			continue
		}
		b[0], b[1] = min(b[0], w.Box.X0), min(b[1], w.Box.Y0)
		b[2], b[3] = max(b[2], w.Box.X1), max(b[3], w.Box.Y1)
	}
	return b
}
