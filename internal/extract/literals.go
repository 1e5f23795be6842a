package extract

import (
	"cmp"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/internal/extract/literal"
)

// extent is where one number stands on a page.
type extent struct{ start, end int }

func (x *index) addNumbers(page int, text string, numbers []literal.Number, h habits) {
	add := func(m map[string][]spot, v decimal.Decimal, s spot) {
		if key := v.String(); len(m[key]) < maxPlaces {
			m[key] = append(m[key], s)
		}
	}
	var digits []extent
	for _, n := range numbers {
		if !n.Spaced { // may be two numbers
			digits = append(digits, extent{n.Start, n.End})
		}
		n = n.Under(h.style)
		to := x.numbers
		if _, sure := n.Value(literal.StyleUnknown); !sure || n.UnsureSign || n.Spaced {
			to = x.unsure
		}
		for _, v := range n.Readings() {
			add(to, v, spot{page, n.Start, n.End})
		}
	}
	for _, n := range literal.LooseNumbers(text, maxLiterals) {
		digits = append(digits, extent{n.Start, n.End})
		for _, v := range n.Readings() {
			add(x.loose, v, spot{page, n.Start, n.End})
		}
	}
	slices.SortFunc(digits, func(a, b extent) int { return cmp.Compare(a.start, b.start) })
	x.digits = append(x.digits, digits)
}

// cuts reports whether a place begins or ends within the digits of a number, so
// that it is a part of another value: 234.56 in 1,234.56.
func (x *index) cuts(s spot) bool { return x.within(s.page, s.start) || x.within(s.page, s.end) }

// within reports whether an offset has digits of one number on both sides.
func (x *index) within(page, at int) bool {
	list := x.digits[page]
	i, _ := slices.BinarySearchFunc(list, at, func(d extent, at int) int { return cmp.Compare(d.start, at) })
	if i == 0 || at >= list[i-1].end {
		return false
	}
	text := x.pages[page].Text
	return strings.ContainsAny(text[list[i-1].start:at], "0123456789") && strings.ContainsAny(text[at:list[i-1].end], "0123456789")
}

func (x *index) addDates(page int, dates []literal.Date, h habits) {
	for _, d := range dates {
		d = h.readDate(d)
		to := x.dates
		if _, sure := d.Only(); !sure {
			to = x.swapped
		}
		for _, r := range d.Readings {
			if key := r.Day.String(); len(to[key]) < maxPlaces {
				to[key] = append(to[key], spot{page, d.Start, d.End})
			}
		}
	}
}
