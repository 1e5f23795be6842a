package modelsim

import (
	"slices"
	"strings"
	"unicode"
)

// kind is what a label announces. Its name is the usual name of the property in
// a schema.
type kind string

// The kinds that the reader knows by itself.
const (
	kindNumber   kind = "invoice_number"
	kindDate     kind = "invoice_date"
	kindDue      kind = "due_date"
	kindTotal    kind = "total"
	kindSubtotal kind = "subtotal"
	kindTax      kind = "tax"
	kindCurrency kind = "currency"
	kindSeller   kind = "seller"
	kindBuyer    kind = "buyer"
	kindVATID    kind = "vat_id"
	kindIBAN     kind = "iban"
)

// column is a kind of column in a table of lines.
type column string

const (
	colDescription column = "description"
	colQuantity    column = "quantity"
	colUnitPrice   column = "unit_price"
	colAmount      column = "amount"
)

// lexicon is the words that the reader knows, normalised. It is read only.
type lexicon struct {
	labels map[string]kind
	heads  map[string]column
	titles []string
	// weak lists labels that say what they mean only by the way; they count
	// where no other label of their kind has a value.
	weak []string
}

func newLexicon() *lexicon {
	return &lexicon{
		labels: invert(map[kind]string{
			kindNumber: "invoice no|invoice number|invoice id|invoice|tax invoice no|simplified invoice no|receipt no|" +
				"rechnungsnummer|rechnung nr|rechnungs nr|rechnungsnr|rechnung|belegnummer|beleg nr|" +
				"facture n|facture no|n de facture|numéro de facture|facture",
			kindDate: "invoice date|date of issue|issue date|issued|date|rechnungsdatum|datum|" +
				"date de facture|date de la facture|date d émission",
			kindDue: "due date|payment due|due by|pay by|due|zahlbar bis|fällig am|fälligkeitsdatum|fälligkeit|" +
				"date d échéance|échéance|à régler avant le",
			kindTotal: "total due|amount due|grand total|invoice total|total amount|amount payable|total to pay|balance due|" +
				"total incl vat|total|gesamtbetrag|rechnungsbetrag|zahlbetrag|zu zahlen|gesamtsumme|endbetrag|bruttobetrag|gesamt|summe|" +
				"total ttc|montant total ttc|net à payer|total à payer",
			kindSubtotal: "subtotal|sub total|net total|net amount|total net|total excl vat|net|" +
				"nettobetrag|zwischensumme|summe netto|netto|total ht|montant ht|sous total",
			kindTax:      "vat|vat amount|tax|sales tax|mwst|zzgl mwst|ust|zzgl ust|umsatzsteuer|mehrwertsteuer|tva|montant tva",
			kindCurrency: "currency|währung|devise",
			kindSeller:   "seller|vendor|supplier|from|lieferant|verkäufer|rechnungssteller|fournisseur|vendeur|émetteur",
			kindBuyer: "bill to|billed to|buyer|customer|invoice to|sold to|to|rechnung an|rechnungsempfänger|kunde|käufer|" +
				"client|facturé à|acheteur|destinataire",
			kindVATID: "vat id|vat no|vat number|vat reg no|ust idnr|ust id nr|ust id|n tva|tva intracommunautaire",
			kindIBAN:  "iban",
		}),
		heads: invert(map[column]string{
			colDescription: "description|item|article|service|goods|artikel|beschreibung|bezeichnung|leistung|désignation",
			colQuantity:    "qty|quantity|hours|menge|anzahl|stunden|qté|quantité",
			colUnitPrice:   "unit price|price|rate|einzelpreis|preis|e preis|prix unitaire|prix unitaire ht|pu ht",
			colAmount:      "amount|line total|total|betrag|gesamt|gesamtpreis|montant|montant ht|total ht",
		}),
		titles: strings.Split("invoice|tax invoice|simplified invoice|receipt|page|rechnung|quittung|seite|facture", "|"),
		weak:   strings.Split("total|gesamt|summe|date|datum|invoice|rechnung|facture|net|netto|due|to|from", "|"),
	}
}

func invert[K ~string](words map[K]string) map[string]K {
	out := map[string]K{}
	for k, list := range words {
		for w := range strings.SplitSeq(list, "|") {
			out[w] = k
		}
	}
	return out
}

func (l *lexicon) isWeak(label string) bool { return slices.Contains(l.weak, label) }

// normalise turns a label into lower-case words with single spaces between
// them. What stands in brackets, percentages and bare numbers are no part of a
// label.
func normalise(label string) string {
	var words []string
	depth := 0
	for _, word := range strings.FieldsFunc(strings.ToLower(label), isLabelGap) {
		open, closed := strings.Count(word, "("), strings.Count(word, ")")
		inside := depth > 0 || open > 0
		depth = max(0, depth+open-closed)
		word = strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '%' })
		if !inside && word != "" && !strings.HasSuffix(word, "%") && !isNumberWord(word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

func isLabelGap(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune(".-'’°#/_", r)
}

func isNumberWord(word string) bool {
	return !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsDigit(r) && r != ',' && r != '.' })
}
