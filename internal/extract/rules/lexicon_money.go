package rules

import "strings"

// trait is what a word in the label of an amount says. A word may say several
// things at once: "Bruttosumme" is a total and gross.
type trait uint32

const (
	total    trait = 1 << iota // the sum of something
	gross                      // with tax
	net                        // before tax
	netEN                      // "net": before tax, or what is left to pay
	tax                        // a tax
	plus                       // announces what is added: "zzgl. MwSt"
	due                        // what is to be paid
	paid                       // what was paid before
	cash                       // what was paid over the counter
	change                     // what was given back
	extra                      // an amount on top or off: shipping, discount
	rounding                   // an amount that rounds the total
	after                      // what stands after rounding or a discount
	strong                     // makes a total the total of the document
	filler                     // says nothing by itself
	on                         // announces the base of a tax: "Tax 15% on 112.90"
)

// moneyWords lists the words by trait, folded. A word that is not listed makes
// a label unknown, so that "Total hours" is no total.
var moneyWords = map[trait]string{
	total: `total totals totaal totale totales totaux gesamt summe endsumme suma somme totalt
		sum`,
	total | strong: `gesamtbetrag gesamtsumme endbetrag rechnungsbetrag rechnungssumme gesamtpreis eindtotaal
		totaalbedrag factuurbedrag grandtotal gesamtrechnungsbetrag rechnungsendbetrag`,
	total | gross | strong: `gross lordo ttc brutto bruttobetrag bruttosumme gesamtbrutto bruttogesamt gesamtbruttobetrag`,
	gross | strong: `incl inkl inc including inclusive inclusief inklusive ivato compris comprise comprises
		incluido incluida incluidos inclus incluse inclusa included enthalten enthaltene enthaelt`,
	net: `sub subtotal subtotaal subtotale zwischensumme zwischentotal nettobetrag nettosumme nettowert netto nettogesamt
		gesamtnetto nettototal excl exkl exclusive excluding exclusief exkl before without untaxed ohne ht hors neto
		imponible imponibile sous sin warenwert positionssumme sottototale taxable pretax gesamtnettobetrag
		summenetto esclusa escluso senza nettogesamtbetrag`,
	netEN: `net nett`,
	tax: `tax taxes vat gst sst mwst ust umsatzsteuer mehrwertsteuer steuer steuerbetrag steuern tva iva btw taxe hst pst
		mwstbetrag ustbetrag umsatzsteuerbetrag mehrwertsteuerbetrag impuestos impuesto imposta moms mva usst`,
	plus: `zzgl zuzuglich zuzugl plus`,
	due: `due payable pay zahlbetrag zahlen zahlender zahlbar payer restbetrag residual balance outstanding
		betalen pagar pagare saldo owed owing uberweisen offener falliger solde uberweisungsbetrag`,
	paid: `paid deposit anzahlung anzahlungen vorauszahlung prepayment prepaid acompte received bezahlt erhaltene erhalten
		paye reglement betaald pagado anticipo acconto advance credit bereits geleistete voucher`,
	cash: `cash tendered tender tendering gegeben bar visa mastercard card debit amex maestro eftpos kreditkarte karte
		especes efectivo contanti contant`,
	change: `change ruckgeld wechselgeld`,
	extra: `coupon promotion shipping versand versandkosten fracht frachtkosten porto freight delivery handling discount rabatt remise korting
		descuento sconto service srv svc charge chg fee gebuhr
		gebuhren tip gratuity surcharge zuschlag zuschlage abschlag abschlage nachlass skonto verpackung verpackungskosten
		transport livraison port verzendkosten envio spedizione lieferkosten disc`,
	rounding: `rounding round rnd rundung roundingadj adjustment adj adjusment adjust rundungsdifferenz arrondi`,
	after:    `after nach rounded`,
	strong:   `grand final invoice rechnung facture factura fattura factuur general generale bill finale`,
	filler: `amount amt betrag payment the of in de la le les du der die das des fur for and und et a montant importe bedrag importo sales
		sale eur euro euros usd gbp chf myr inr rm rs dem aud cad sgd nzd te to zu zur zum il el los las van het
		now this your ihr at s r i z e wert value all my y con mit with rate voor over dont in base`,
	on: `on auf von sur sobre`,
}

// moneyTraits looks a word of an amount's label up.
type moneyTraits map[string]trait

func newMoneyTraits() moneyTraits {
	m := moneyTraits{}
	for t, list := range moneyWords {
		for w := range strings.FieldsSeq(list) {
			m[w] |= t
		}
	}
	return m
}

// role is what an amount is to the document.
type role uint8

const (
	noRole role = iota
	totalRole
	dueRole
	netTotalRole // "net total": before tax, or what is left to pay
	subtotalRole
	taxRole
	extraRole
	roundingRole
	paidRole
	cashRole
	changeRole
)

// rank says how clearly a label names its role.
type rank uint8

const (
	noRank rank = iota
	weakRank
	plainRank  // "Total"
	strongRank // "Grand total", "Total TTC"
)

// moneyRole tells what a label's words make of the amount behind it. base is
// true when the first amount behind the label is the base of a tax and the
// second is meant.
func (m moneyTraits) moneyRole(words []string) (r role, k rank, base bool) {
	var all trait
	taxAt, totalAt := -1, -1
	for i, w := range words {
		t, ok := m[w]
		if !ok {
			if t, ok = compound(w); !ok {
				return noRole, noRank, false
			}
		}
		if t == on {
			base = i == len(words)-1
			continue
		}
		all |= t
		if t&tax != 0 && taxAt < 0 {
			taxAt = i
		}
		if t&(total|due) != 0 && totalAt < 0 {
			totalAt = i
		}
	}
	if all&gross != 0 && taxAt >= 0 && taxAt < totalAt {
		return taxRole, weakRank, base // "GST included in total"
	}
	r, k = judgeTraits(all)
	return r, k, base
}

// compound knows the endings of German compounds.
func compound(w string) (trait, bool) {
	switch {
	case strings.HasSuffix(w, "gesamtbetrag"), strings.HasSuffix(w, "rechnungsbetrag"):
		return total | strong, true
	case isDocumentWord(w):
		return strong, true
	}
	return 0, false
}

func judgeTraits(all trait) (role, rank) {
	has := func(t trait) bool { return all&t != 0 }
	switch {
	case has(change):
		return changeRole, plainRank
	case has(cash):
		return cashRole, plainRank
	case has(paid):
		return paidRole, plainRank
	case has(total|due) && has(after):
		return totalRole, strongRank // "Total after rounding"
	case has(rounding):
		return roundingRole, plainRank
	case has(extra):
		return extraRole, plainRank
	case has(tax) && (has(plus) || !has(net|netEN|gross)):
		return taxRole, plainRank
	case has(tax) && has(gross) && !has(total|due):
		return taxRole, weakRank // "incl. VAT 19%"
	case has(netEN) && has(due):
		return dueRole, strongRank // "Net à payer"
	case has(netEN) && !has(tax) && !has(net):
		return netTotalRole, plainRank
	case has(net | netEN):
		return subtotalRole, plainRank
	case has(due):
		return dueRole, plainRank
	case has(total) && has(strong):
		return totalRole, strongRank
	case has(total):
		return totalRole, plainRank
	}
	return noRole, noRank
}
