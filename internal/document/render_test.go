package document_test

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/document"
)

// advance is the width of a character of a text set by place, in font sizes.
const advance = 0.5

// placed is a text at a place, for glyphsOf; y counts upwards.
type placed struct {
	x, y, size, angle float64
	s                 string
}

// glyphsOf sets texts as a PDF would: glyph by glyph, a separator for a space
// and after each text.
func glyphsOf(texts ...placed) []document.GlyphType {
	var glyphs []document.GlyphType
	for _, p := range texts {
		if p.size == 0 {
			p.size = 10
		}
		sin, cos := math.Sincos(p.angle * math.Pi / 180)
		along := 0.0
		for _, r := range p.s {
			if r == ' ' {
				r = 0
			}
			glyphs = append(glyphs, document.Glyph(r, p.x+cos*along, p.y+sin*along, p.size, advance*p.size, p.angle))
			along += advance * p.size
		}
		glyphs = append(glyphs, document.Glyph(0, 0, 0, 0, 0, 0))
	}
	return glyphs
}

func renderText(texts ...placed) string {
	page, _ := document.RenderGlyphs(600, 800, 0, glyphsOf(texts...))
	return page.Text
}

func TestRenderKeepsColumns(t *testing.T) {
	t.Parallel()
	got := renderText(
		placed{x: 50, y: 700, s: "Item"}, placed{x: 300, y: 700, s: "Net"}, placed{x: 400, y: 700, s: "Gross"},
		placed{x: 50, y: 686, s: "A longer description of it"}, placed{x: 300, y: 686, s: "1,00"}, placed{x: 400, y: 686, s: "1,19"},
		placed{x: 50, y: 672, s: "B"}, placed{x: 400, y: 672, s: "2,38"},
		placed{x: 50, y: 600, s: "Thanks"},
	)
	want := strings.Join([]string{
		"Item                                              Net                 Gross",
		"A longer description of it                        1,00                1,19",
		"B                                                                     2,38",
		"",
		"Thanks",
		"",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("text differs (-want +got):\n%s", diff)
	}
}

func TestRenderMovesWholeColumnsWhenTextNeedsMoreRoom(t *testing.T) {
	t.Parallel()
	got := renderText(
		placed{x: 50, y: 760, size: 20, s: "Tall letters tell how wide a column is"},
		placed{x: 50, y: 730, size: 20, s: "if there are enough words of them on it"},
		placed{x: 50, y: 686, size: 5, s: "Smallprint-of-which-many-letters-fit-into-little-room"}, placed{x: 250, y: 686, s: "right"},
		placed{x: 50, y: 672, s: "short"}, placed{x: 250, y: 672, s: "right"},
		placed{x: 50, y: 658, s: "short"}, placed{x: 300, y: 658, s: "further"},
	)
	lines := strings.Split(got, "\n")
	lines = slices.DeleteFunc(lines, func(s string) bool { return s == "" })[1:]
	if a, b := strings.Index(lines[1], "right"), strings.Index(lines[2], "right"); a != b || a < 0 {
		t.Errorf("the right column starts at %d and at %d, want the same place:\n%s", a, b, got)
	}
	if a, b := strings.Index(lines[2], "right"), strings.Index(lines[3], "further"); b <= a {
		t.Errorf("what stands further right starts at %d, left of %d:\n%s", b, a, got)
	}
}

func TestRenderJoinsWhatBelongsTogether(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		texts []placed
		want  string
	}{
		{"runs that touch are one word", []placed{{x: 50, y: 700, s: "Inv"}, {x: 65, y: 700, s: "oice"}}, "Invoice\n"},
		{"a word space stays", []placed{{x: 50, y: 700, s: "Inv"}, {x: 67.5, y: 700, s: "oice"}}, "Inv oice\n"},
		{"text printed twice counts once", []placed{{x: 50, y: 700, s: "Total"}, {x: 50.3, y: 700, s: "Total"}}, "Total\n"},
		{"other text on the same spot stays", []placed{{x: 50, y: 700, s: "Total"}, {x: 50, y: 700, s: "PAID!"}}, "Total\nPAID!\n"},
		{"a superscript stays on its line", []placed{{x: 50, y: 700, s: "10"}, {x: 63, y: 703, size: 6, s: "2"}, {x: 69, y: 700, s: "mm"}}, "10 2 mm\n"},
		{"order on the page, not in the file", []placed{{x: 50, y: 600, s: "low"}, {x: 90, y: 700, s: "right"}, {x: 50, y: 700, s: "left"}}, "left    right\n\nlow\n"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, renderText(tt.texts...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestRenderReadsRightToLeftRunsInTheirOrder(t *testing.T) {
	t.Parallel()
	// Hebrew words with Latin ones and a number among them. The first word
	// stands rightmost; letters come in reading order, each to the left of the
	// one before. The last word has a quotation mark inside, which by itself
	// has no direction.
	letters := func(s string, right, y float64) []document.GlyphType {
		var glyphs []document.GlyphType
		for i, r := range []rune(s) {
			glyphs = append(glyphs, document.Glyph(r, right-5*float64(i+1), y, 10, 5, 0))
		}
		return append(glyphs, document.Glyph(0, 0, 0, 0, 0, 0))
	}
	glyphs := slices.Concat(letters("שלום", 300, 700), letters("עולם", 277, 700),
		glyphsOf(placed{x: 243, y: 700, s: "12"}, placed{x: 224, y: 700, s: "and"}))
	glyphs = slices.Concat(glyphs, letters("צה\"ל", 220, 700))
	page, _ := document.RenderGlyphs(600, 800, 0, glyphs)
	if diff := cmp.Diff("שלום עולם and 12 צה\"ל\n", page.Text); diff != "" {
		t.Errorf("text differs (-want +got):\n%s", diff)
	}
}

func TestRenderPutsRotatedTextAfterTheMainText(t *testing.T) {
	t.Parallel()
	got := renderText(
		placed{x: 20, y: 100, s: "up the margin", angle: 90},
		placed{x: 300, y: 300, s: "a watermark", angle: 45},
		placed{x: 50, y: 700, s: "the text of the page"},
		placed{x: 500, y: 100, s: "head", angle: 180},
	)
	want := "the text of the page\n\nup the margin\n\nhead\n\na watermark\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("text differs (-want +got):\n%s", diff)
	}
}

func TestRenderTurnsPagesUpright(t *testing.T) {
	t.Parallel()
	// A text in the reader's top left corner, on a sheet of 600 by 800 as the
	// reader holds it, at each rotation of the page.
	for turns, p := range []placed{
		{x: 60, y: 700, s: "top left"},
		{x: 100, y: 60, s: "top left", angle: 90},
		{x: 540, y: 100, s: "top left", angle: 180},
		{x: 700, y: 540, s: "top left", angle: 270},
	} {
		width, height := 600.0, 800.0
		if turns%2 == 1 {
			width, height = height, width
		}
		page, _ := document.RenderGlyphs(width, height, turns, glyphsOf(p))
		if page.Text != "top left\n" || len(page.Words) != 2 {
			t.Errorf("%d quarter turns: got %q and %d words", turns, page.Text, len(page.Words))
			continue
		}
		want := document.Box{X0: 0.1, Y0: 0.115, X1: 0.125, Y1: 0.1275}
		if got := page.Words[0].Box; !near(got, want) {
			t.Errorf("%d quarter turns: got box %+v, want %+v", turns, got, want)
		}
	}
}

func near(a, b document.Box) bool {
	d := max(math.Abs(a.X0-b.X0), math.Abs(a.Y0-b.Y0), math.Abs(a.X1-b.X1), math.Abs(a.Y1-b.Y1))
	return d < 0.001
}

func TestRenderLeavesOutTextOutsideThePage(t *testing.T) {
	t.Parallel()
	page, warnings := document.RenderGlyphs(600, 800, 0, glyphsOf(
		placed{x: 50, y: 700, s: "seen"}, placed{x: 50, y: 900, s: "hidden"}, placed{x: -200, y: 700, s: "hidden"}))
	if page.Text != "seen\n" || !slices.Equal(warnings, []string{"text_outside_page"}) {
		t.Errorf("got %q with warnings %v, want \"seen\" and text_outside_page", page.Text, warnings)
	}
}

func TestRenderBoundsPadding(t *testing.T) {
	t.Parallel()
	scattered := make([]document.GlyphType, 0, 60_000)
	for i := range 30_000 {
		y := 14_000 - 0.46*float64(i)
		x := 50.0
		if i%2 == 1 {
			x = 13_900
		}
		scattered = append(scattered, document.Glyph('x', x, y, 1, 0.5, 0), document.Glyph(0, 0, 0, 0, 0, 0))
	}
	heap := slices.Repeat(glyphsOf(placed{x: 50, y: 700, s: "x"}, placed{x: 51, y: 700, s: "y"}), 8000)
	row := make([]document.GlyphType, 0, 60_000)
	for i := range 30_000 {
		row = append(row, document.Glyph('x', 14_000-0.4*float64(i), 700, 0.5, 0.1, 0), document.Glyph(0, 0, 0, 0, 0, 0))
	}
	var staircase []document.GlyphType
	for i := range 100 {
		x, y := 50+20*float64(i), 14_000-20*float64(i)
		staircase = append(staircase, glyphsOf(placed{x: x, y: y, size: 1, s: strings.Repeat("x", 30)}, placed{x: x + 20, y: y, s: "y"})...)
	}
	for name, glyphs := range map[string][]document.GlyphType{"scattered": scattered, "heap": heap, "row": row, "staircase": staircase} {
		page, _ := document.RenderGlyphs(14_400, 14_400, 0, glyphs)
		if len(page.Text) > document.MaxPageText {
			t.Errorf("%s: got %d bytes of text, want at most %d", name, len(page.Text), document.MaxPageText)
		}
		for line := range strings.Lines(page.Text) {
			if n := len(line) - len(strings.TrimLeft(line, " ")); n > document.MaxColumns {
				t.Errorf("%s: got a line with %d spaces before it, want at most %d", name, n, document.MaxColumns)
				break
			}
		}
	}
}

// checkPage checks what every page promises.
func checkPage(t interface{ Errorf(string, ...any) }, page document.Page) {
	if !utf8.ValidString(page.Text) || len(page.Text) > document.MaxPageText {
		t.Errorf("text is not valid UTF-8 or too long: %d bytes", len(page.Text))
	}
	if page.Text != "" && !strings.HasSuffix(page.Text, "\n") {
		t.Errorf("text does not end a line: %q", page.Text)
	}
	end := 0
	var rest strings.Builder
	for _, w := range page.Words {
		if w.Start < end || w.End <= w.Start || w.End > len(page.Text) {
			t.Errorf("word %d to %d after %d in a text of %d bytes", w.Start, w.End, end, len(page.Text))
			return
		}
		rest.WriteString(page.Text[end:w.Start])
		end = w.End
		if s := page.Text[w.Start:w.End]; strings.ContainsAny(s, " \n\t") || !utf8.ValidString(s) {
			t.Errorf("word %q holds a space or half a character", s)
		}
		if b := w.Box; b.X0 < 0 || b.X0 > b.X1 || b.X1 > 1 || b.Y0 < 0 || b.Y0 > b.Y1 || b.Y1 > 1 {
			t.Errorf("box %+v is not within the page", b)
		}
	}
	rest.WriteString(page.Text[end:])
	if between := strings.Trim(rest.String(), " \n"); between != "" {
		t.Errorf("%q stands between the words", between)
	}
}

func TestRenderedTablesKeepEveryCellInItsColumn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 4).Draw(t, "columns")
		rows := rapid.IntRange(1, 12).Draw(t, "rows")
		var texts []placed
		var want [][]string
		for row := range rows {
			want = append(want, make([]string, columns))
			for column := range columns {
				cell := rapid.StringMatching(`([a-zA-Z0-9äß€.,]{1,12})?`).Draw(t, "cell")
				want[row][column] = cell
				if cell != "" {
					size := rapid.SampledFrom([]float64{8, 10, 11}).Draw(t, "size")
					texts = append(texts, placed{x: 50 + 130*float64(column), y: 700 - 14*float64(row), size: size, s: cell})
				}
			}
		}
		texts = rapid.Permutation(texts).Draw(t, "order")
		page, _ := document.RenderGlyphs(600, 800, 0, glyphsOf(texts...))
		checkPage(t, page)
		checkTable(t, page.Text, want)
	})
}

// checkTable fails if the cells of want do not stand in text, row by row, each
// column at one place.
func checkTable(t *rapid.T, text string, want [][]string) {
	starts := map[int]int{}
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(s string) bool { return s == "" })
	for _, cells := range want {
		if strings.Join(cells, "") == "" {
			continue
		}
		if len(lines) == 0 {
			t.Fatalf("the row of %q is missing:\n%s", cells, text)
		}
		rest, at := []rune(lines[0]), 0
		for column, cell := range cells {
			if cell == "" {
				continue
			}
			for at < len(rest) && rest[at] == ' ' {
				at++
			}
			if first, ok := starts[column]; ok && first != at {
				t.Fatalf("column %d starts at %d and at %d:\n%s", column, first, at, text)
			}
			starts[column] = at
			end := min(at+utf8.RuneCountInString(cell), len(rest))
			if got := string(rest[at:end]); got != cell {
				t.Fatalf("got %q, want %q:\n%s", got, cell, text)
			}
			at = end
		}
		lines = lines[1:]
	}
	if len(lines) > 0 {
		t.Fatalf("lines too many: %q", lines)
	}
}

func TestRenderedWordsAreInOrderAndComplete(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var texts []placed
		letters := 0
		for range rapid.IntRange(0, 30).Draw(t, "texts") {
			p := placed{
				x:     rapid.Float64Range(10, 400).Draw(t, "x"),
				y:     rapid.Float64Range(150, 700).Draw(t, "y"),
				size:  rapid.SampledFrom([]float64{6, 9, 10, 18}).Draw(t, "size"),
				angle: rapid.SampledFrom([]float64{0, 0, 0, 90, 180, 270, 33}).Draw(t, "angle"),
				s:     rapid.StringMatching(`[a-zäß€א]{1,9}( [a-z0-9]{1,6})?`).Draw(t, "s"),
			}
			texts = append(texts, p)
			letters += utf8.RuneCountInString(strings.ReplaceAll(p.s, " ", ""))
		}
		page, warnings := document.RenderGlyphs(600, 800, rapid.IntRange(0, 3).Draw(t, "turns"), glyphsOf(texts...))
		checkPage(t, page)
		got := 0
		for _, w := range page.Words {
			got += utf8.RuneCountInString(page.Text[w.Start:w.End])
		}
		// Only a text printed twice on one spot is dropped, and what stands
		// outside the page.
		if got > letters || got < letters && !slices.Contains(warnings, "text_outside_page") && !twice(texts) {
			t.Errorf("got %d letters of %d", got, letters)
		}
	})
}

// twice reports whether two texts begin with the same word on nearly one spot.
func twice(texts []placed) bool {
	for i, a := range texts {
		for _, b := range texts[:i] {
			if math.Hypot(a.x-b.x, a.y-b.y) < 10 {
				return true
			}
		}
	}
	return false
}

func FuzzRender(f *testing.F) {
	f.Add([]byte("some bytes that become glyphs of no particular kind"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, turns uint8) {
		var glyphs []document.GlyphType
		for len(data) >= 12 && len(glyphs) < 2000 {
			number := func(i int) float64 { return float64(int16(binary.LittleEndian.Uint16(data[i:]))) / 16 }
			r := document.CleanRune(rune(binary.LittleEndian.Uint16(data)))
			if r == ' ' {
				r = 0
			}
			glyphs = append(glyphs, document.Glyph(r, number(2), number(4), math.Abs(number(6)), number(8), float64(data[10])*360/256))
			data = data[12:]
		}
		page, _ := document.RenderGlyphs(600, 800, int(turns), glyphs)
		checkPage(t, page)
		checkClean(t, page.Text, "\n")
	})
}
