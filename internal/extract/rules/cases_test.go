package rules_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/extract/rules"
)

// outcomeOf reads a text under the invoice schema and returns one value, or the
// reason why there is none.
func outcomeOf(t *testing.T, text, name string) string {
	t.Helper()
	o := rules.New().Run(pages(text), invoiceSchema(t))
	var data map[string]json.RawMessage
	if err := json.Unmarshal(o.Result.Data, &data); err != nil {
		t.Fatal(err)
	}
	if v, ok := data[name]; ok {
		return strings.Trim(string(v), `"`)
	}
	if i := slices.IndexFunc(o.Reasons, func(r string) bool { return strings.HasSuffix(r, ":/"+name) }); i >= 0 {
		return strings.TrimSuffix(o.Reasons[i], ":/"+name)
	}
	return "none"
}

// outcomeCase is a text and what outcomeOf gives for it.
type outcomeCase struct{ name, text, want string }

// wantOutcomes looks at the value of one name in each text.
func wantOutcomes(t *testing.T, name string, cases []outcomeCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := outcomeOf(t, tt.text, name); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTotals(t *testing.T) {
	t.Parallel()
	wantOutcomes(t, "total", []outcomeCase{
		{"plain", "Total  12.00", "12.00"},
		{"two labels agree", "Total  12.00\nGrand total  12.00", "12.00"},
		{"after rounding", "Total incl. GST  8.11\nRounding adj  -0.01\nTotal rounded  8.10\nCash  50.00\nChange  41.90", "8.10"},
		{"rounding without its sign", "Total  30.91\nRounding  0.01\nTotal after rounding  30.90", "30.90"},
		{"rounding on the way", "Subtotal  4.60\nTax  0.28\nRounding  0.02\nTotal  4.90", "4.90"},
		{"rounded only when paid", "Total  60.31\nRounding  -0.01\nCash  60.30", "60.30"},
		{"rounding without an amount", "Total  26.11\nRounding adjustment\n", "ambiguous"},
		{"rounding that leads nowhere", "Total  26.11\nRounding  0.02", "ambiguous"},
		{"discount printed positive", "Subtotal  79.60\nDiscount  30.00\nTotal  49.60", "49.60"},
		{"discount and service", "Subtotal  79.60\nDiscount  -30.00\nTotal  49.60\nService charge 10%  4.96\nGST  3.27\nGrand total  57.83", "57.83"},
		{"shipping", "Net amount  100.00\nShipping  5.00\nVAT  21.00\nTotal  126.00", "126.00"},
		{"cash and change", "Total  12.10\nCash  20.00\nChange  7.90", "12.10"},
		{"change says otherwise", "Total  14.18\nCash  20.20\nChange  6.00", "total_mismatch"},
		{"less cash than the total", "Total  10.00\nCash  1.00", "total_mismatch"},
		{"tax within the total", "Total incl. GST  5.00\nGST @6% included in total  0.28", "5.00"},
		{"tax within, beside its base", "Total  8.20\nRate  Base  Tax\nSR   7.74   0.46\nGST  0.46", "8.20"},
		{"base of the tax, paid exactly", "Total  100.00\nVAT 20%  20.00\nCash  120.00\nChange  20.00", "total_mismatch"},
		{"tax that nothing explains", "Total  100.00\nVAT  13.00", "total_mismatch"},
		{"a clearer label lost its amount", "1   Total  11.60\nTotal incl. GST:\n", "ambiguous"},
		{"row of quantity and amount", "Total:  2    12.00", "missing"},
		{"quantity", "Pens  1.50\nTotal:  5", "missing"},
		{"whole amounts throughout", "Room  Rs 1939\nGrand total  Rs 1939", "1939"},
		{"due, and nothing else", "Amount due  75.00", "75.00"},
		{"due with a deposit", "Deposit  25.00\nAmount due  75.00", "ambiguous"},
		{"due that is not the total", "Total  100.00\nSubtotal  80.00\nTax  40.00\nAmount due  120.00", "ambiguous"},
		{"net total alone", "Net total  50.00", "ambiguous"},
		{"net total with tax", "Net total  50.00\nTax  5.00\nTotal  55.00", "55.00"},
		{"zero tax", "Total HT  530,75 €\nTotal taxes  0,00 €\nTotal TTC  530,75 €", "530.75"},
		{"subtotal that does not lead there", "Subtotal  90.00\nTotal  100.00", "total_mismatch"},
		{"tax computed on a printed base", "Tax 15% on $ 112.90    $ 16.94\nSubtotal  $ 262.90\nTotal  $ 279.84", "279.84"},
		{"summary in columns", "Subtotal     Tax     Total\n100.00       19.00   119.00\n", "119.00"},
		{"head of a table", "Item         Total\nPens         3.00\nInk          4.00\n", "missing"},
		{"negative", "Total  -45.00", "-45.00"},
		{"brackets may mean minus", "Total  (45.00)", "missing"},
		{"thousands or decimals", "Total  1.234", "missing"},
		{"thousands by the other amounts", "Item  12,50\nTotal  1.234", "1234"},
		{"hours", "Total hours  12.00", "missing"},
		{"in a sentence", "The total is 12.00", "missing"},
		{"weight", "Brutto  12,50 kg\nGesamtbetrag  99,00 €", "99.00"},
		{"unknown words", "Total care plan  12.00", "missing"},
	})
}

func TestNumbersOfDocuments(t *testing.T) {
	t.Parallel()
	wantOutcomes(t, "invoice_number", []outcomeCase{
		{"label", "Invoice No: 7", "7"},
		{"label behind", "Nummer der Rechnung: 4711", "4711"},
		{"word and telling number", "Facture FA-2017-0010", "FA-2017-0010"},
		{"compound", "Mietrechnung (387) Nr. 93/00/M vom 01.10.2018", "93/00/M"},
		{"not a compound of invoice", "Abrechnung Nr. 93/00/M", "missing"},
		{"word and a year", "Invoice 2024", "missing"},
		{"begun already", "Invoice No INV 2023", "missing"},
		{"goes on", "Invoice No: 2023 001", "missing"},
		{"goes on with letters", "Invoice No: 2023 AB", "missing"},
		{"two on a line", "Invoice No: 2023-1 Date: 2023-01-05", "2023-1"},
		{"of another document", "Original invoice no: 12345", "missing"},
		{"of the order", "Order no: 12345", "missing"},
		{"of the customer", "Kundennummer: 12345", "missing"},
		{"of the tax office", "VAT no: 12345", "missing"},
		{"two different", "Invoice no: 12345\nInvoice no: 12346", "ambiguous"},
		{"twice the same", "Invoice no: 12345\nInvoice no: 12345", "12345"},
		{"credit note", "Credit note no: CN-1\nInvoice no: INV-1", "CN-1"},
		{"an amount", "Rechnung  34,73 €", "missing"},
		{"not an invoice", "Buchungshilfe - KEINE Rechnung Nr. 471102", "missing"},
	})
}

func TestDatesOfDocuments(t *testing.T) {
	t.Parallel()
	wantOutcomes(t, "invoice_date", []outcomeCase{
		{"label", "Invoice date: 2025-03-04", "2025-03-04"},
		{"behind the number", "Rechnung Nr. 17 vom 4.3.2025", "2025-03-04"},
		{"behind the number, apart", "Rechnung Nr. 17         vom     4.3.2025", "2025-03-04"},
		{"plain beside explicit", "Date: 2025-01-01\nInvoice date: 2025-03-04", "2025-03-04"},
		{"two plain", "Date: 2025-01-01\nDate: 2025-03-04", "ambiguous"},
		{"the only date", "ACME Ltd\nBerlin, 4 March 2025", "2025-03-04"},
		{"the only date, of something else", "Delivery date: 2025-03-04", "missing"},
		{"under an unknown label", "Paper size: 2025-03-04", "missing"},
		{"due", "Due date: 2025-03-04", "missing"},
		{"proven by another date", "Invoice date: 03/04/2025\nDue date: 04/30/2025", "2025-03-04"},
		{"proof against proof", "Invoice date: 03/04/2025\nDue date: 04/30/2025\nPaid on 31/03/2025\nTotal £5.00", "ambiguous_date"},
		{"dollars prove nothing", "Invoice date: 03/04/2025\nTotal $5.00", "ambiguous_date"},
		{"pounds put the day first", "Invoice date: 03/04/2025\nTotal £5.00", "2025-04-03"},
		{"two currencies", "Invoice date: 03/04/2025\nTotal £5.00\nTotal $6.00", "ambiguous_date"},
		{"the language puts it first", "Date de facture : 03/04/2025\nMontant à payer pour la facture, avec votre règlement\nles prix et la taxe", "2025-04-03"},
		{"day and month are the same", "Invoice date: 04/04/2025", "2025-04-04"},
		{"impossible", "Invoice date: 31.02.2025", "missing"},
	})
}

func TestCurrencies(t *testing.T) {
	t.Parallel()
	wantOutcomes(t, "currency", []outcomeCase{
		{"beside the amount", "Total 5.00 EUR", "EUR"},
		{"under its label", "Currency: USD\nTotal 5.00", "USD"},
		{"label and amounts disagree", "Currency: EUR\nTotal £5.00", "none"},
		{"two", "Total 5.00 EUR\nTotal 6.00 USD", "none"},
		{"a sign of several countries", "Total $5.00", "none"},
		{"not a currency", "Currency: XYZ", "none"},
	})
}

func TestADocumentThatIsNotReadToItsEndIsNeverComplete(t *testing.T) {
	t.Parallel()
	const good = "Invoice no: A-1\nInvoice date: 2025-01-02\nTotal 5.00\n"
	for name, rest := range map[string]string{"text": strings.Repeat("x", 2<<20), "amounts": strings.Repeat("7.00 ", 60_000)} {
		o := rules.New().Run(pages(good+"\f"+rest), invoiceSchema(t))
		if o.Complete || !slices.Contains(o.Reasons, "too_long:") {
			t.Errorf("%s: complete %v, %v", name, o.Complete, o.Reasons)
		}
	}
}
