package document

import (
	"cmp"
	"math"
	"slices"
)

const (
	// sameColumn is the distance in points within which segments start in the
	// same column.
	sameColumn = 2
	// narrowShare is the share of words narrower than the unit of a column. A
	// low one makes wide text in which little has to be pushed aside.
	narrowShare = 0.25
)

// placeColumns gives each segment its column: in proportion to its place on
// the page, moved right as far as the text before it needs. Whatever moves one
// segment moves everything on the page that starts to the right of it, so what
// stands in one column stays in one column.
func placeColumns(rows []row) {
	unit, left := columnUnit(rows)
	order := segmentsByPlace(rows)
	ends := make([]int, len(rows)) // column after the last segment placed
	shift := 0
	for i := 0; i < len(order); {
		j := i + 1
		for j < len(order) && order[j].x0-order[i].x0 < sameColumn {
			j++
		}
		column := int(math.Round((order[i].x0-left)/unit)) + shift
		for _, o := range order[i:j] {
			if end := ends[o.row]; end > 0 && column < end+2 {
				shift += end + 2 - column
				column = end + 2
			}
		}
		column = min(column, maxColumns)
		for _, o := range order[i:j] {
			s := &rows[o.row].segments[o.segment]
			s.column = column
			ends[o.row] = column + s.width
		}
		i = j
	}
}

// segmentPlace names a segment and where it starts.
type segmentPlace struct {
	row, segment int
	x0           float64
}

// segmentsByPlace lists all segments by their left edge.
func segmentsByPlace(rows []row) []segmentPlace {
	var order []segmentPlace
	for i, r := range rows {
		for j, s := range r.segments {
			order = append(order, segmentPlace{i, j, s.x0})
		}
	}
	slices.SortStableFunc(order, func(a, b segmentPlace) int { return cmp.Compare(a.x0, b.x0) })
	return order
}

// columnUnit is the width that one column of text stands for, and where the
// first column starts.
func columnUnit(rows []row) (unit, left float64) {
	var widths []float64
	left, right := math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		for _, s := range r.segments {
			for _, w := range s.words {
				left, right = min(left, w.at.x0), max(right, w.at.x1)
				widths = append(widths, (w.at.x1-w.at.x0)/float64(len(w.text)))
			}
		}
	}
	if len(widths) == 0 {
		return 1, 0
	}
	slices.Sort(widths)
	unit = widths[int(narrowShare*float64(len(widths)))]
	return max(unit, (right-left)/(maxColumns/2), 0.1), left
}
