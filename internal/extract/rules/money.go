package rules

import (
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/internal/extract/literal"
)

// money is an amount with the role that its label gives it.
type money struct {
	value decimal.Decimal
	rank  rank
	mark  int // index into reader.marks
	rate  *decimal.Decimal
	role  role
	// sure is true when the label means this amount and no other, and the
	// amount can be read in one way only. Others are shown to a person.
	sure bool
}

// findMoney collects the amounts that have a role.
func (r *reader) findMoney() []money {
	var list []money
	for i, m := range r.marks {
		if m.kind != numberMark || m.passive() || r.labels[i].start < 0 {
			continue
		}
		if found, ok := r.moneyAt(i); ok {
			list = append(list, found)
		}
	}
	return list
}

// moneyAt gives mark i the role that its label names.
func (r *reader) moneyAt(i int) (money, bool) {
	m, lb := r.marks[i], r.labels[i]
	role, rank, base := r.words.money.moneyRole(lb.words)
	if role == noRole || base && lb.ordinal == 0 || r.hasUnit(m) {
		return money{}, false
	}
	value, sure := r.amount(m)
	if role == taxRole && lb.rate != nil && lb.rate.IsZero() && !value.IsZero() {
		return money{}, false // the base of a tax of 0 %
	}
	values := 1
	if base {
		values = 2
	}
	sure = sure && r.valuesOf(i) == values
	if lb.above {
		sure = sure && r.summaryAbove(i)
	}
	if r.cents && m.number.Decimals == 0 && m.number.Currency == "" {
		sure = false // rather a quantity
	}
	return money{value: value, rank: rank, mark: i, rate: lb.rate, role: role, sure: sure}, true
}

// hasUnit reports whether a unit of measure follows a number: "Brutto 120,5 kg".
func (r *reader) hasUnit(m mark) bool {
	l := r.lines[m.line]
	rest := r.pages[l.page].Text[m.end:lineEnd(l)]
	unit, _, _ := strings.Cut(strings.TrimLeft(rest[:min(len(rest), 12)], " "), " ")
	return r.words.units[strings.Trim(literal.Fold(unit), ".,;)")]
}

// valuesOf counts the values that share the label of mark i.
func (r *reader) valuesOf(i int) int {
	n := 1
	for j := i - 1; j >= 0 && r.sharesLabel(i, j); j-- {
		n++
	}
	for j := i + 1; j < len(r.marks) && r.sharesLabel(i, j); j++ {
		n++
	}
	return n
}

func (r *reader) sharesLabel(i, j int) bool {
	a, b := r.labels[i], r.labels[j]
	return r.marks[i].line == r.marks[j].line && a.start == b.start && !b.above && !r.marks[j].passive()
}

// summaryAbove reports whether the line above mark i holds nothing but labels
// of amounts ("Subtotal   Tax   Total") and the value is the only one below,
// so that it is a summary and not the head of a table.
func (r *reader) summaryAbove(i int) bool {
	up := r.lines[r.marks[i].line-1]
	for _, c := range up.cells {
		if role, _, _ := r.words.money.moneyRole(words(r.text(up, c))); role == noRole {
			return false
		}
	}
	return !r.listGoesOn(i)
}

// currency returns the currency that the document gives its amounts, when it
// is one ISO code and there is no other.
func (r *reader) currency() (code string, mark int, ok bool) {
	mark = -1
	for i, m := range r.marks {
		if m.kind != numberMark || m.number.Currency == "" {
			continue
		}
		if code != "" && code != m.number.Currency {
			return "", -1, false
		}
		code, mark = m.number.Currency, i
	}
	return code, mark, mark >= 0 && len(code) == 3 && literal.IsCurrencyCode(code)
}
