package document

import (
	"cmp"
	"slices"
)

const (
	// lineReach is how far, in font sizes, a run's baseline may lie from that
	// of its line. Superscripts rise by a third; lines are a whole size apart.
	lineReach = 0.4
	// lineLookBack bounds the lines a run is tried against, so that thousands
	// of runs on one spot stay cheap.
	lineLookBack = 24
	// overlapShare is how much of the narrower of two runs may lie over the
	// other on one line.
	overlapShare = 0.3
)

// line is a row of runs, kept in the order of their left edges.
type line struct {
	runs   []run
	base   float64
	size   float64 // largest font size
	weight int     // characters of the run that gave the base
}

// linesOf sorts runs of one orientation into lines, from top to bottom.
func linesOf(runs []run) []line {
	slices.SortStableFunc(runs, func(a, b run) int {
		return cmp.Or(cmp.Compare(a.base, b.base), cmp.Compare(a.at.x0, b.at.x0))
	})
	var lines []line
	for _, r := range runs {
		if i := homeOf(lines, r); i >= 0 {
			lines[i].insert(r)
			continue
		}
		lines = append(lines, line{runs: []run{r}, base: r.base, size: r.size, weight: len(r.text)})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.base, b.base) })
	return lines
}

// homeOf finds the line with the nearest baseline that has room for r, or -1.
func homeOf(lines []line, r run) int {
	best, nearest := -1, 0.0
	for i := len(lines) - 1; i >= max(0, len(lines)-lineLookBack); i-- {
		l := &lines[i]
		distance := max(r.base-l.base, l.base-r.base)
		reach := min(lineReach*max(l.size, r.size), 0.6*min(l.size, r.size))
		if distance > reach || best >= 0 && distance >= nearest {
			continue
		}
		if l.hasRoom(r) {
			best, nearest = i, distance
		}
	}
	return best
}

// position is where r stands, or would stand, among the line's runs.
func (l *line) position(r run) int {
	i, _ := slices.BinarySearchFunc(l.runs, r, func(a, b run) int { return cmp.Compare(a.at.x0, b.at.x0) })
	return i
}

// hasRoom reports whether r lies over neither neighbour.
func (l *line) hasRoom(r run) bool {
	i := l.position(r)
	return (i == 0 || !covers(l.runs[i-1], r)) && (i == len(l.runs) || !covers(l.runs[i], r))
}

// covers reports whether two runs lie over one another. A copy of the same
// text on the same spot, as some producers print bold, does not count: insert
// drops it.
func covers(a, b run) bool {
	overlap := min(a.at.x1, b.at.x1) - max(a.at.x0, b.at.x0)
	narrow := min(a.at.x1-a.at.x0, b.at.x1-b.at.x0)
	return overlap > overlapShare*narrow && !sameSpot(a, b)
}

func sameSpot(a, b run) bool {
	near := 0.2 * min(a.size, b.size)
	return max(a.at.x0-b.at.x0, b.at.x0-a.at.x0) < near && max(a.base-b.base, b.base-a.base) < near &&
		slices.Equal(a.text, b.text)
}

func (l *line) insert(r run) {
	i := l.position(r)
	if i > 0 && sameSpot(l.runs[i-1], r) || i < len(l.runs) && sameSpot(l.runs[i], r) {
		return
	}
	l.runs = slices.Insert(l.runs, i, r)
	l.size = max(l.size, r.size)
	if len(r.text) > l.weight {
		l.base, l.weight = r.base, len(r.text)
	}
}

// word is a run, or runs without a gap between them.
type word struct {
	text []rune
	at   rect
	page rect
	size float64
	rtl  bool
}

// words joins the runs of a line that touch: kerning splits words into runs,
// but a separator in the document's order always ends one.
func (l *line) words() []word {
	words := make([]word, 0, len(l.runs))
	for i, r := range l.runs {
		if last := len(words) - 1; i > 0 && touches(words[last], r) {
			words[last].append(r)
			continue
		}
		words = append(words, word{text: r.text, at: r.at, page: r.page, size: r.size, rtl: r.rtl})
	}
	return words
}

func touches(w word, r run) bool {
	gap := r.at.x0 - w.at.x1
	if r.spaced && gap > 0.02*r.size {
		return false
	}
	return gap < joinGap*min(w.size, r.size)
}

func (w *word) append(r run) {
	if w.rtl && r.rtl {
		w.text = slices.Concat(r.text, w.text)
	} else {
		w.text = slices.Concat(w.text, r.text)
	}
	w.at = w.at.union(r.at)
	w.page = w.page.union(r.page)
	w.size = max(w.size, r.size)
	w.rtl = w.rtl || r.rtl
}
