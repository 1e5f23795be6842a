package document

import "math"

// sheet is the visible part of a page and how it is turned. It maps the page's
// own space to the space of the reader: points, origin top left, y downwards.
type sheet struct {
	left, bottom, right, top float64
	turns                    int // quarter turns clockwise
}

// newSheet makes a sheet; a box without area becomes one point wide or high.
func newSheet(left, bottom, right, top float64, turns int) sheet {
	for _, v := range [...]*float64{&left, &bottom, &right, &top} {
		if math.IsNaN(*v) || math.Abs(*v) > 1e6 {
			*v = 0
		}
	}
	return sheet{left, bottom, max(right, left+1), max(top, bottom+1), turns & 3}
}

// size is the width and height as the reader sees them.
func (s sheet) size() (width, height float64) {
	width, height = s.right-s.left, s.top-s.bottom
	if s.turns%2 == 1 {
		return height, width
	}
	return width, height
}

// point maps a point of the page to the reader's space.
func (s sheet) point(x, y float64) (u, v float64) {
	switch s.turns {
	case 1:
		return y - s.bottom, x - s.left
	case 2:
		return s.right - x, y - s.bottom
	case 3:
		return s.top - y, s.right - x
	}
	return x - s.left, s.top - y
}

// vector maps a direction of the page to the reader's space.
func (s sheet) vector(x, y float64) (u, v float64) {
	switch s.turns {
	case 1:
		return y, x
	case 2:
		return -x, y
	case 3:
		return -y, -x
	}
	return x, -y
}

// rect is a rectangle with y downwards, in points.
type rect struct{ x0, y0, x1, y1 float64 }

// rect maps the box of a glyph to the reader's space.
func (s sheet) rect(g glyph) rect {
	u0, v0 := s.point(g.left, g.bottom)
	u1, v1 := s.point(g.right, g.top)
	return rect{min(u0, u1), min(v0, v1), max(u0, u1), max(v0, v1)}
}

// shows reports whether any of r lies on the sheet.
func (s sheet) shows(r rect) bool {
	width, height := s.size()
	return r.x1 > 0 && r.y1 > 0 && r.x0 < width && r.y0 < height
}

// normal maps r to shares of the sheet, rounded to 1/100,000 to keep answers
// short: a hundredth of a point on an A4 page.
func (s sheet) normal(r rect) Box {
	width, height := s.size()
	share := func(v, whole float64) float64 {
		return math.Round(min(max(v/whole, 0), 1)*1e5) / 1e5
	}
	return Box{X0: share(r.x0, width), Y0: share(r.y0, height), X1: share(r.x1, width), Y1: share(r.y1, height)}
}

func (r rect) union(o rect) rect {
	return rect{min(r.x0, o.x0), min(r.y0, o.y0), max(r.x1, o.x1), max(r.y1, o.y1)}
}

// upright turns a rectangle of the reader's space by quarter turns
// anticlockwise, so that text written in that direction runs to the right.
func upright(r rect, quarter int, width, height float64) rect {
	switch quarter {
	case 1: // text runs downwards
		return rect{r.y0, width - r.x1, r.y1, width - r.x0}
	case 2: // upside down
		return rect{width - r.x1, height - r.y1, width - r.x0, height - r.y0}
	case 3: // text runs upwards
		return rect{height - r.y1, r.x0, height - r.y0, r.x1}
	}
	return r
}
