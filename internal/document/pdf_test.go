package document_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/document/pdftest"
)

// invoice is a page with two columns of text.
func invoice() pdftest.PageSpec {
	return pdftest.Lines("Rechnung\t\tNr. 4711", "", "Pos\tArtikel\tBetrag",
		"1\tÄpfel & Birnen\t12,50 €", "2\tMöhren\t3,00 €", "\tSumme\t15,50 €")
}

const invoiceText = `Rechnung                                                              Nr. 4711

Pos                                Artikel                            Betrag
1                                  Äpfel & Birnen                     12,50 €
2                                  Möhren                             3,00 €
                                   Summe                              15,50 €
`

func TestPDFsAreRead(t *testing.T) {
	t.Parallel()
	pool := newPool(t, nil)
	turned := invoice()
	turned.Rotate = 90
	form := pdftest.PageSpec{Field: "Kunde 42"}
	xref := bytes.Replace(pdftest.Build(invoice()), []byte("xref\n0 "), []byte("xref\n\xff\xfe"), 1)
	tests := []struct {
		name     string
		data     []byte
		want     []string
		warnings []string
	}{
		{"one page", pdftest.Build(invoice()), []string{invoiceText}, nil},
		{"turned page", pdftest.Build(turned), []string{invoiceText}, nil},
		{"two pages", pdftest.Build(invoice(), pdftest.Lines("Seite 2")), []string{invoiceText, "Seite 2\n"}, nil},
		{"owner's password only", pdftest.BuildEncrypted("", "owner", invoice()), []string{invoiceText}, nil},
		{"form field", pdftest.Build(form), []string{"Kunde 42\n"}, nil},
		{"garbage for a cross-reference table", xref, []string{invoiceText}, nil},
		{"without its last line", bytes.TrimSuffix(pdftest.Build(invoice()), []byte("%%EOF\n")), []string{invoiceText}, nil},
		{"after 1,000 bytes of junk", append(bytes.Repeat([]byte{0xa7}, 1000), pdftest.Build(invoice())...), []string{invoiceText}, nil},
		{"blank page between", pdftest.Build(invoice(), pdftest.PageSpec{}, pdftest.Lines("Ende")), []string{invoiceText, "", "Ende\n"}, nil},
		{"scan between", pdftest.Build(pdftest.PageSpec{Picture: true}, pdftest.Lines("Ende")), []string{"", "Ende\n"}, []string{"page_without_text"}},
		{"Hebrew", pdftest.Build(pdftest.PageSpec{Texts: []pdftest.Text{{X: 300, Y: 100, S: "םולש"}}}), []string{"שלום\n"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := pool.Parse(t.Context(), tt.data)
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for i, p := range got.Pages {
				texts = append(texts, p.Text)
				checkPage(t, p)
				if p.Number != i+1 {
					t.Errorf("page %d has number %d", i+1, p.Number)
				}
			}
			if diff := cmp.Diff(tt.want, texts); diff != "" {
				t.Errorf("pages differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.warnings, got.Warnings); diff != "" {
				t.Errorf("warnings differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWordsStandWhereTheyArePrinted(t *testing.T) {
	t.Parallel()
	page := pdftest.PageSpec{Width: 400, Height: 200, Texts: []pdftest.Text{
		{X: 40, Y: 50, Size: 20, S: "Total"}, {X: 200, Y: 100, Size: 10, S: "12,00"}}}
	text, err := newPool(t, nil).Parse(t.Context(), pdftest.Build(page))
	if err != nil {
		t.Fatal(err)
	}
	words := text.Pages[0].Words
	if len(words) != 2 {
		t.Fatalf("got %d words, want 2", len(words))
	}
	// Helvetica: "Total" is 2.223 em wide, "12,00" 2.502 em. The height of a
	// box is the font's, around the baseline.
	for i, want := range []document.Box{
		{X0: 0.1, Y0: 0.18, X1: 0.1 + 2.223*20/400, Y1: 0.27},
		{X0: 0.5, Y0: 0.46, X1: 0.5 + 2.502*10/400, Y1: 0.51},
	} {
		got := words[i].Box
		if diff := max(abs(got.X0-want.X0), abs(got.X1-want.X1)); diff > 0.005 {
			t.Errorf("word %d spans %.3f to %.3f, want %.3f to %.3f", i, got.X0, got.X1, want.X0, want.X1)
		}
		if diff := max(abs(got.Y0-want.Y0), abs(got.Y1-want.Y1)); diff > 0.03 {
			t.Errorf("word %d spans %.3f to %.3f downwards, want about %.3f to %.3f", i, got.Y0, got.Y1, want.Y0, want.Y1)
		}
	}
}

func abs(f float64) float64 { return max(f, -f) }

func TestBadPDFsAreFaults(t *testing.T) {
	t.Parallel()
	pool := newPool(t, func(c *document.Config) {
		c.Limits.MaxBytes = 2 << 20
		c.Limits.MaxText = 30_000
	})
	pdf := pdftest.Build(invoice())
	long := pdftest.PageSpec{}
	for i := range 50 {
		long.Texts = append(long.Texts, pdftest.Text{X: 10, Y: 10 + 15*float64(i), S: strings.Repeat("word ", 20)})
	}
	tests := []struct {
		name  string
		data  []byte
		class string
	}{
		{"cut in half", pdf[:len(pdf)/2], document.ClassCorrupt},
		{"pages cut out", bytes.Replace(pdf, []byte("/Type /Pages"), []byte("/Type /Xxxxx"), 1)[:600], document.ClassCorrupt},
		{"catalogue without a document", []byte("%PDF-1.7\ntrailer << /Root 1 0 R >>\n%%EOF\n"), document.ClassCorrupt},
		{"junk after the header", append([]byte("%PDF-1.7 /Root "), bytes.Repeat([]byte{0xa7, 'x'}, 5000)...), document.ClassCorrupt},
		{"fewer pages than promised", bytes.Replace(pdf, []byte("/Count 1"), []byte("/Count 3"), 1), document.ClassCorrupt},
		{"user's password", pdftest.BuildEncrypted("user", "owner", invoice()), document.ClassEncrypted},
		{"unclear encryption", bytes.Replace(pdftest.BuildEncrypted("user", "owner", invoice()), []byte("/R 3"), []byte("/R 9"), 1), document.ClassEncrypted},
		{"no pages", pdftest.Build(), document.ClassEmpty},
		{"blank page", pdftest.Build(pdftest.PageSpec{}), document.ClassEmpty},
		{"scan", pdftest.Build(pdftest.PageSpec{Picture: true}), document.ClassNeedsOCR},
		{"101 pages", pdftest.Build(make([]pdftest.PageSpec, 101)...), document.ClassTooManyPages},
		{"too many bytes", append(pdf, make([]byte, 2<<20)...), document.ClassTooLarge},
		{"too much text", pdftest.Build(slices.Repeat([]pdftest.PageSpec{long}, 10)...), document.ClassTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, err := pool.Parse(t.Context(), tt.data)
			if got := classOf(t, err); got != tt.class {
				t.Errorf("got class %q (%v) and %d pages, want class %q", got, err, len(text.Pages), tt.class)
			}
		})
	}
}

// rawPDF writes objects 1, 2, ... as they are, with the catalogue in object 1.
// SELF in the trailer stands for the place of the cross-reference table.
func rawPDF(trailer string, objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	for i, o := range objects {
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	self := fmt.Sprint(b.Len())
	b.WriteString("xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Root 1 0 R " + strings.ReplaceAll(trailer, "SELF", self) + " >>\n")
	b.WriteString("startxref\n" + self + "\n%%EOF\n")
	return b.Bytes()
}

func rawStream(dict, content string) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(content), content)
}

func deflated(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBombsAreFaults tries small files that cost much.
func TestBombsAreFaults(t *testing.T) {
	t.Parallel()
	const catalog = "<< /Type /Catalog /Pages 2 0 R >>"
	const pages = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
	const page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R " +
		"/Resources << /Font << /F 5 0 R >> /XObject << /X 6 0 R >> >> >>"
	const font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
	form := func(content string) string {
		return rawStream("/Type /XObject /Subtype /Form /BBox [0 0 99 99] /Resources << /XObject << /X 6 0 R >> >>", content)
	}
	text := rawStream("", "BT /F 10 Tf 50 700 Td (hello) Tj ET")
	tests := []struct {
		name    string
		data    []byte
		classes []string
	}{
		{"saved states without end", rawPDF("", catalog, pages, page,
			rawStream("/Filter /FlateDecode", deflated(t, strings.Repeat("q ", 3<<20))), font, form("")), []string{document.ClassTooLarge}},
		{"form that draws itself twice", rawPDF("", catalog, pages, page, rawStream("", "/X Do"), font, form("/X Do /X Do")),
			[]string{document.ClassTooLarge, document.ClassTimeout, document.ClassCorrupt}},
		{"deep nesting", rawPDF("", catalog, pages, page, rawStream("", strings.Repeat("[", 1<<20)), font, form("")),
			[]string{document.ClassEmpty, document.ClassCorrupt}},
		{"pages that are their own parent", rawPDF("", catalog, "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"), []string{document.ClassCorrupt}},
		{"cross-reference tables in a circle", rawPDF("/Prev SELF", catalog, pages, page, text, font, form("")), []string{""}},
		{"page without size", rawPDF("", catalog, pages, strings.Replace(page, "595 842", "0 0", 1), text, font, form("")), []string{""}},
		{"page of enormous size", rawPDF("", catalog, pages, strings.Replace(page, "595 842", "1e30 1e30", 1), text, font, form("")), []string{""}},
		{"letters of enormous size", rawPDF("", catalog, pages, page, rawStream("", "BT /F 1e30 Tf 50 700 Td (hello) Tj ET"), font, form("")),
			[]string{"", document.ClassNeedsOCR}},
	}
	pool := newPool(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, err := pool.Parse(t.Context(), tt.data)
			if got := classOf(t, err); !slices.Contains(tt.classes, got) {
				t.Errorf("got class %q (%v), want one of %q", got, err, tt.classes)
			}
			for _, p := range text.Pages {
				checkPage(t, p)
			}
		})
	}
}

func TestAGuestOutOfMemoryCostsTheDocumentAndTheChild(t *testing.T) {
	t.Parallel()
	e := newChildEvents()
	pool := newPool(t, func(c *document.Config) {
		c.Limits.MemoryPages = 512
		c.Limits.MaxMemory = 4 << 30 // so that PDFium's own limit comes first
		c.Events = e.events()
	})
	bomb := rawPDF("", "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>",
		rawStream("/Filter /FlateDecode", deflated(t, strings.Repeat("q ", 1<<20))))
	if _, err := pool.Parse(t.Context(), bomb); classOf(t, err) != document.ClassTooLarge {
		t.Errorf("got %v, want class too_large", err)
	}
	if got := next(t, e.ended); got != "broken" {
		t.Errorf("the child ended by %q, want broken", got)
	}
}

func TestAHundredPagesAreRead(t *testing.T) {
	t.Parallel()
	pages := make([]pdftest.PageSpec, 100)
	for i := range pages {
		pages[i] = pdftest.Lines(fmt.Sprintf("Seite %d", i+1))
	}
	text, err := newPool(t, nil).Parse(t.Context(), pdftest.Build(pages...))
	if err != nil {
		t.Fatal(err)
	}
	if got := text.Pages[len(text.Pages)-1]; len(text.Pages) != 100 || got.Text != "Seite 100\n" {
		t.Errorf("got %d pages, the last %+v", len(text.Pages), got)
	}
}

func TestAPageOfTooManyCharactersIsCut(t *testing.T) {
	t.Parallel()
	var page pdftest.PageSpec
	for i := range 700 {
		page.Texts = append(page.Texts, pdftest.Text{X: 1, Y: 1 + 1.2*float64(i), Size: 1, S: strings.Repeat("word ", 10)})
	}
	text, err := newPool(t, nil).Parse(t.Context(), pdftest.Build(page))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(text.Pages[0].Words); got < 5000 || got > 6500 {
		t.Errorf("got %d words, want about 6,000 of 7,000", got)
	}
	if diff := cmp.Diff([]string{"page_text_cut"}, text.Warnings); diff != "" {
		t.Errorf("warnings differ (-want +got):\n%s", diff)
	}
}

// TestDamagedPDFsGiveATextOrAFault flips, cuts and doubles bytes of good PDFs.
func TestDamagedPDFsGiveATextOrAFault(t *testing.T) {
	t.Parallel()
	pool := newPool(t, func(c *document.Config) { c.Limits.Timeout = 20 * time.Second })
	originals := [][]byte{pdftest.Build(invoice(), invoice()), pdftest.BuildEncrypted("", "owner", invoice())}
	for _, name := range []string{"object-streams.pdf", "open-r6-object-streams.pdf"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		originals = append(originals, data)
	}
	outcomes := map[string]int{}
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 4711))
		data := damage(random, originals[int(seed)%len(originals)])
		text, err := pool.Parse(t.Context(), data)
		class := classOf(t, err)
		outcomes[class]++
		if class == "" {
			for _, p := range text.Pages {
				checkPage(t, p)
			}
		}
	}
	// Damage that always or never matters would test nothing.
	if outcomes[""] < 5 || outcomes[document.ClassCorrupt] < 5 {
		t.Errorf("got outcomes %v, want several texts and several corrupt ones", outcomes)
	}
	if got := parseOK(t, pool); got != "Invoice 4711\n" {
		t.Errorf("afterwards a good PDF gives %q", got)
	}
}

func damage(random *rand.Rand, data []byte) []byte {
	data = slices.Clone(data)
	switch random.IntN(4) {
	case 0: // cut off
		return data[:len(data)-random.IntN(len(data)/2)]
	case 1: // a piece twice
		from := random.IntN(len(data))
		to := from + random.IntN(len(data)-from)
		return slices.Concat(data[:to], data[from:])
	}
	for range 1 + random.IntN(30) { // flipped bits
		data[random.IntN(len(data))] ^= 1 << random.IntN(8)
	}
	return data
}

func parseOK(t *testing.T, pool *document.Pool) string {
	t.Helper()
	text, err := pool.Parse(t.Context(), smallPDF())
	if err != nil {
		t.Fatal(err)
	}
	return text.Pages[0].Text
}

func TestARealChildThatIsKilledIsReplacedOnce(t *testing.T) {
	t.Parallel()
	for kills, want := range map[int]string{1: "", 2: document.ClassCorrupt} {
		t.Run(fmt.Sprint(kills, " kills"), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			left, started := kills, 0
			pool := newPool(t, func(c *document.Config) {
				// Told after the child is ready and before it gets the document.
				c.Events.ChildStarted = func(pid int, _ time.Duration) {
					mu.Lock()
					defer mu.Unlock()
					started++
					if left > 0 {
						left--
						if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
							t.Error(err)
						}
					}
				}
			})
			_, err := pool.Parse(t.Context(), smallPDF())
			if got := classOf(t, err); got != want || started != 2 {
				t.Errorf("got class %q after %d children, want %q after 2", got, started, want)
			}
		})
	}
}

func TestACacheThatIsNoGoodIsMadeAnewOrDoneWithout(t *testing.T) {
	t.Parallel()
	// The smallest module with a function: compiling PDFium takes seconds.
	wasm := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a\x04\x01\x02\x00\x0b")
	dir := t.TempDir()
	load := func() {
		t.Helper()
		if err := document.LoadEngine(dir, wasm); err != nil {
			t.Fatal(err)
		}
	}
	entry := func() (string, int64) {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(dir, "wazero-*", "*"))
		if err != nil || len(names) != 1 {
			t.Fatalf("got cache entries %q (%v), want one", names, err)
		}
		info, err := os.Stat(names[0])
		if err != nil {
			t.Fatal(err)
		}
		return names[0], info.Size()
	}
	load()
	name, size := entry()
	if err := os.Truncate(name, size/2); err != nil {
		t.Fatal(err)
	}
	load()
	if _, got := entry(); got != size {
		t.Errorf("the damaged cache entry has %d bytes afterwards, want %d", got, size)
	}

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := document.LoadEngine(filepath.Join(file, "cache"), wasm); err != nil {
		t.Errorf("with a cache that cannot be made: %v", err)
	}
	if pool, err := document.NewPool(document.Config{CacheDir: filepath.Join(file, "cache")}); err == nil {
		pool.Close()
		t.Error("a pool took a cache directory inside a file")
	}
}
