package rules_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/extract/rules"
)

// language is how an invoice of a country is labelled.
type language struct{ number, date, net, tax, total, on string }

var languages = []language{
	{"Invoice No: %s", "Invoice date: %s", "Subtotal", "VAT %s%%", "Total", "2025-06-17"},
	{"Rechnungsnummer: %s", "Rechnungsdatum: %s", "Nettobetrag", "MwSt. %s %%", "Gesamtbetrag", "17.06.2025"},
	{"Facture n° %s", "Date de facture : %s", "Total HT", "TVA (%s %%)", "Total TTC", "17 juin 2025"},
	{"Factura nº %s", "Fecha: %s", "Base imponible", "IVA %s %%", "Total factura", "17 de junio de 2025"},
	{"Factuurnummer: %s", "Factuurdatum: %s", "Subtotaal", "BTW %s%%", "Totaal", "17 juni 2025"},
	{"Fattura n. %s", "Data fattura: %s", "Imponibile", "IVA %s%%", "Totale", "17 giugno 2025"},
}

// bill is an invoice that the property draws.
type bill struct {
	language      language
	number, rate  string
	net, tax, sum decimal.Decimal
	comma         bool
}

func drawBill(t *rapid.T) bill {
	b := bill{
		language: rapid.SampledFrom(languages).Draw(t, "language"),
		number:   rapid.StringMatching(`[A-Z]{1,2}-[0-9]{3,6}`).Draw(t, "number"),
		rate:     rapid.SampledFrom([]string{"5", "7", "10", "19", "20", "21"}).Draw(t, "rate"),
		net:      decimal.New(rapid.Int64Range(100, 9_999_999).Draw(t, "net"), -2),
		comma:    rapid.Bool().Draw(t, "comma"),
	}
	b.tax = b.net.Mul(decimal.RequireFromString(b.rate)).Shift(-2).Round(2)
	b.sum = b.net.Add(b.tax)
	return b
}

// amount writes an amount with thousands separators.
func (b bill) amount(v decimal.Decimal) string {
	point, group := ".", ","
	if b.comma {
		point, group = ",", "."
	}
	whole, cents, _ := strings.Cut(v.StringFixed(2), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + group + whole[i:]
	}
	return whole + point + cents
}

func (b bill) text() string {
	l := b.language
	row := func(label string, v decimal.Decimal) string {
		return fmt.Sprintf("%-40s%15s EUR\n", label, b.amount(v))
	}
	return fmt.Sprintf(l.number, b.number) + "\n" + fmt.Sprintf(l.date, l.on) + "\n\n" +
		row(l.net, b.net) + row(fmt.Sprintf(l.tax, b.rate), b.tax) + row(l.total, b.sum)
}

func TestAnInvoiceThatAddsUpIsReadInEveryLanguage(t *testing.T) {
	t.Parallel()
	s, parser := invoiceSchema(t), rules.New()
	rapid.Check(t, func(t *rapid.T) {
		b := drawBill(t)
		o := parser.Run(pages(b.text()), s)
		var got struct {
			Number               string `json:"invoice_number"`
			Date                 string `json:"invoice_date"`
			Subtotal, Tax, Total json.Number
		}
		if err := json.Unmarshal(o.Result.Data, &got); err != nil {
			t.Fatal(err)
		}
		if !o.Complete || got.Number != b.number || got.Date != "2025-06-17" || got.Total.String() != b.sum.StringFixed(2) ||
			got.Subtotal.String() != b.net.StringFixed(2) || got.Tax.String() != b.tax.StringFixed(2) {
			t.Fatalf("complete %v %v: %s\n%s", o.Complete, o.Reasons, o.Result.Data, b.text())
		}
	})
}

// With one amount misread the sum no longer holds. The rules may only answer if
// the amounts agree on the true total in another way.
func TestAMisreadTotalIsNeverAccepted(t *testing.T) {
	t.Parallel()
	s, parser := invoiceSchema(t), rules.New()
	rapid.Check(t, func(t *rapid.T) {
		b := drawBill(t)
		truth := b.sum.StringFixed(2)
		off := decimal.New(rapid.Int64Range(3, 100_000).Draw(t, "off"), -2)
		switch rapid.IntRange(0, 2).Draw(t, "which") {
		case 0:
			b.net = b.net.Add(off)
		case 1:
			b.tax = b.tax.Add(off)
		default:
			b.sum = b.sum.Add(off)
		}
		if o := parser.Run(pages(b.text()), s); o.Complete && !strings.Contains(string(o.Result.Data), `"total":`+truth+"}") {
			t.Fatalf("accepted %s, want %s\n%s", o.Result.Data, truth, b.text())
		}
	})
}
