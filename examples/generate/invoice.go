package main

import (
	"fmt"
	"strconv"
	"strings"
)

// invoice is what one example invoice says. Money is in cents.
type invoice struct {
	file   string
	words  words
	letter bool  // laid out as a German business letter, else as a form
	ink    color // of the letterhead and the head of the table
	seller party
	buyer  party
	number string
	facts  [][2]string // more lines under the number: dates, references
	rate   int         // VAT in percent
	lines  []line
	notes  []string // below the totals
	foot   []string // at the bottom of every page, side by side
	// wrongTotal stands in place of the sums where the document is meant to
	// contradict itself; 0 prints the true ones.
	wrongTotal int
}

type party struct {
	name, trade string
	address     []string
}

// line is one row of the table. quantity is in hundredths.
type line struct {
	text     string
	quantity int
	price    int
}

func (l line) amount() int { return (l.quantity*l.price + 50) / 100 }

// words are the texts of a language and its way to write numbers.
type words struct {
	title, number, billTo           string // billTo is not printed on a letter
	description, quantity, price    string
	amount, subtotal, tax, totalDue string
	payable                         string // a second line with the total, where it is printed at all
	page                            string
	thousands, point, currency      string
}

func english(currency, tax string) words {
	return words{
		title: "INVOICE", number: "Invoice No:", billTo: "Bill to",
		description: "Description", quantity: "Qty", price: "Unit price", amount: "Amount",
		subtotal: "Subtotal", tax: tax + " %d%%", totalDue: "Total due", payable: "Amount payable:", page: "Page %d of %d",
		thousands: ",", point: ".", currency: currency,
	}
}

func german() words {
	return words{
		title: "Rechnung", number: "Rechnungsnummer:",
		description: "Beschreibung", quantity: "Menge", price: "Einzelpreis", amount: "Betrag",
		subtotal: "Nettobetrag", tax: "zzgl. %d %% MwSt.", totalDue: "Gesamtbetrag", page: "Seite %d von %d",
		thousands: ".", point: ",", currency: "EUR",
	}
}

func french() words {
	return words{
		title: "FACTURE", number: "Facture n° :", billTo: "Facturé à",
		description: "Désignation", quantity: "Qté", price: "Prix unitaire", amount: "Montant HT",
		subtotal: "Total HT", tax: "TVA %d %%", totalDue: "Total TTC", page: "Page %d sur %d",
		thousands: "\u00a0", point: ",", currency: "EUR",
	}
}

// decimal writes hundredths.
func (w words) decimal(hundredths int) string {
	whole := strconv.Itoa(hundredths / 100)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + w.thousands + whole[i:]
	}
	return fmt.Sprintf("%s%s%02d", whole, w.point, hundredths%100)
}

// money writes cents with the currency, on the side where the language has it.
func (w words) money(cents int) string {
	switch w.currency {
	case "GBP":
		return "£" + w.decimal(cents)
	case "USD":
		return "$" + w.decimal(cents)
	default:
		return w.decimal(cents) + " €"
	}
}

// count writes a quantity without needless zeros.
func (w words) count(l line) string {
	s := w.decimal(l.quantity)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), w.point)
}

// totals are what the lines add up to. VAT is rounded half up, once.
func (v invoice) totals() (subtotal, tax, total int) {
	for _, l := range v.lines {
		subtotal += l.amount()
	}
	tax = (subtotal*v.rate + 50) / 100
	return subtotal, tax, subtotal + tax
}
