package rules

import (
	"slices"

	"github.com/shopspring/decimal"
)

// proof says how a total was found to add up.
type proof struct {
	total, subtotal, tax decimal.Decimal
	ok                   bool
	how                  string
	rounded              bool
	fromSubtotal         bool // a printed subtotal is part of the sum
}

// prove looks for a sum that gives v: subtotal and tax, with or without what
// comes on top; a tax that v contains; or cash and change.
func (l *ledger) prove(v decimal.Decimal) proof {
	if p := l.proveSum(v); p.ok {
		return p
	}
	for _, t := range l.values(taxRole) {
		if !t.IsZero() && l.besides(v.Sub(t), t) { // a summary: rate, base, tax
			return proof{total: v, subtotal: v.Sub(t), tax: t, ok: true, how: "sum"}
		}
	}
	if p := l.proveLines(v); p.ok {
		return p
	}
	if t, ok := l.containsTax(v); ok {
		return proof{total: v, subtotal: v.Sub(t), tax: t, ok: true, how: "tax_rate"}
	}
	for _, p := range l.values(cashRole) {
		for _, c := range l.values(changeRole) {
			if !c.IsZero() && p.Abs().Sub(c.Abs()).Equal(v) {
				return proof{total: v, ok: true, how: "cash"}
			}
		}
	}
	return proof{}
}

// proveSum looks for subtotal + tax + step = v. Equal amounts prove nothing,
// unless the document says that there is no tax.
func (l *ledger) proveSum(v decimal.Decimal) proof {
	taxes := append(sums(l.byRole[taxRole]), l.doubtfulTaxes...)
	if len(taxes) == 0 {
		taxes = []decimal.Decimal{decimal.Zero}
	}
	noTax := l.taxFree() && len(l.byRole[taxRole]) > 0
	printed := sums(l.byRole[subtotalRole])
	subtotals := distinct(slices.Concat(printed, l.values(netTotalRole, totalRole)))
	for _, e := range l.steps() {
		for _, s := range subtotals {
			for _, t := range taxes {
				if s.Add(t).Add(e.by).Equal(v) && (!s.Equal(v) || noTax) && (e.by.IsZero() || l.precedes(s, v)) {
					return proof{total: v, subtotal: s, tax: t, ok: true, how: "sum", rounded: e.rounded, fromSubtotal: slices.ContainsFunc(printed, s.Equal)}
				}
			}
		}
	}
	return proof{}
}

// proveLines looks for lines + tax + step = v. Lines alone prove a total when
// the document prints no tax.
func (l *ledger) proveLines(v decimal.Decimal) proof {
	if !l.hasLines {
		return proof{}
	}
	taxes := append(sums(l.byRole[taxRole]), l.doubtfulTaxes...)
	if l.taxFree() {
		taxes = append(taxes, decimal.Zero)
	}
	for _, e := range l.steps() {
		for _, t := range taxes {
			if l.lines.Add(t).Add(e.by).Equal(v) {
				return proof{total: v, subtotal: l.lines, tax: t, ok: true, how: "sum", rounded: e.rounded}
			}
		}
	}
	return proof{}
}

// isNet reports whether v is the base from which a tax with its rate was
// computed, and so cannot be the total.
func (l *ledger) isNet(v decimal.Decimal) bool {
	if _, ok := l.containsTax(v); ok {
		return false // cents cannot tell the two apart
	}
	for _, t := range l.byRole[taxRole] {
		if t.rate == nil || t.value.IsZero() || !t.rate.IsPositive() {
			continue
		}
		if v.Mul(*t.rate).Shift(-2).Round(2).Equal(t.value) {
			return true
		}
	}
	return false
}

// containsTax returns the tax that is the part of v that its rate makes it.
func (l *ledger) containsTax(v decimal.Decimal) (tax decimal.Decimal, ok bool) {
	for _, t := range l.byRole[taxRole] {
		if t.rate == nil || t.value.IsZero() || !t.rate.IsPositive() {
			continue
		}
		if v.Mul(*t.rate).DivRound(t.rate.Add(decimal.NewFromInt(100)), 2).Equal(t.value) {
			return t.value, true
		}
	}
	return decimal.Zero, false
}
