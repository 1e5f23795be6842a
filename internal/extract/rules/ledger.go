package rules

import (
	"slices"

	"github.com/shopspring/decimal"
)

// Bounds on the amounts that take part in sums: beyond them a document is too
// confused for sums to prove anything, and the work stays small.
const (
	maxPerRole = 16
	maxExtras  = 6
)

// ledger sorts the amounts of a document by role and knows how they add up.
type ledger struct {
	byRole   map[role][]money // the sure ones
	labelled []money          // the sure ones of all roles, in their order
	doubt    []money          // the others
	// doubtfulTaxes are amounts that may be a tax; a sum can settle it.
	doubtfulTaxes []decimal.Decimal
	// pairs holds amounts that stand side by side, as in a summary of taxes.
	pairs   map[[2]string]bool
	printed map[string]bool
	// lines is the sum of the lines, when a table of them was read.
	lines    decimal.Decimal
	hasLines bool
	// orphans counts clear labels of a total without an amount behind them.
	orphans int
	// lostRounding is true when a label of a rounding has no amount.
	lostRounding bool
	// carried is true when an amount comes from an earlier document.
	carried bool
}

func (r *reader) newLedger(t table) *ledger {
	l := &ledger{
		byRole: map[role][]money{}, pairs: map[[2]string]bool{}, printed: map[string]bool{},
		lines: t.sum, hasLines: len(t.items) > 0,
	}
	for _, m := range r.findMoney() {
		l.enter(m)
	}
	l.notePrinted(r)
	l.findOrphans(r)
	for i, m := range r.marks {
		l.carried = l.carried || m.kind == numberMark && r.words.carried.any(r.labels[i].words)
	}
	return l
}

func (l *ledger) enter(m money) {
	if m.sure && len(l.byRole[m.role]) < maxPerRole {
		l.byRole[m.role] = append(l.byRole[m.role], m)
		l.labelled = append(l.labelled, m)
		return
	}
	l.doubt = append(l.doubt, m)
	if m.role == taxRole && !m.value.IsZero() && len(l.doubtfulTaxes) < maxPerRole {
		l.doubtfulTaxes = append(l.doubtfulTaxes, m.value)
	}
}

// notePrinted remembers every amount and every two that stand side by side.
func (l *ledger) notePrinted(r *reader) {
	last, line := "", -1
	for _, m := range r.marks {
		if m.kind != numberMark || m.number.Percent {
			continue
		}
		v, ok := m.number.Value(r.style)
		if !ok {
			continue
		}
		key := v.String()
		l.printed[key] = true
		if m.line == line {
			l.pairs[[2]string{last, key}] = true
		}
		last, line = key, m.line
	}
}

// besides reports whether a stands directly before or behind b somewhere.
func (l *ledger) besides(a, b decimal.Decimal) bool {
	x, y := a.String(), b.String()
	return l.pairs[[2]string{x, y}] || l.pairs[[2]string{y, x}]
}

// findOrphans looks for labels at the end of a line, with no number behind.
func (l *ledger) findOrphans(r *reader) {
	last := make(map[int]int) // line → start of its last number
	for _, m := range r.marks {
		if m.kind == numberMark && !m.passive() {
			last[m.line] = m.start
		}
	}
	for i, line := range r.lines {
		c := line.cells[len(line.cells)-1]
		text := r.text(line, c)
		if at, ok := last[i]; ok && at >= c.start || len(text) > maxLabel {
			continue
		}
		switch role, rank, _ := r.words.money.moneyRole(labelWords(text)); {
		case role == roundingRole:
			l.lostRounding = true
		case role == totalRole && rank == strongRank:
			l.orphans++
		}
	}
}

// values lists the distinct values of some roles.
func (l *ledger) values(roles ...role) []decimal.Decimal {
	var list []decimal.Decimal
	for _, role := range roles {
		for _, m := range l.byRole[role] {
			list = append(list, m.value)
		}
	}
	return distinct(list)
}

func distinct(list []decimal.Decimal) []decimal.Decimal {
	slices.SortFunc(list, decimal.Decimal.Cmp)
	return slices.CompactFunc(list, decimal.Decimal.Equal)
}

// sums lists the ways to take amounts together: each one, and all of them
// where they are printed as parts.
func sums(list []money) []decimal.Decimal {
	values := distinctValues(list)
	if len(list) < 2 {
		return values
	}
	all, parts := decimal.Zero, decimal.Zero
	for _, m := range list {
		all = all.Add(m.value)
	}
	for _, v := range values {
		parts = parts.Add(v)
	}
	return distinct(append(values, all, parts))
}

// steps lists what may lie between a subtotal and the total besides tax.
// Discounts and roundings are printed with either sign.
func (l *ledger) steps() []step {
	list := []step{{}} // plain sums first
	extras := l.byRole[extraRole]
	for _, e := range sums(extras[:min(len(extras), maxExtras)]) {
		list = append(list, step{by: e}, step{by: e.Neg()})
	}
	for _, r := range l.roundings() {
		for _, s := range slices.Clip(list) {
			if !s.rounded {
				list = append(list, step{s.by.Add(r), true}, step{s.by.Sub(r), true})
			}
		}
	}
	return list
}

// step is a difference between two amounts of a document.
type step struct {
	by      decimal.Decimal
	rounded bool // the rounding of the document is in it
}

// roundings lists the roundings that are not zero; none when there are
// several, which nobody prints.
func (l *ledger) roundings() []decimal.Decimal {
	var list []decimal.Decimal
	for _, d := range l.values(roundingRole) {
		if !d.IsZero() && d.Abs().LessThan(decimal.NewFromInt(1)) {
			list = append(list, d)
		}
	}
	if len(list) > 1 {
		return nil
	}
	return list
}

// taxFree reports whether the document prints no tax other than zero.
func (l *ledger) taxFree() bool {
	for _, v := range l.values(taxRole) {
		if !v.IsZero() {
			return false
		}
	}
	return true
}

func distinctValues(list []money) []decimal.Decimal {
	values := make([]decimal.Decimal, len(list))
	for i, m := range list {
		values[i] = m.value
	}
	return distinct(values)
}
