package rules

import (
	"strings"
	"unicode"

	"github.com/sluicehq/sluice/internal/extract/schema"
)

// fieldRole is what a property means on an invoice.
type fieldRole string

const (
	numberField   fieldRole = "number"
	dateField     fieldRole = "date"
	dueField      fieldRole = "due"
	totalField    fieldRole = "total"
	subtotalField fieldRole = "subtotal"
	taxField      fieldRole = "tax"
	currencyField fieldRole = "currency"
	sellerField   fieldRole = "seller"
	buyerField    fieldRole = "buyer"
	linesField    fieldRole = "lines"
)

// fieldNames lists the property names of each role, folded, words joined.
var fieldNames = map[fieldRole]string{
	numberField:   `invoicenumber invoiceno invoiceid invoicenr receiptnumber documentnumber rechnungsnummer`,
	dateField:     `invoicedate date issuedate dateofissue issuedat receiptdate documentdate rechnungsdatum`,
	dueField:      `duedate paymentdue paymentduedate`,
	totalField:    `total totalamount grandtotal invoicetotal amounttotal grossamount totalgross gesamtbetrag`,
	subtotalField: `subtotal netamount nettotal amountuntaxed totalnet`,
	taxField:      `tax taxamount vat vatamount totaltax taxtotal`,
	currencyField: `currency currencycode`,
	sellerField:   `seller vendor supplier sellername vendorname suppliername`,
	buyerField:    `buyer customer buyername customername billto`,
	linesField:    `lines items lineitems`,
}

// fieldKinds says which kind of value a role needs.
func (f fieldRole) takes(k schema.Kind) bool {
	switch f {
	case dateField, dueField:
		return k == schema.Date
	case totalField, subtotalField, taxField:
		return k == schema.Number || k == schema.Integer
	case linesField:
		return k == schema.Array
	default:
		return k == schema.Text
	}
}

// rolesOf gives properties their roles by name. A schema in which fewer than
// two properties sound like an invoice is about something else: there "total"
// is just a label.
func rolesOf(properties []schema.Property) map[string]fieldRole {
	byName := map[string]fieldRole{}
	for role, names := range fieldNames {
		for n := range strings.FieldsSeq(names) {
			byName[n] = role
		}
	}
	roles := map[string]fieldRole{}
	taken := map[fieldRole]bool{}
	for _, p := range properties {
		name := strings.ReplaceAll(phrase(splitName(p.Name)), " ", "")
		if role, ok := byName[name]; ok && role.takes(p.Kind) && !taken[role] {
			roles[p.Name], taken[role] = role, true
		}
	}
	if len(roles) < 2 {
		return nil
	}
	return roles
}

// splitName writes camelCase and snake_case as words.
func splitName(name string) string {
	var b strings.Builder
	var last rune
	for _, c := range name {
		switch {
		case c == '_' || c == '-' || c == '.':
			c = ' '
		case unicode.IsUpper(c) && unicode.IsLower(last):
			b.WriteByte(' ')
		}
		b.WriteRune(c)
		last = c
	}
	return b.String()
}

// labelsOf lists the labels under which a property's value may stand: its name
// and title as words, and the usual words of its role.
func labelsOf(p schema.Property, role fieldRole, lex *lexicon) []string {
	labels := []string{phrase(splitName(p.Name))}
	if p.Title != "" {
		labels = append(labels, phrase(p.Title))
	}
	switch role {
	case sellerField:
		labels = append(labels, sortedKeys(lex.sellers)...)
	case buyerField:
		labels = append(labels, sortedKeys(lex.buyers)...)
	case currencyField:
		labels = append(labels, sortedKeys(lex.currencies)...)
	}
	return labels
}

// fillInvoice fills the properties that have a role, but for seller and buyer.
func (a *answer) fillInvoice(properties []schema.Property, roles map[string]fieldRole, texts textIndex) {
	dates := a.findDates()
	lines := a.findLines()
	books := a.newLedger(lines)
	v := books.judge()
	picks := map[fieldRole]pick{
		numberField: a.documentNumber(),
		dateField:   a.issuedOn(dates),
		dueField:    a.dateOf(dates, dueDate, 0.9),
	}
	picks[totalField], picks[subtotalField], picks[taxField] = a.moneyPicks(v, books)
	picks[currencyField] = a.currencyPick(texts)
	for _, p := range properties {
		switch role := roles[p.Name]; role {
		case linesField:
			a.setLines(p, lines, v)
		default:
			if k, ok := picks[role]; ok {
				a.set(p, k)
			}
		}
	}
}

// generic finds the value of a property by its own labels alone.
func (a *answer) generic(p schema.Property, labels []string, texts textIndex) pick {
	var candidates []found
	switch p.Kind {
	case schema.Text:
		for _, l := range labels {
			candidates = append(candidates, texts[l]...)
		}
	case schema.Date, schema.Number, schema.Integer:
		var reason string
		if candidates, reason = a.labelled(p.Kind, labels); reason != "" {
			return pick{reason: reason}
		}
	default:
		return pick{reason: reasonUnsupported}
	}
	if len(candidates) == 0 {
		return pick{reason: reasonMissing}
	}
	return onlyOne(candidates, nil)
}

// indexMarks maps whole labels to the marks that directly follow them.
func (r *reader) indexMarks(wanted vocabulary) map[string][]int {
	index := map[string][]int{}
	for i, m := range r.marks {
		lb := r.labels[i]
		if lb.start < 0 || lb.ordinal > 0 || m.bracketed || lb.above && r.listGoesOn(i) {
			continue
		}
		if key := strings.Join(lb.words, " "); wanted[key] {
			index[key] = append(index[key], i)
		}
	}
	return index
}

// labelled finds the dates or numbers whose whole label is one of labels.
func (a *answer) labelled(k schema.Kind, labels []string) ([]found, string) {
	var candidates []found
	for _, l := range labels {
		for _, i := range a.byLabel[l] {
			m := a.marks[i]
			f := found{mark: i, label: a.labels[i], confidence: 0.8}
			switch {
			case k == schema.Date && m.kind == dateMark:
				day, sure := a.day(m)
				if !sure {
					return nil, reasonAmbiguousDate
				}
				f.value, f.key = day.String(), day.String()
			case k != schema.Date && m.kind == numberMark && a.valuesOf(i) == 1:
				v, sure := a.amount(m)
				if !sure {
					return nil, reasonAmbiguous
				}
				f.value, f.key = number(v), v.String()
			default:
				continue
			}
			candidates = append(candidates, f)
		}
	}
	return candidates, ""
}

// handled are the roles that fillInvoice takes care of.
var handled = []fieldRole{numberField, dateField, dueField, totalField, subtotalField, taxField, currencyField, linesField}
