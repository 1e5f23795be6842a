package modelsim

import (
	"slices"
	"strings"
	"unicode"
)

// facts is what the reader found in a document.
type facts struct {
	known         map[kind]fact
	seller, buyer party
	lines         []line
	// labels maps every normalised label to the first value that it announces.
	labels map[string]string
}

// fact is a value of the document.
type fact struct {
	// text is the value as it stands there, or a date as YYYY-MM-DD.
	text string
	// amount is its number, when the text is one.
	amount amount
}

type party struct{ name, address, vatID string }

// maxAddress bounds an address, in lines.
const maxAddress = 5

// read reads a document.
func (l *lexicon) read(text string) facts {
	rows := splitRows(text)
	all := pairs(rows)
	f := facts{known: map[kind]fact{}, labels: map[string]string{}}
	for _, p := range all {
		if _, ok := f.labels[p.label]; !ok && p.label != "" {
			f.labels[p.label] = p.value
		}
	}
	l.readText(&f, all)
	l.readMoney(&f, all)
	f.seller = l.findParty(rows, all, kindSeller)
	f.buyer = l.findParty(rows, all, kindBuyer)
	if f.seller.name == "" {
		f.seller = l.letterhead(rows)
	}
	f.seller.vatID = f.known[kindVATID].text
	f.lines = l.readLines(rows)
	return f
}

func (l *lexicon) readText(f *facts, all []pair) {
	accept := map[kind]func(string) (string, bool){
		kindNumber: parseIdentifier, kindDate: parseDate, kindDue: parseDate,
		kindCurrency: parseCurrency, kindVATID: parseCode, kindIBAN: parseCode,
	}
	for k, parse := range accept {
		if v, ok := l.agree(all, k, parse); ok {
			f.known[k] = fact{text: v}
		}
	}
}

// readMoney reads the sums. A currency beside a sum counts where no label names
// one. Sums stand beside their label, never under it: below a "Total" in the
// head of a table is the total of a line.
func (l *lexicon) readMoney(f *facts, all []pair) {
	var beside []pair
	for _, p := range all {
		if !p.under {
			beside = append(beside, p)
		}
	}
	accept := func(s string) (string, bool) {
		a, currency, ok := parseAmount(s)
		if _, named := f.known[kindCurrency]; ok && currency != "" && !named {
			f.known[kindCurrency] = fact{text: currency}
		}
		return string(a), ok
	}
	for _, k := range []kind{kindTotal, kindSubtotal, kindTax} {
		if v, ok := l.agree(beside, k, accept); ok {
			f.known[k] = fact{text: v, amount: amount(v)}
		}
	}
}

// findParty reads the block that a label such as "Bill to" begins.
func (l *lexicon) findParty(rows []row, all []pair, k kind) party {
	for _, p := range all {
		if l.labels[p.label] != k || !isName(p.value) {
			continue
		}
		if p.under {
			return block(rows, p.row+1, p.at.from)
		}
		if strings.Contains(p.at.text, ":") {
			return party{name: p.value}
		}
	}
	return party{}
}

// letterhead reads the block at the top of the page.
func (l *lexicon) letterhead(rows []row) party {
	for i, r := range rows {
		for _, c := range r {
			if isName(c.text) && !slices.Contains(l.titles, c.label) {
				return block(rows, i, c.from)
			}
		}
	}
	return party{}
}

// block reads a name and the address under it, in the column that begins at
// from, up to an empty place or a label.
func block(rows []row, first, from int) party {
	var p party
	var address []string
	for i := first; i < len(rows) && len(address) < maxAddress; i++ {
		text := ""
		for _, c := range rows[i] {
			if abs(c.from-from) <= 2 {
				text = c.text
			}
		}
		if text == "" || strings.Contains(text, ":") {
			break
		}
		if p.name == "" {
			p.name = text
			continue
		}
		address = append(address, text)
	}
	p.address = strings.Join(address, "\n")
	return p
}

// isName reports whether s could be the name of a company or a person.
func isName(s string) bool {
	_, isDate := parseDate(s)
	return strings.ContainsFunc(s, unicode.IsLetter) && !isDate && len(s) <= 120 && !strings.Contains(s, ":")
}

// parseIdentifier takes what looks like a document's number: short, with a
// digit, in one word or two.
func parseIdentifier(s string) (string, bool) {
	_, isDate := parseDate(s)
	ok := len(s) <= 40 && strings.ContainsAny(s, "0123456789") && len(strings.Fields(s)) <= 2 && !strings.Contains(s, ":")
	return s, ok && !isDate
}

// parseCode takes the number of an account or a tax payer, which starts with a
// country and may be printed in groups.
func parseCode(s string) (string, bool) {
	compact := strings.ReplaceAll(s, " ", "")
	ok := len(compact) >= 8 && len(compact) <= 34 && compact[0] >= 'A' && compact[0] <= 'Z' && strings.ContainsAny(compact, "0123456789")
	return s, ok
}
