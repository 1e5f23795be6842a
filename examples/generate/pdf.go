package main

import (
	"bytes"
	"fmt"
	"strings"
)

// A4 in points.
const (
	pageWidth  = 595
	pageHeight = 842
)

// pdf is a document of A4 pages that is written with the two standard fonts
// Helvetica and Helvetica-Bold, without compression: small, readable in an
// editor, and the same bytes every time.
type pdf struct {
	title string
	pages []*page
}

// page collects drawing operations. Coordinates count from the top left corner
// in points; y is the base line of text.
type page struct{ ops bytes.Buffer }

// color is red, green and blue from 0 to 1.
type color [3]float64

// style is how text looks. size is in points.
type style struct {
	size float64
	bold bool
	ink  color
}

func (d *pdf) addPage() *page {
	p := &page{}
	d.pages = append(d.pages, p)
	return p
}

// text writes s with its left edge at x.
func (p *page) text(x, y float64, st style, s string) {
	font := "F1"
	if st.bold {
		font = "F2"
	}
	fmt.Fprintf(&p.ops, "BT %s rg /%s %s Tf %s %s Td (%s) Tj ET\n",
		st.ink, font, num(st.size), num(x), num(pageHeight-y), escape(encode(s)))
}

// right writes s with its right edge at x.
func (p *page) right(x, y float64, st style, s string) {
	p.text(x-textWidth(st, s), y, st, s)
}

// fill paints a rectangle whose top left corner is at x, y.
func (p *page) fill(x, y, w, h float64, c color) {
	fmt.Fprintf(&p.ops, "%s rg %s %s %s %s re f\n", c, num(x), num(pageHeight-y-h), num(w), num(h))
}

// rule draws a horizontal line.
func (p *page) rule(x, y, w, thickness float64, c color) {
	p.fill(x, y, w, thickness, c)
}

func (c color) String() string { return num(c[0]) + " " + num(c[1]) + " " + num(c[2]) }

// num writes a number with at most two decimals.
func num(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", f), "0"), ".")
}

// bytes assembles the file: header, objects, cross-reference table, trailer.
func (d *pdf) bytes() []byte {
	const firstPage = 6 // objects 1 to 5 are catalog, page tree, two fonts, information
	var kids []string
	for i := range d.pages {
		kids = append(kids, fmt.Sprintf("%d 0 R", firstPage+2*i))
	}
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(d.pages)),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
		fmt.Sprintf("<< /Title (%s) /Producer (Sluice examples) >>", escape(encode(d.title))),
	}
	for i, p := range d.pages {
		objects = append(objects,
			fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> /Contents %d 0 R >>",
				pageWidth, pageHeight, firstPage+2*i+1),
			fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", p.ops.Len(), p.ops.String()))
	}
	var out bytes.Buffer
	out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = out.Len()
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&out, "trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref)
	return out.Bytes()
}

// escape protects the characters that end a PDF string.
func escape(b []byte) string {
	return strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`).Replace(string(b))
}
