package rules

import (
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract/literal"
)

// reader holds what is known about one document while it is read.
type reader struct {
	*sheet
	words  *lexicon
	labels []label // of each mark
	style  literal.Style
	order  dateOrder
	// cents is true when some amount has two decimals: then a bare whole
	// number is rather a quantity than an amount.
	cents bool
}

func read(text document.Text, lex *lexicon) *reader {
	s := layOut(text)
	s.findMarks()
	r := &reader{sheet: s, words: lex, labels: make([]label, len(s.marks))}
	var numbers []literal.Number
	for i, m := range s.marks {
		r.labels[i] = s.unwrap(m.line, s.labelOf(i))
		if m.kind == numberMark {
			numbers = append(numbers, m.number)
			r.cents = r.cents || m.number.Decimals == 2 && !m.number.Percent
		}
	}
	r.style = literal.StyleOf(numbers)
	r.order = r.findDateOrder()
	return r
}

// amount returns the value of a number mark, and whether it can be read in one
// way only.
func (r *reader) amount(m mark) (decimal.Decimal, bool) {
	v, ok := m.number.Value(r.style)
	if !ok || m.number.UnsureSign {
		return v, false
	}
	if m.number.Spaced && (m.number.Proves != literal.StyleComma || m.number.Currency == "") {
		return v, false // "2 120.00" may be a quantity and an amount
	}
	return v, true
}

// dateOrder says how the document writes dates in digits with / or -.
type dateOrder struct {
	order literal.Order
	known bool
}

// day returns the day of a date mark, and whether it is certain.
func (r *reader) day(m mark) (literal.Day, bool) {
	if d, ok := m.date.Only(); ok {
		return d, true
	}
	if !r.order.known {
		return literal.Day{}, false
	}
	return m.date.As(r.order.order)
}

// findDateOrder looks for proof: a date that only one order allows, else the
// language of the document, else a currency whose countries agree. English
// alone proves nothing.
func (r *reader) findDateOrder() dateOrder {
	var dayFirst, monthFirst bool
	for _, m := range r.marks {
		if m.kind != dateMark || m.date.Separator == '.' || m.date.Separator == 0 || m.date.ShortYear {
			continue
		}
		_, d := m.date.As(literal.DayFirst)
		_, a := m.date.As(literal.MonthFirst)
		dayFirst, monthFirst = dayFirst || d && !a, monthFirst || a && !d
	}
	switch {
	case dayFirst && monthFirst:
		return dateOrder{}
	case dayFirst:
		return dateOrder{literal.DayFirst, true}
	case monthFirst:
		return dateOrder{literal.MonthFirst, true}
	case r.speaksDayFirst(), r.paysDayFirst():
		return dateOrder{literal.DayFirst, true}
	}
	return dateOrder{}
}

// smallWords are frequent words by language; those that two languages share
// are left out.
var smallWords = map[string]vocabulary{
	"en": vocab(`the and of for with your by this please from payment invoice date total tax amount thank you`),
	"de": vocab(`der die das und fur mit bitte ihre ihr auf bei zur rechnung datum betrag menge summe netto vom wir`),
	"fr": vocab(`le les des et pour avec votre sur du facture montant prix une quantite taxe paiement client`),
	"es": vocab(`el los las para su por y factura fecha cantidad importe precio cliente iva pago`),
	"nl": vocab(`het een van voor met uw op factuur bedrag aantal prijs btw klant totaal naar`),
	"it": vocab(`il della di per con fattura importo prezzo quantita totale imponibile pagamento gli`),
}

// speaksDayFirst reports whether the document is clearly in a language of the
// European continent, where the day comes first.
func (r *reader) speaksDayFirst() bool {
	count := map[string]int{}
	for _, p := range r.pages {
		for w := range strings.FieldsFuncSeq(literal.Fold(p.Text[:min(len(p.Text), 64<<10)]), notLetter) {
			for language, list := range smallWords {
				if list[w] {
					count[language]++
				}
			}
		}
	}
	english := count["en"]
	delete(count, "en")
	best := 0
	for _, n := range count {
		best = max(best, n)
	}
	return best >= 5 && best >= 2*english
}

func notLetter(r rune) bool { return r < 'a' || r > 'z' }

// dayFirstCurrencies are those whose countries all put the day first. The
// euro is not among them: documents in English with euros come in both orders.
var dayFirstCurrencies = vocab(`GBP MYR INR Rs SGD AUD NZD ZAR CHF BRL AED SAR THB IDR PLN CZK NOK DKK RON BGN DEM MXN`)

// paysDayFirst reports whether all amounts with a currency are in such
// currencies.
func (r *reader) paysDayFirst() bool {
	found := false
	for _, m := range r.marks {
		if m.kind != numberMark || m.number.Currency == "" {
			continue
		}
		if !dayFirstCurrencies[m.number.Currency] {
			return false
		}
		found = true
	}
	return found || r.mentionsRinggit()
}

// mentionsRinggit looks for RM, which stands above columns rather than beside
// amounts.
func (r *reader) mentionsRinggit() bool {
	for _, p := range r.pages {
		if _, _, ok := literal.FindCurrency(p.Text, "MYR"); ok {
			return true
		}
	}
	return false
}
