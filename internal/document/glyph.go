package document

import (
	"context"
	"math"
)

// maxGlyphs bounds the characters read from one page. The densest of 575 real
// documents' pages stays below 20,000.
const maxGlyphs = 30_000

// scratchSize holds the largest structure PDFium writes back: six floats, or
// four doubles.
const scratchSize = 64

// glyph is one character as it stands in the page's own space: points, y
// upwards, before the page's rotation.
type glyph struct {
	// r is 0 when the glyph only separates words, and has no place.
	r rune
	// guessed marks a separator that PDFium put where it saw a gap.
	guessed bool
	// x, y is the start of the glyph on its baseline.
	x, y float64
	// dx, dy is the direction of writing, of length 1.
	dx, dy float64
	// size is the font size in points.
	size float64
	// The box reaches from the font's descent to its ascent and as far as the
	// next glyph; it covers just the ink where the font does not say.
	left, bottom, right, top float64
}

// finite reports whether every number can be computed with.
func (g glyph) finite() bool {
	for _, v := range [...]float64{g.x, g.y, g.dx, g.dy, g.size, g.left, g.bottom, g.right, g.top} {
		if math.IsNaN(v) || math.Abs(v) > 1e7 {
			return false
		}
	}
	return true
}

// glyphs reads the characters of a page in the order PDFium gives them: that
// of the content stream, right-to-left runs already in reading order.
func (r *pdfReader) glyphs(ctx context.Context, page uint64) ([]glyph, error) {
	text, err := r.guest.call(ctx, "FPDFText_LoadPage", page)
	if err != nil {
		return nil, err
	}
	if text == 0 {
		return nil, &Fault{Class: ClassCorrupt, Detail: "the text of a page of the PDF is damaged"}
	}
	defer func() { _, _ = r.guest.call(ctx, "FPDFText_ClosePage", text) }() // the guest is thrown away: an error changes nothing
	n, err := r.guest.call(ctx, "FPDFText_CountChars", text)
	if err != nil {
		return nil, err
	}
	count := max(int(int32(n)), 0)
	if count > maxGlyphs {
		count = maxGlyphs
		r.warned.add(warnPageTextCut)
	}
	glyphs := make([]glyph, 0, count)
	for i := range count {
		g, err := r.glyph(ctx, text, uint64(i))
		if err != nil {
			return nil, err
		}
		glyphs = append(glyphs, g)
	}
	return glyphs, nil
}

// glyph reads one character.
func (r *pdfReader) glyph(ctx context.Context, text, i uint64) (glyph, error) {
	code, err := r.guest.call(ctx, "FPDFText_GetUnicode", text, i)
	if err != nil {
		return glyph{}, err
	}
	char := pdfRune(rune(uint32(code)))
	if char == 0 || char == ' ' {
		guessed, err := r.guest.call(ctx, "FPDFText_IsGenerated", text, i)
		return glyph{guessed: code == ' ' && int32(guessed) == 1}, err
	}
	g := glyph{r: char}
	if err := r.place(ctx, &g, text, i); err != nil {
		return glyph{}, err
	}
	if !g.finite() {
		return glyph{}, nil
	}
	return g, nil
}

// place reads where a character stands.
func (r *pdfReader) place(ctx context.Context, g *glyph, text, i uint64) error {
	s := uint64(r.scratch)
	if _, err := r.guest.call(ctx, "FPDFText_GetCharOrigin", text, i, s, s+8); err != nil {
		return err
	}
	g.x, g.y = r.double(0), r.double(1)
	if _, err := r.guest.call(ctx, "FPDFText_GetMatrix", text, i, s); err != nil {
		return err
	}
	m, _ := r.floats(4)
	points, err := r.guest.call(ctx, "FPDFText_GetFontSize", text, i)
	if err != nil {
		return err
	}
	g.size = math.Abs(math.Float64frombits(points)) * math.Hypot(m[2], m[3])
	g.dx, g.dy = direction(m[0], m[1])
	if err := r.box(ctx, g, text, i); err != nil {
		return err
	}
	if g.size < 0.1 { // no use as a measure: take the height
		g.size = max(g.top-g.bottom, 0.1)
	}
	return nil
}

// box reads the extent of a character: the loose one if it makes sense. Some
// fonts lie about their height by orders of magnitude.
func (r *pdfReader) box(ctx context.Context, g *glyph, text, i uint64) error {
	s := uint64(r.scratch)
	ok, err := r.guest.call(ctx, "FPDFText_GetLooseCharBox", text, i, s)
	if err != nil {
		return err
	}
	b, _ := r.floats(4)
	width, height := b[2]-b[0], b[1]-b[3]
	if ok != 0 && width > 0 && height > 0 && max(width, height) < 3*g.size {
		g.left, g.top, g.right, g.bottom = b[0], b[1], b[2], b[3]
		return nil
	}
	if _, err := r.guest.call(ctx, "FPDFText_GetCharBox", text, i, s, s+8, s+16, s+24); err != nil {
		return err
	}
	g.left, g.right, g.bottom, g.top = r.double(0), r.double(1), r.double(2), r.double(3)
	return nil
}

// direction is (a, b) at length 1, or to the right when it has no length.
func direction(a, b float64) (dx, dy float64) {
	length := math.Hypot(a, b)
	if !(length > 1e-9) {
		return 1, 0
	}
	return a / length, b / length
}

// double reads the n-th 64-bit float of the scratch memory.
func (r *pdfReader) double(n uint32) float64 {
	bits, _ := r.guest.module.Memory().ReadUint64Le(r.scratch + 8*n)
	return math.Float64frombits(bits)
}
