package rules

import "github.com/sluicehq/sluice/internal/extract/literal"

// moneyPicks turns the verdict on the amounts into picks.
func (r *reader) moneyPicks(v verdict, l *ledger) (total, subtotal, tax pick) {
	total = pick{reason: v.reason, others: r.foundAmounts(l, totalRole, dueRole, netTotalRole)}
	if v.total != nil {
		f := r.foundMoney(*v.total, v.proof)
		total = pick{best: &f}
	}
	subtotal = r.partPick(v, v.subtotal, l, subtotalRole)
	tax = r.partPick(v, v.tax, l, taxRole)
	return total, subtotal, tax
}

// partPick picks a part of the total: the one that took part in the proof, or
// the only one there is when nothing needed proof.
func (r *reader) partPick(v verdict, part *money, l *ledger, role role) pick {
	switch {
	case part != nil:
		f := r.foundMoney(*part, v.proof)
		return pick{best: &f}
	case v.total == nil || v.proof.ok || len(l.values(role)) != 1:
		return pick{reason: reasonMissing, others: r.foundAmounts(l, role)}
	}
	f := r.foundMoney(l.byRole[role][0], v.proof)
	return pick{best: &f}
}

func (r *reader) foundMoney(m money, p proof) found {
	f := found{value: number(m.value), key: m.value.String(), mark: m.mark, label: r.labels[m.mark], confidence: 0.85}
	if m.rank == strongRank {
		f.confidence = 0.9
	}
	if p.ok {
		f.confidence, f.check = 0.99, p.how
	}
	return f
}

// foundAmounts lists the amounts of some roles, the sure ones first.
func (r *reader) foundAmounts(l *ledger, roles ...role) []found {
	var list []found
	seen := map[string]bool{}
	add := func(m money) {
		if f := r.foundMoney(m, proof{}); len(list) < maxOthers && !seen[f.key] {
			seen[f.key] = true
			list = append(list, f)
		}
	}
	for _, role := range roles {
		for _, m := range l.byRole[role] {
			add(m)
		}
	}
	for _, m := range l.doubt {
		for _, role := range roles {
			if m.role == role {
				add(m)
			}
		}
	}
	return list
}

// currencyPick takes the currency under its own label, or the one that stands
// beside the amounts. The two must not contradict each other.
func (r *reader) currencyPick(texts textIndex) pick {
	var labelled []found
	for _, l := range sortedKeys(r.words.currencies) {
		labelled = append(labelled, texts[l]...)
	}
	beside, mark, ok := r.currency()
	if len(labelled) == 0 {
		if !ok {
			return pick{reason: reasonMissing}
		}
		return pick{best: &found{value: beside, key: beside, mark: mark, label: label{start: -1}, confidence: 0.9}}
	}
	p := onlyOne(labelled, nil)
	if p.best == nil || !literal.IsCurrencyCode(p.best.key) || ok && beside != p.best.key {
		return pick{reason: reasonAmbiguous, others: labelled}
	}
	p.best.confidence = 0.95
	return p
}
