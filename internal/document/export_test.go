package document

import "math"

// Glyph makes a glyph for RenderGlyphs, written at an angle in degrees
// anticlockwise. A zero rune makes a separator.
func Glyph(r rune, x, y, size, width, angle float64) glyph {
	if r == 0 {
		return glyph{}
	}
	sin, cos := math.Sincos(angle * math.Pi / 180)
	xs := []float64{x + sin*0.2*size, x - sin*0.8*size, x + cos*width + sin*0.2*size, x + cos*width - sin*0.8*size}
	ys := []float64{y - cos*0.2*size, y + cos*0.8*size, y + sin*width - cos*0.2*size, y + sin*width + cos*0.8*size}
	g := glyph{r: r, x: x, y: y, dx: cos, dy: sin, size: size, left: xs[0], right: xs[0], bottom: ys[0], top: ys[0]}
	for i := range xs {
		g.left, g.right = min(g.left, xs[i]), max(g.right, xs[i])
		g.bottom, g.top = min(g.bottom, ys[i]), max(g.top, ys[i])
	}
	return g
}

// RenderGlyphs renders glyphs on a page of the given size and rotation.
func RenderGlyphs(width, height float64, turns int, glyphs []glyph) (Page, []string) {
	var w warnings
	page := render(newSheet(0, 0, width, height, turns), glyphs, &w)
	return page, w.list()
}

// Limits of the renderer.
const (
	MaxColumns  = maxColumns
	MaxPageText = maxPageText
)

// DecodeAnswer reports whether payload is an answer a parent accepts.
func DecodeAnswer(payload []byte) (*Text, *Fault, error) {
	a, err := decodeAnswer(payload, Limits{}.WithDefaults())
	return a.Text, a.Fault, err
}

// GlyphType lets tests name the type of a glyph.
type GlyphType = glyph

// CleanRune is the cleaning that PDF characters go through.
func CleanRune(r rune) rune { return pdfRune(r) }

// LoadEngine loads a WebAssembly module through the cache in dir.
func LoadEngine(dir string, wasm []byte) error {
	e, err := newEngine(dir, minMemoryPages, wasm)
	if err == nil {
		e.close()
	}
	return err
}

// Spawn is the life of a spawner that starts nothing, on this goroutine.
func Spawn() {
	s := newSpawner()
	close(s.requests)
	s.run()
}
