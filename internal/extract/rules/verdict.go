package rules

import (
	"slices"

	"github.com/shopspring/decimal"
)

// verdict is what the amounts of a document say.
type verdict struct {
	total    *money
	subtotal *money
	tax      *money
	proof    proof
	reason   string // why there is no total: see the reasons of Outcome
}

func (l *ledger) totals() []money {
	return slices.Concat(l.byRole[totalRole], l.byRole[netTotalRole], l.byRole[dueRole])
}

// judge decides which amount is the total.
func (l *ledger) judge() verdict {
	all := l.totals()
	if len(all) == 0 {
		return verdict{reason: reasonMissing}
	}
	var proven []proof
	for _, v := range distinctValues(all) {
		if p := l.prove(v); p.ok {
			proven = append(proven, p)
		}
	}
	proven = l.withoutSteps(proven)
	v := verdict{reason: reasonAmbiguous}
	switch len(proven) {
	case 0:
		v = l.unproven()
	case 1:
		v = l.proven(proven[0])
	}
	if v.total != nil {
		v = l.round(v)
	}
	if v.total != nil && l.contradicts(v) {
		return verdict{reason: reasonMismatch}
	}
	return v
}

// withoutSteps leaves out the proven totals that only lead to others.
func (l *ledger) withoutSteps(proven []proof) []proof {
	var list []proof
	for _, p := range proven {
		if !l.isStep(p.total, proven) {
			list = append(list, p)
		}
	}
	return list
}

// isStep reports whether v is only a step on the way to another proven total,
// which has a tax, a discount or a rounding more.
func (l *ledger) isStep(v decimal.Decimal, proven []proof) bool {
	for _, p := range proven {
		switch {
		case p.total.Equal(v):
			continue
		case p.how == "sum" && p.subtotal.Equal(v):
			return true
		}
		for _, t := range l.values(taxRole) {
			if !t.IsZero() && v.Add(t).Equal(p.total) {
				return true
			}
		}
		for _, e := range l.steps() {
			if !e.by.IsZero() && v.Add(e.by).Equal(p.total) && l.precedes(v, p.total) {
				return true
			}
		}
	}
	return false
}

// precedes reports whether an amount a stands before an amount b. The sign of
// a discount or a rounding is a matter of habit; the order is not.
func (l *ledger) precedes(a, b decimal.Decimal) bool {
	first, last := -1, -1
	for _, m := range l.labelled {
		if m.value.Equal(a) && first < 0 {
			first = m.mark
		}
		if m.value.Equal(b) {
			last = m.mark
		}
	}
	return first >= 0 && first < last
}

// proven is the verdict on a total that adds up.
func (l *ledger) proven(p proof) verdict {
	v := verdict{proof: p, total: best(l.totals(), p.total)}
	if p.how != "cash" {
		v.subtotal = best(slices.Concat(l.byRole[subtotalRole], l.byRole[netTotalRole]), p.subtotal)
		v.tax = best(l.byRole[taxRole], p.tax)
	}
	if v.total.role == dueRole && len(l.byRole[totalRole]) > 0 && !l.isStep(l.byRole[totalRole][0].value, []proof{p}) {
		return verdict{reason: reasonAmbiguous} // what is due is not what was billed
	}
	return v
}

// unproven takes a total that nothing contradicts: one value under the
// clearest labels, and no tax that it leaves unexplained.
func (l *ledger) unproven() verdict {
	candidates := l.byRole[totalRole]
	if len(candidates) == 0 {
		candidates = l.byRole[dueRole]
		if len(l.byRole[paidRole]) > 0 && !l.paysExactly(candidates) {
			return verdict{reason: reasonAmbiguous} // something may be paid already
		}
	}
	switch {
	case len(candidates) == 0: // only a "net total"
		return verdict{reason: reasonAmbiguous}
	case len(distinctValues(candidates)) > 1, l.carried:
		return verdict{reason: reasonAmbiguous}
	case !l.taxFree():
		return verdict{reason: reasonMismatch}
	}
	t := best(candidates, candidates[0].value)
	if others := l.values(dueRole, netTotalRole); len(others) > 1 || len(others) == 1 && !others[0].Equal(t.value) {
		return verdict{reason: reasonAmbiguous}
	}
	if t.rank < strongRank && l.orphans > 0 {
		return verdict{reason: reasonAmbiguous} // a clearer label has lost its value
	}
	return verdict{total: t}
}

// round follows the total to what is left after rounding. A rounding that
// cannot be read leaves the total open.
func (l *ledger) round(v verdict) verdict {
	steps := l.roundings()
	open := verdict{reason: reasonAmbiguous}
	switch {
	case v.proof.rounded:
		return v
	case len(steps) == 0 && l.lostRounding && v.proof.how != "cash" && !l.paysExactly([]money{*v.total}):
		return open
	case len(steps) == 0:
		return v
	}
	before, after := v.total.value.Sub(steps[0]), v.total.value.Add(steps[0])
	printedBefore, printedAfter := l.printed[before.String()], l.printed[after.String()]
	switch {
	case printedAfter && !printedBefore:
		m := best(l.labelled, after)
		if m == nil {
			return open
		}
		return verdict{total: m, subtotal: v.subtotal, tax: v.tax, proof: proof{total: after, ok: true, how: "sum", rounded: true, fromSubtotal: true}}
	case printedBefore && !printedAfter:
		return v
	}
	return open
}

// contradicts reports whether other amounts speak against a total, however it
// was found.
func (l *ledger) contradicts(v verdict) bool {
	t := v.total.value
	return l.contradictsCash(t) || l.isNet(t) || !v.proof.fromSubtotal && l.contradictsSubtotal(t)
}

// contradictsSubtotal reports whether the one subtotal of the document does not
// lead to v, with or without the tax.
func (l *ledger) contradictsSubtotal(v decimal.Decimal) bool {
	whole := l.values(subtotalRole)
	if len(whole) != 1 {
		return false
	}
	taxes := append(sums(l.byRole[taxRole]), decimal.Zero)
	for _, e := range l.steps() {
		for _, t := range taxes {
			if whole[0].Add(t).Add(e.by).Equal(v) {
				return false
			}
		}
	}
	return true
}

// contradictsCash reports whether the cash given and the change back say that
// something else was paid.
func (l *ledger) contradictsCash(v decimal.Decimal) bool {
	given, back := l.values(cashRole), l.values(changeRole)
	if len(given) != 1 || given[0].Abs().Equal(v) {
		return false
	}
	if len(back) != 1 {
		return given[0].Abs().LessThan(v)
	}
	return !given[0].Abs().Sub(back[0].Abs()).Equal(v)
}

// paysExactly reports whether a payment equals one of the amounts.
func (l *ledger) paysExactly(amounts []money) bool {
	for _, p := range l.values(paidRole, cashRole) {
		for _, a := range amounts {
			if p.Abs().Equal(a.value) {
				return true
			}
		}
	}
	return false
}

// best returns the clearest of the amounts with a value; the last one among
// equals, because totals stand at the end.
func best(list []money, v decimal.Decimal) *money {
	var found *money
	for i := range list {
		if m := &list[i]; m.value.Equal(v) && (found == nil || m.rank >= found.rank) {
			found = m
		}
	}
	return found
}
