// Package pdftest builds small PDFs for tests and examples: text at given
// places in Helvetica, nothing else. The same arguments give the same bytes.
package pdftest

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// Default page size: A4 in points.
const (
	DefaultWidth  = 595.0
	DefaultHeight = 842.0
)

// Text is a string at a place. X and Y are points from the page's top left
// corner to the start of the baseline.
type Text struct {
	X, Y float64
	// Size is the font size in points. Default 10.
	Size float64
	// Angle turns the text anticlockwise, in degrees.
	Angle float64
	// S is drawn as it is. Characters that Windows-1252 lacks look wrong when
	// drawn, but readers find them in the text layer; there can be 128
	// different ones in a document.
	S string
}

// PageSpec describes a page.
type PageSpec struct {
	// Width and Height are in points. Default A4, upright.
	Width, Height float64
	// Rotate turns the whole page clockwise: 0, 90, 180 or 270 degrees.
	Rotate int
	Texts  []Text
	// Picture draws a grey image over the page, as a scanner would.
	Picture bool
	// Field is the value of a form field near the top of the page.
	Field string
}

// Lines is a page of lines 14 points apart. Tabs in a line jump to columns 170
// points apart.
func Lines(lines ...string) PageSpec {
	var p PageSpec
	for i, line := range lines {
		for column, cell := range strings.Split(line, "\t") {
			if cell != "" {
				p.Texts = append(p.Texts, Text{X: 50 + 170*float64(column), Y: 60 + 14*float64(i), S: cell})
			}
		}
	}
	return p
}

// Build returns a PDF with the pages.
func Build(pages ...PageSpec) []byte { return build(pages, nil) }

// BuildEncrypted returns a PDF encrypted with 128 bit RC4. An empty user
// password makes one that opens for everybody, as most protected invoices do.
func BuildEncrypted(user, owner string, pages ...PageSpec) []byte {
	return build(pages, newEncryption(user, owner))
}

// Fixed object numbers; pages follow.
const (
	catalogObject = iota + 1
	pagesObject
	fontObject
	extraFontObject
	toUnicodeObject
	imageObject
	encryptObject
	firstPageObject
)

// objectsPerPage: the page, its content, a field and the look of the field.
const objectsPerPage = 4

type builder struct {
	out     bytes.Buffer
	offsets map[int]int
	crypt   *encryption
	extra   []rune // characters that the second font stands for
}

func build(pages []PageSpec, crypt *encryption) []byte {
	b := &builder{offsets: map[int]int{}, crypt: crypt}
	b.out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	var kids, fields []string
	for i, p := range pages {
		first := firstPageObject + objectsPerPage*i
		kids = append(kids, fmt.Sprintf("%d 0 R", first))
		if p.Field != "" {
			fields = append(fields, fmt.Sprintf("%d 0 R", first+2))
		}
		b.page(p, first)
	}
	b.object(catalogObject, fmt.Sprintf("<< /Type /Catalog /Pages %d 0 R /AcroForm << /Fields [%s] >> >>",
		pagesObject, strings.Join(fields, " ")))
	b.object(pagesObject, fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(pages)))
	b.fonts()
	b.stream(imageObject, "/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8", "\xc0")
	if crypt != nil {
		b.object(encryptObject, crypt.dictionary())
	}
	b.trailer()
	return b.out.Bytes()
}

func (b *builder) object(number int, body string) {
	b.offsets[number] = b.out.Len()
	fmt.Fprintf(&b.out, "%d 0 obj\n%s\nendobj\n", number, body)
}

func (b *builder) stream(number int, dict, content string) {
	if b.crypt != nil {
		content = b.crypt.encrypt(number, content)
	}
	b.object(number, fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(content), content))
}

func (b *builder) page(p PageSpec, first int) {
	if p.Width == 0 {
		p.Width = DefaultWidth
	}
	if p.Height == 0 {
		p.Height = DefaultHeight
	}
	annotations := ""
	if p.Field != "" {
		annotations = fmt.Sprintf("/Annots [%d 0 R] ", first+2)
		b.field(p, first+2)
	}
	b.object(first, fmt.Sprintf("<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %g %g] /Rotate %d /Contents %d 0 R %s"+
		"/Resources << /Font << /F1 %d 0 R /F2 %d 0 R >> /XObject << /Im %d 0 R >> >> >>",
		pagesObject, p.Width, p.Height, p.Rotate, first+1, annotations, fontObject, extraFontObject, imageObject))
	b.stream(first+1, "", b.content(p))
}

// content is the content stream of a page.
func (b *builder) content(p PageSpec) string {
	var s strings.Builder
	if p.Picture {
		fmt.Fprintf(&s, "q %g 0 0 %g 0 0 cm /Im Do Q\n", p.Width, p.Height)
	}
	for _, t := range p.Texts {
		if t.Size == 0 {
			t.Size = 10
		}
		sin, cos := math.Sincos(t.Angle * math.Pi / 180)
		fmt.Fprintf(&s, "BT %.5f %.5f %.5f %.5f %g %g Tm", cos, sin, -sin, cos, t.X, p.Height-t.Y)
		for _, part := range b.parts(t.S) {
			fmt.Fprintf(&s, " /%s %g Tf <%x> Tj", part.font, t.Size, part.codes)
		}
		s.WriteString(" ET\n")
	}
	return s.String()
}

// field is a filled-in text field with its look.
func (b *builder) field(p PageSpec, number int) {
	codes := b.parts(p.Field)[0].codes
	b.object(number, fmt.Sprintf("<< /Type /Annot /Subtype /Widget /FT /Tx /F 4 /T (f%d) /V () /Rect [50 %g 300 %g] /AP << /N %d 0 R >> >>",
		number, p.Height-40, p.Height-20, number+1))
	b.stream(number+1, fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 250 20] /Resources << /Font << /F1 %d 0 R >> >>", fontObject),
		fmt.Sprintf("BT /F1 10 Tf 2 5 Td <%x> Tj ET", codes))
}

// part is a piece of a string in one font.
type part struct {
	font  string
	codes []byte
}

// parts splits s into pieces that Helvetica has and pieces that it lacks.
func (b *builder) parts(s string) []part {
	var parts []part
	for _, r := range s {
		font := "F1"
		code, ok := charmap.Windows1252.EncodeRune(r)
		if !ok {
			font, code = "F2", b.extraCode(r)
		}
		if n := len(parts); n > 0 && parts[n-1].font == font {
			parts[n-1].codes = append(parts[n-1].codes, code)
			continue
		}
		parts = append(parts, part{font, []byte{code}})
	}
	return parts
}

// extraCode is the code of r in the second font.
func (b *builder) extraCode(r rune) byte {
	for i, have := range b.extra {
		if have == r {
			return byte(0x21 + i)
		}
	}
	b.extra = append(b.extra, r)
	return byte(0x21 + len(b.extra) - 1)
}

func (b *builder) fonts() {
	const helvetica = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding %s>>"
	b.object(fontObject, fmt.Sprintf(helvetica, ""))
	b.object(extraFontObject, fmt.Sprintf(helvetica, fmt.Sprintf("/ToUnicode %d 0 R ", toUnicodeObject)))
	var m strings.Builder
	m.WriteString("/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Extra def\n" +
		"1 begincodespacerange <00> <ff> endcodespacerange\n")
	for i, r := range b.extra {
		fmt.Fprintf(&m, "1 beginbfchar <%02x> <%04x> endbfchar\n", 0x21+i, r)
	}
	m.WriteString("endcmap end end\n")
	b.stream(toUnicodeObject, "", m.String())
}

func (b *builder) trailer() {
	size := 1
	for number := range b.offsets {
		size = max(size, number+1)
	}
	start := b.out.Len()
	fmt.Fprintf(&b.out, "xref\n0 %d\n0000000000 65535 f \n", size)
	for number := 1; number < size; number++ {
		if offset, ok := b.offsets[number]; ok {
			fmt.Fprintf(&b.out, "%010d 00000 n \n", offset)
		} else {
			b.out.WriteString("0000000000 00000 f \n")
		}
	}
	encrypt := ""
	if b.crypt != nil {
		encrypt = fmt.Sprintf("/Encrypt %d 0 R /ID [<%x> <%x>] ", encryptObject, b.crypt.id, b.crypt.id)
	}
	fmt.Fprintf(&b.out, "trailer\n<< /Size %d /Root %d 0 R %s>>\nstartxref\n%d\n%%%%EOF\n", size, catalogObject, encrypt, start)
}
