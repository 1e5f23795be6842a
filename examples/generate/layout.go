package main

import (
	"fmt"
	"strings"
)

// Columns and rows of the invoice form, in points.
const (
	left       = 56
	rightEdge  = pageWidth - 56
	metaColumn = 352 // labels of the block with the number and the dates
	quantityAt = 344 // right edge
	priceAt    = 438 // right edge
	rowHeight  = 21
	lastRow    = 690 // no row of the table below

	blockHeight = 14 // from line to line of an address and of the facts beside it
)

// form draws an invoice. It keeps the page and the height that it has reached.
type form struct {
	invoice
	doc *pdf
	*page
	y float64
}

func (v invoice) pdf() []byte {
	f := &form{invoice: v, doc: &pdf{title: v.words.title + " " + v.number}}
	f.newPage()
	if v.letter {
		f.letterTop()
	} else {
		f.letterhead()
		f.parties()
	}
	f.table()
	f.sums()
	f.remarks()
	f.feet()
	return f.doc.bytes()
}

func (f *form) newPage() {
	f.page = f.doc.addPage()
	f.y = 64
}

func (f *form) body() style  { return style{size: 9.5, ink: color{0.13, 0.13, 0.15}} }
func (f *form) quiet() style { return style{size: 8, ink: color{0.42, 0.42, 0.45}} }
func (f *form) strong() style {
	return style{size: 9.5, bold: true, ink: color{0.13, 0.13, 0.15}}
}

// letterhead is the seller on the left and the title on the right.
func (f *form) letterhead() {
	f.fill(0, 0, pageWidth, 10, f.ink)
	f.text(left, f.y, style{size: 17, bold: true, ink: f.ink}, f.seller.name)
	f.right(rightEdge, f.y, style{size: 17, bold: true, ink: f.ink}, f.words.title)
	f.y += 16
	f.text(left, f.y, f.quiet(), f.seller.trade)
	f.y += 18
	for _, s := range f.seller.address {
		f.text(left, f.y, f.body(), s)
		f.y += 13
	}
	f.y += 14
	f.rule(left, f.y, rightEdge-left, 0.6, color{0.8, 0.8, 0.82})
	f.y += 26
}

// parties is the buyer on the left and the facts on the right.
func (f *form) parties() {
	top := f.y
	f.text(left, f.y, f.strong(), f.words.billTo)
	f.y += blockHeight
	for _, s := range append([]string{f.buyer.name}, f.buyer.address...) {
		f.text(left, f.y, f.body(), s)
		f.y += blockHeight
	}
	f.y = max(f.y, f.block(top)) + 24
}

// block writes the number and the other facts on the right, from y down, and
// returns the height reached.
func (f *form) block(y float64) float64 {
	for _, fact := range append([][2]string{{f.words.number, f.number}}, f.facts...) {
		f.text(metaColumn, y, f.strong(), fact[0])
		f.right(rightEdge, y, f.body(), fact[1])
		y += blockHeight
	}
	return y
}

// letterTop is the top of a business letter: the seller on the right, the buyer
// where the window of the envelope is, and the title over the table.
func (f *form) letterTop() {
	f.right(rightEdge, f.y, style{size: 17, bold: true, ink: f.ink}, f.seller.name)
	f.right(rightEdge, f.y+16, f.quiet(), f.seller.trade)
	f.rule(left, f.y+28, rightEdge-left, 1.2, f.ink)
	for i, s := range f.seller.address {
		f.right(rightEdge, f.y+46+13*float64(i), f.body(), s)
	}
	f.y = 152
	sender := f.seller.name + " · " + strings.Join(f.seller.address[:2], " · ")
	f.text(left, f.y, style{size: 6.5, ink: f.quiet().ink}, sender)
	f.y += 18
	for _, s := range append([]string{f.buyer.name}, f.buyer.address...) {
		f.text(left, f.y, f.body(), s)
		f.y += blockHeight
	}
	f.y = max(f.y, f.block(170)) + 30
	f.text(left, f.y, style{size: 14, bold: true, ink: f.ink}, f.words.title+" "+f.number)
	f.y += 30
}

// table draws the lines, on as many pages as they need.
func (f *form) table() {
	f.tableHead()
	for i, l := range f.lines {
		if f.y > lastRow {
			f.newPage()
			f.tableHead()
		}
		if i%2 == 1 {
			f.fill(left, f.y-14, rightEdge-left, rowHeight, color{0.96, 0.96, 0.97})
		}
		f.text(left+8, f.y, f.body(), l.text)
		f.right(quantityAt, f.y, f.body(), f.words.count(l))
		f.right(priceAt, f.y, f.body(), f.words.decimal(l.price))
		f.right(rightEdge-8, f.y, f.body(), f.words.decimal(l.amount()))
		f.y += rowHeight
	}
	f.rule(left, f.y-12, rightEdge-left, 0.6, f.ink)
}

func (f *form) tableHead() {
	white := style{size: 9, bold: true, ink: color{1, 1, 1}}
	f.fill(left, f.y-15, rightEdge-left, rowHeight+1, f.ink)
	f.text(left+8, f.y, white, f.words.description)
	f.right(quantityAt, f.y, white, f.words.quantity)
	f.right(priceAt, f.y, white, f.words.price)
	f.right(rightEdge-8, f.y, white, f.words.amount)
	f.y += rowHeight + 4
}

// sums is the block of totals under the right end of the table.
func (f *form) sums() {
	if f.y > lastRow-40 {
		f.newPage()
	}
	f.y += 10
	row := func(st style, label string, cents int) {
		f.text(metaColumn, f.y, st, label)
		f.right(rightEdge-8, f.y, st, f.words.money(cents))
		f.y += 18
	}
	subtotal, tax, total := f.totals()
	if f.wrongTotal != 0 {
		total = f.wrongTotal // and no parts by which to tell that it is wrong
	} else {
		row(f.body(), f.words.subtotal, subtotal)
		row(f.body(), fmt.Sprintf(f.words.tax, f.rate), tax)
		f.rule(metaColumn, f.y-13, rightEdge-metaColumn, 0.6, f.ink)
		f.y += 3
	}
	row(style{size: 11, bold: true, ink: f.ink}, f.words.totalDue, total)
	f.y += 14
}

// remarks is the text below the sums.
func (f *form) remarks() {
	for _, s := range f.notes {
		f.text(left, f.y, f.body(), s)
		f.y += 14
	}
}

// feet numbers the pages and writes the small print on each.
func (f *form) feet() {
	for i, p := range f.doc.pages {
		p.rule(left, 776, rightEdge-left, 0.6, color{0.8, 0.8, 0.82})
		for j, s := range f.foot {
			p.text(left+float64(j)*165, 790, f.quiet(), s)
		}
		p.right(rightEdge, 812, f.quiet(), fmt.Sprintf(f.words.page, i+1, len(f.doc.pages)))
	}
}
