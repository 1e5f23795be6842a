package extract

import (
	"strings"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract/literal"
)

// habits are the ways in which a document is proven to write what could be read
// in two ways. What is proven for one place binds all others.
type habits struct {
	style literal.Style
	order literal.Order // literal.Named when nothing is proven
}

// habitsOf looks for proof: amounts with their currency or with both separators
// for the style, since "3.2" may be a chapter, and no number that speaks against
// them; dates that only one order allows for the order.
func habitsOf(pages []document.Page, numbers [][]literal.Number, dates [][]literal.Date) habits {
	var amounts, all []literal.Number
	for i, list := range numbers {
		all = append(all, list...)
		for _, n := range list {
			printed := pages[i].Text[n.Start:n.End]
			if n.Currency != "" || strings.Contains(printed, ".") && strings.Contains(printed, ",") {
				amounts = append(amounts, n)
			}
		}
	}
	h := habits{style: literal.StyleOf(amounts), order: orderOf(dates)}
	if literal.StyleOf(all) != h.style {
		h.style = literal.StyleUnknown
	}
	return h
}

func orderOf(dates [][]literal.Date) literal.Order {
	var dayFirst, monthFirst bool
	for _, list := range dates {
		for _, d := range list {
			if twoOrders(d) && len(d.Readings) == 1 {
				dayFirst = dayFirst || d.Readings[0].Order == literal.DayFirst
				monthFirst = monthFirst || d.Readings[0].Order == literal.MonthFirst
			}
		}
	}
	switch {
	case dayFirst && !monthFirst:
		return literal.DayFirst
	case monthFirst && !dayFirst:
		return literal.MonthFirst
	default:
		return literal.Named
	}
}

// twoOrders reports whether dates of that form are written in both orders.
func twoOrders(d literal.Date) bool {
	return (d.Separator == '/' || d.Separator == '-') && !d.ShortYear
}

// readDate leaves a date the one day that the document's order gives it.
func (h habits) readDate(d literal.Date) literal.Date {
	if h.order == literal.Named || !twoOrders(d) {
		return d
	}
	if day, ok := d.As(h.order); ok {
		d.Readings = []literal.Reading{{Day: day, Order: h.order}}
	}
	return d
}
