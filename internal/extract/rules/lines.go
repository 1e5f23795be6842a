package rules

import (
	"fmt"
	"maps"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/internal/extract/place"
	"github.com/sluicehq/sluice/internal/extract/schema"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// Bounds on what is read of tables.
const (
	maxTables    = 8   // heads that are tried
	maxTableRows = 600 // lines below a head
	maxItems     = 200
)

// item is one line of a table.
type item struct {
	line        int // index into sheet.lines
	description cellRef
	amount      decimal.Decimal
	quantity    *decimal.Decimal
	price       *decimal.Decimal
	marks       [3]int // amount, quantity, price; -1 where absent
}

// table is the lines of an invoice.
type table struct {
	items []item
	sum   decimal.Decimal
}

// findLines reads the first table whose head names a description and an
// amount.
func (r *reader) findLines() table {
	tries := 0
	for li := range r.lines {
		head, ok := r.tableHead(li)
		if !ok {
			continue
		}
		if t := r.readTable(li, head); len(t.items) > 0 {
			return t
		}
		if tries++; tries == maxTables {
			break
		}
	}
	return table{}
}

// tableHead maps the columns of a head to the cells of line li.
func (r *reader) tableHead(li int) (map[column]cell, bool) {
	l := r.lines[li]
	if len(l.cells) < 2 {
		return nil, false
	}
	head := map[column]cell{}
	for _, c := range l.cells {
		kind := r.words.columns[phrase(r.text(l, c))]
		if _, twice := head[kind]; kind != noColumn && !twice {
			head[kind] = c
		}
	}
	_, description := head[descriptionColumn]
	_, amount := head[amountColumn]
	return head, description && amount
}

// readTable reads lines below a head until a line names a total or a tax.
func (r *reader) readTable(li int, head map[column]cell) table {
	var t table
	first := r.firstMarkFrom(li + 1)
	for n := li + 1; n < len(r.lines) && n-li <= maxTableRows && len(t.items) < maxItems; n++ {
		if r.endsTable(n) {
			break
		}
		last := first
		for last < len(r.marks) && r.marks[last].line == n {
			last++
		}
		if it, ok := r.readItem(n, first, last, head); ok {
			t.items = append(t.items, it)
			t.sum = t.sum.Add(it.amount)
		}
		first = last
	}
	return t
}

func (r *reader) firstMarkFrom(line int) int {
	for i, m := range r.marks {
		if m.line >= line {
			return i
		}
	}
	return len(r.marks)
}

// endsTable reports whether a cell of line n is the label of a sum.
func (r *reader) endsTable(n int) bool {
	l := r.lines[n]
	for _, c := range l.cells {
		t := r.text(l, c)
		if len(t) > maxLabel {
			continue
		}
		switch role, _, _ := r.words.money.moneyRole(labelWords(t)); role {
		case totalRole, subtotalRole, netTotalRole, taxRole, dueRole:
			return true
		}
	}
	return false
}

// labelWords are the words of a text without those that are numbers.
func labelWords(t string) []string {
	var list []string
	for _, w := range words(t) {
		if hasLetter(w) {
			list = append(list, w)
		}
	}
	return list
}

// readItem reads line n, whose marks are r.marks[first:last], as an item.
func (r *reader) readItem(n, first, last int, head map[column]cell) (item, bool) {
	l := r.lines[n]
	it := item{line: n, marks: [3]int{-1, -1, -1}}
	for i := first; i < last; i++ {
		m := r.marks[i]
		if m.kind != numberMark || m.passive() {
			continue
		}
		v, sure := r.amount(m)
		at := r.columns(m)
		switch {
		case !sure:
		case at.overlaps(head[amountColumn], 2) && m.number.Decimals != 0:
			it.amount, it.marks[0] = v, i
		case in(head, quantityColumn, at):
			it.quantity, it.marks[1] = &v, i
		case in(head, priceColumn, at):
			it.price, it.marks[2] = &v, i
		}
	}
	for _, c := range l.cells {
		if c.overlaps(head[descriptionColumn], 0) && hasLetter(r.text(l, c)) {
			it.description = cellRef{n, c.start, c.end}
			break
		}
	}
	return it, it.marks[0] >= 0 && it.description.end > 0
}

func in(head map[column]cell, kind column, at cell) bool {
	c, ok := head[kind]
	return ok && at.overlaps(c, 1)
}

// provenBy reports whether the lines add up to the subtotal or the total that
// the verdict found.
func (t table) provenBy(v verdict) bool {
	if len(t.items) == 0 || v.total == nil {
		return false
	}
	return t.sum.Equal(v.total.value) ||
		v.subtotal != nil && t.sum.Equal(v.subtotal.value) ||
		v.proof.how == "sum" && t.sum.Equal(v.proof.subtotal)
}

// itemNames lists the property names of a line by what they hold.
var itemNames = map[column]vocabulary{
	descriptionColumn: vocab(`description item name text product`),
	quantityColumn:    vocab(`quantity qty`),
	priceColumn:       vocab(`unitprice price priceunit`),
	amountColumn:      vocab(`amount total linetotal lineamount`),
}

// setLines sets the lines of the answer when they are proven.
func (a *answer) setLines(p schema.Property, t table, v verdict) {
	if !t.provenBy(v) {
		a.set(p, pick{reason: reasonMissing})
		return
	}
	list := make([]any, len(t.items))
	fields := map[string]jobs.Field{}
	for i, it := range t.items {
		object := map[string]any{}
		for _, member := range p.Properties {
			name := strings.ReplaceAll(phrase(splitName(member.Name)), " ", "")
			for column, names := range itemNames {
				if value, cite, ok := a.itemValue(it, column); names[name] && ok && member.Fits(value) {
					object[member.Name] = value
					fields[fmt.Sprintf("%s/%d/%s", p.Pointer, i, member.Name)] = jobs.Field{
						Confidence: 0.9, ValueFrom: jobs.FromChecksum, Tier: Tier,
						Citations: []jobs.Citation{cite}, Checks: []string{"line_sum"},
					}
				}
			}
		}
		list[i] = object
	}
	if !p.Fits(list) {
		a.set(p, pick{reason: reasonUnfit})
		return
	}
	a.data[p.Name] = list
	maps.Copy(a.fields, fields)
}

// itemValue returns what an item has in a column. Quantity and price count only
// together, when they multiply to the amount.
func (a *answer) itemValue(it item, c column) (value any, cite jobs.Citation, ok bool) {
	page := a.pages[a.lines[it.line].page]
	at := func(i int) jobs.Citation { return place.Cite(page, a.marks[i].start, a.marks[i].end) }
	multiplies := it.quantity != nil && it.price != nil && it.quantity.Mul(*it.price).Round(2).Equal(it.amount)
	switch {
	case c == descriptionColumn:
		cite := place.Cite(page, it.description.start, it.description.end)
		return cite.Text, cite, true
	case c == amountColumn:
		return number(it.amount), at(it.marks[0]), true
	case c == quantityColumn && multiplies:
		return number(*it.quantity), at(it.marks[1]), true
	case c == priceColumn && multiplies:
		return number(*it.price), at(it.marks[2]), true
	}
	return nil, jobs.Citation{}, false
}
