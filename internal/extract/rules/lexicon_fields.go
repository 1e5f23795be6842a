package rules

import "strings"

// vocabulary is a set of folded words or phrases.
type vocabulary map[string]bool

func vocab(list string) vocabulary {
	v := vocabulary{}
	for w := range strings.FieldsSeq(list) {
		v[w] = true
	}
	return v
}

// phrases is a set of folded phrases, one a line.
func phrases(list string) vocabulary {
	v := vocabulary{}
	for p := range strings.SplitSeq(list, "\n") {
		if p = strings.TrimSpace(p); p != "" {
			v[p] = true
		}
	}
	return v
}

func (v vocabulary) any(words []string) bool {
	for _, w := range words {
		if v[w] {
			return true
		}
	}
	return false
}

// lexicon holds the words of labels in English, German, French, Spanish, Dutch
// and Italian.
type lexicon struct {
	money       moneyTraits
	numberWords vocabulary // "no", "number": announce an identifier
	numberNames vocabulary // words that name the document's number by themselves
	dateWords   vocabulary // "date"
	issueDates  vocabulary // words that name the date of issue by themselves
	issueWords  vocabulary // "issued": make a date the date of issue
	dueWords    vocabulary // make a date the due date
	quiet       vocabulary // say nothing by themselves in these labels
	since       vocabulary // "vom": between a number and its date
	credit      vocabulary // words of documents that correct another one
	sellers     vocabulary // whole labels of who issued the document
	buyers      vocabulary // whole labels of who it is addressed to
	currencies  vocabulary // whole labels of the currency
	carried     vocabulary // words of amounts from an earlier document
	units       vocabulary // units of measure
	columns     map[string]column
}

func newLexicon() *lexicon {
	return &lexicon{
		money:       newMoneyTraits(),
		numberWords: vocab(`no nr number num numero nummer id n nro numer`),
		numberNames: vocab(`rechnungsnummer rechnungsnr rechnungsno belegnummer belegnr factuurnummer factuurnr invoicenumber
			invoiceno receiptno billno invno gutschriftsnummer gutschriftnummer rechnungnr belegno rechnungid`),
		dateWords: vocab(`date datum fecha data dated tag`),
		issueDates: vocab(`rechnungsdatum belegdatum factuurdatum ausstellungsdatum invoicedate rechnungsdat rechnungstag
			gutschriftsdatum gutschriftdatum belegtag`),
		issueWords: vocab(`issue issued issuing ausstellung ausgestellt ausstellungs emission emision emise emessa emissione
			d'emission transaction trans trx`),
		dueWords: vocab(`due fallig falligkeit falligkeitsdatum falligkeits zahlbar zahlungsziel echeance vencimiento scadenza
			vervaldatum vervaldag betaaldatum uiterste zahlungstermin zahldatum faelligkeitsdatum faellig`),
		quiet: vocab(`the of de la le les du der die das des fur for and und et e y d l del di da your our ihre ihr unsere unser
			tax simplified vat cash sales sale official electronic elektronische commercial customer s date time uhrzeit
			zeit point mon tue wed thu fri sat sun at bei by on am bis payment au le avant and or / am fiscal ordinaria simplificada cliente`),
		since: vocab(`vom von dated du del of van from di`),
		credit: vocab(`gutschrift gutschriftsnummer creditnote avoir abono rectificativa creditnota creditfactuur storno
			stornorechnung rechnungskorrektur korrekturrechnung notacredito refund`),
		sellers: phrases(`
			seller
			vendor
			supplier
			sold by
			issued by
			verkaufer
			lieferant
			rechnungssteller
			fournisseur
			vendeur
			emetteur
			vendedor
			proveedor
			emisor
			verkoper
			leverancier
			venditore
			fornitore`),
		buyers: phrases(`
			buyer
			customer
			customer name
			client
			bill to
			billed to
			invoice to
			invoiced to
			sold to
			kaufer
			kunde
			rechnungsempfanger
			rechnung an
			kaufer leistungsempfanger
			acheteur
			facture a
			destinataire
			comprador
			cliente
			facturar a
			koper
			klant
			acquirente`),
		currencies: phrases(`
			currency
			invoice currency
			wahrung
			rechnungswahrung
			devise
			moneda
			valuta
			divisa`),
		carried: vocab(`previous prior arrears opening outstanding overdue vormonat vorjahr vorherige ruckstand ancien anterieur
			anterior`),
		units:   vocab(`kg g mg t lb lbs oz km m m2 m3 mm cm l ml h hrs hours std stk pcs pc st kwh mwh gb mb tage days hours nights`),
		columns: newColumns(),
	}
}

// documentWords name the kind of document that this is about.
var documentWords = vocab(`invoice inv invoices rechnung rechnungs facture factura fattura factuur receipt bill beleg bon
	quittung gutschrift gutschrifts avoir abono creditnote creditnota quittungs kassenbon rcpt taxinvoice faktura facturas
	rechn doc document dokument rechnungskorrektur korrekturrechnung stornorechnung`)

// isDocumentWord knows compounds as well: "Handelsrechnung", but not
// "Abrechnung".
func isDocumentWord(w string) bool {
	if documentWords[w] {
		return true
	}
	rest, ok := strings.CutSuffix(w, "rechnung")
	if !ok || len(rest) < 3 {
		return false
	}
	for _, verb := range []string{"ab", "be", "ver", "an", "um", "auf", "hoch", "zu", "vor"} {
		if strings.HasSuffix(rest, verb) {
			return false
		}
	}
	return true
}

// joinPairs makes one word of the pairs that mean one thing.
func joinPairs(words []string) []string {
	out := words[:0:0]
	for i := 0; i < len(words); i++ {
		if i+1 < len(words) {
			switch words[i] + " " + words[i+1] {
			case "credit note", "credit memo", "credit nota", "nota credito":
				out = append(out, "creditnote")
				i++
				continue
			}
		}
		out = append(out, words[i])
	}
	return out
}

// numberRank tells how clearly a label says that the document's own number
// follows. The word that announces it must come last: in "Invoice no INV" the
// identifier has begun already.
func (x *lexicon) numberRank(words []string) (k rank, credit bool) {
	if len(words) == 0 {
		return noRank, false
	}
	words = joinPairs(words)
	document, number := false, false
	for i, w := range words {
		last := i == len(words)-1
		switch {
		case x.numberNames[w]:
			document, number = true, true
		case isDocumentWord(w):
			if document && number {
				return noRank, false // "Invoice no INV": the identifier has begun
			}
			document = true
		case x.numberWords[w]:
			number = true
		case x.quiet[w] && !last:
		default:
			return noRank, false
		}
		credit = credit || x.credit[w]
	}
	last := words[len(words)-1]
	switch {
	case document && number && (x.numberWords[last] || x.numberNames[last] || isDocumentWord(last)):
		return strongRank, credit
	case document && isDocumentWord(last):
		return plainRank, credit
	}
	return noRank, false
}

// dateRole is what a date is to the document.
type dateRole uint8

const (
	noDate    dateRole = iota
	plainDate          // "Date"
	issueDate
	dueDate
	otherDate // the date of something else: an order, a delivery
)

// dateRoleOf tells what a label makes of the date behind it.
func (x *lexicon) dateRoleOf(words []string) dateRole {
	words = joinPairs(words)
	var date, issue, document, due bool
	known := true
	for _, w := range words {
		switch {
		case x.issueDates[w]:
			date, issue = true, true
		case x.dueWords[w]:
			due = true
		case x.dateWords[w]:
			date = true
		case x.issueWords[w]:
			issue = true
		case isDocumentWord(w):
			document = true
		case x.numberWords[w], x.quiet[w]:
		default:
			known = false
			date = date || strings.HasSuffix(w, "datum") || strings.HasSuffix(w, "date")
		}
	}
	switch {
	case due && known:
		return dueDate
	case !known && (date || issue || due):
		return otherDate
	case !known:
		return noDate
	case date && (issue || document), issue && len(words) <= 2:
		return issueDate
	case date:
		return plainDate
	}
	return noDate
}
