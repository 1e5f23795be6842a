package document

import (
	"math"
	"unicode"

	"golang.org/x/text/unicode/bidi"
)

const (
	// skewed is the orientation of text that runs in none of the four
	// directions, such as a watermark across the page.
	skewed = 4

	// quarterTolerance is how far a direction may lean: the sine of 10°.
	quarterTolerance = 0.17
	// joinGap is the gap, in font sizes, below which two glyphs that follow
	// one another are one word. Word spaces are at least 0.2.
	joinGap = 0.12
	// joinOverlap is how far a glyph may reach back over the one before it.
	joinOverlap = 0.6
	// joinRise is how far two baselines of one run may lie apart.
	joinRise = 0.15
)

// run is a piece of a word: glyphs that follow one another in the document's
// own order without a gap. Its place is in the upright space of its
// orientation, where text runs to the right and y downwards.
type run struct {
	text     []rune
	at       rect    // upright
	base     float64 // y of the baseline, upright
	size     float64
	page     rect // in the reader's space
	orient   int
	rtl      bool // its letters run to the left
	spaced   bool // a separator stood before it
	lastLeft float64
}

// orientation is the quarter turns clockwise of text written in direction
// (u, v) of the reader's space.
func orientation(u, v float64) int {
	switch {
	case math.Abs(v) <= quarterTolerance && u > 0:
		return 0
	case math.Abs(u) <= quarterTolerance && v > 0:
		return 1
	case math.Abs(v) <= quarterTolerance:
		return 2
	case math.Abs(u) <= quarterTolerance:
		return 3
	}
	return skewed
}

// runsOf cuts a page's glyphs into runs and reports whether text outside the
// sheet was left out.
func runsOf(s sheet, glyphs []glyph) (runs []run, outside bool) {
	c := runCutter{sheet: s}
	for _, g := range glyphs {
		c.add(g)
	}
	c.end()
	return c.runs, c.outside
}

type runCutter struct {
	sheet   sheet
	runs    []run
	cur     run
	spaced  bool
	outside bool
}

func (c *runCutter) add(g glyph) {
	if g.r == 0 {
		// PDFium guesses a space after wide kerning: whether a word ends
		// there is seen when the next glyph comes.
		if !g.guessed {
			c.end()
		}
		c.spaced = true
		return
	}
	place := c.sheet.rect(g)
	if !c.sheet.shows(place) {
		c.outside = true
		c.end()
		return
	}
	next := c.start(g, place)
	if c.spaced && !c.cur.outweighs(next) || !c.cur.join(next) {
		c.end()
	}
	if len(c.cur.text) == 0 {
		next.spaced = c.spaced
		c.cur = next
	}
	c.spaced = false
}

// start is the run of one glyph.
func (c *runCutter) start(g glyph, place rect) run {
	u, v := c.sheet.vector(g.dx, g.dy)
	orient := orientation(u, v)
	width, height := c.sheet.size()
	x, y := c.sheet.point(g.x, g.y)
	origin := upright(rect{x, y, x, y}, orient, width, height)
	at := upright(place, orient, width, height)
	// A hostile font size must not make the whole page one line.
	return run{
		text: []rune{g.r}, at: at, base: origin.y0, size: min(max(g.size, 0.5), height, 1000),
		page: place, orient: orient, rtl: isRTL(g.r), lastLeft: at.x0,
	}
}

// end closes the run being built.
func (c *runCutter) end() {
	if len(c.cur.text) > 0 {
		c.runs = append(c.runs, c.cur)
	}
	c.cur = run{}
}

// outweighs reports whether a word goes on in next although PDFium guessed a
// space before it. Wide kerning is seen inside words ("Ver käufer :"); before a
// capital or a digit the guess is taken.
func (r *run) outweighs(next run) bool {
	return len(r.text) > 0 && unicode.IsLetter(r.text[len(r.text)-1]) &&
		(unicode.IsLower(next.text[0]) || unicode.IsPunct(next.text[0]))
}

// join appends the glyph of next to r if it continues the same word.
func (r *run) join(next run) bool {
	if len(r.text) == 0 || r.orient != next.orient || !r.continues(next) {
		return false
	}
	r.text = append(r.text, next.text...)
	r.at = r.at.union(next.at)
	r.page = r.page.union(next.page)
	r.rtl = r.rtl || next.rtl
	r.lastLeft = next.at.x0
	return true
}

// continues reports whether next is the neighbour of r's last glyph.
func (r *run) continues(next run) bool {
	size := max(r.size, next.size)
	if r.orient == skewed {
		return math.Hypot(next.at.x0-r.lastLeft, next.base-r.base) < 20*size
	}
	if math.Abs(next.base-r.base) > joinRise*size || min(r.size, next.size) < size/2 {
		return false
	}
	if math.Abs(next.at.x0-r.lastLeft) < 0.02*size {
		return true // another letter of the same ligature
	}
	near := func(gap float64) bool { return gap < joinGap*size && gap > -joinOverlap*size }
	return near(next.at.x0-r.at.x1) || (r.rtl || next.rtl) && near(r.at.x0-next.at.x1)
}

func isRTL(r rune) bool {
	if r < 0x590 {
		return false
	}
	p, _ := bidi.LookupRune(r)
	return p.Class() == bidi.R || p.Class() == bidi.AL
}
