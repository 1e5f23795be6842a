package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestTheCommittedFilesAreWhatTheProgramWrites(t *testing.T) {
	dir := t.TempDir()
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	written, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	committed, err := filepath.Glob("../*.pdf")
	if err != nil {
		t.Fatal(err)
	}
	if len(written) != len(committed) || len(written) < 6 {
		t.Errorf("%d files are written, %d committed", len(written), len(committed))
	}
	for _, path := range written {
		name := filepath.Base(path)
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("..", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from the committed file (%v): run go run ./examples/generate", name, err)
		}
	}
	if err := run(filepath.Join(dir, "none")); err == nil {
		t.Error("writing to a folder that does not exist succeeds")
	}
}

// TestEveryObjectIsWhereTheTableSaysItIs reads the cross-reference tables.
func TestEveryObjectIsWhereTheTableSaysItIs(t *testing.T) {
	for _, v := range documents() {
		b := v.pdf()
		tail := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(b)
		if tail == nil {
			t.Fatalf("%s has no proper end", v.file)
		}
		at, _ := strconv.Atoi(string(tail[1]))
		entries := regexp.MustCompile(`(\d{10}) 00000 n \n`).FindAllSubmatch(b[at:], -1)
		if len(entries) < 7 {
			t.Errorf("%s has %d objects", v.file, len(entries))
		}
		for i, e := range entries {
			offset, _ := strconv.Atoi(string(e[1]))
			if want := fmt.Sprintf("%d 0 obj\n", i+1); !bytes.HasPrefix(b[offset:], []byte(want)) {
				t.Errorf("%s: at %d stands %.10q, not %q", v.file, offset, b[offset:], want)
			}
		}
		for _, m := range regexp.MustCompile(`(?s)/Length (\d+) >>\nstream\n(.*?)endstream`).FindAllSubmatch(b, -1) {
			if n, _ := strconv.Atoi(string(m[1])); n != len(m[2]) {
				t.Errorf("%s: a stream of %d bytes says %d", v.file, len(m[2]), n)
			}
		}
	}
}

func TestThePrintedSumsAddUp(t *testing.T) {
	want := map[string]string{
		"invoice-en-stationer.pdf":  "£813.24",
		"invoice-en-caterer.pdf":    "$5,654.66",
		"invoice-de-druckerei.pdf":  "4.112,22 €",
		"invoice-fr-menuiserie.pdf": "9\u00a0639,00 €",
		"review-two-totals.pdf":     "£1,248.00",
	}
	for _, v := range documents() {
		subtotal, tax, total := v.totals()
		if subtotal+tax != total || v.words.money(total) != want[v.file] {
			t.Errorf("%s: %d + %d = %s, want %s", v.file, subtotal, tax, v.words.money(total), want[v.file])
		}
		if v.wrongTotal == total {
			t.Errorf("%s does not contradict itself", v.file)
		}
		if printed := escape(encode(want[v.file])); !strings.Contains(string(v.pdf()), printed+")") {
			t.Errorf("%s does not print %s", v.file, want[v.file])
		}
	}
}

// TestTheBrokenFileLooksWholeFromOutside keeps its header, its trailer with the
// catalogue and its end, and nothing that could be opened.
func TestTheBrokenFileLooksWholeFromOutside(t *testing.T) {
	whole := stationer().pdf()
	b := broken(whole)
	if len(b) != len(whole) || !bytes.HasPrefix(b, []byte("%PDF-1.7\n")) || !bytes.Contains(b, []byte("/Root 1 0 R")) || !bytes.HasSuffix(b, []byte("%%EOF\n")) {
		t.Errorf("the outside is damaged too: %.40q … %.80q", b, b[len(b)-80:])
	}
	if bytes.Contains(b, []byte("obj")) || bytes.Equal(whole, b) {
		t.Error("an object is left")
	}
}

func TestTextIsMeasuredAndEncoded(t *testing.T) {
	st := style{size: 10}
	for s, want := range map[string]float64{"": 0, "Hi": 9.44, "£1": 11.12, "É": 6.67, "ß": 6.11} {
		if got := textWidth(st, s); got < want-0.001 || got > want+0.001 {
			t.Errorf("%q is %.3f wide, want %.3f", s, got, want)
		}
	}
	st.bold = true
	if got := textWidth(st, "Hi"); got < 9.999 || got > 10.001 {
		t.Errorf("bold Hi is %.3f wide, want 10", got)
	}
	if got := string(encode("a€–é")); got != "a\x80\x96\xe9" {
		t.Errorf("encoded as %q", got)
	}
	if got := escape([]byte(`a(b)\`)); got != `a\(b\)\\` {
		t.Errorf("escaped as %s", got)
	}
}

func TestNumbersAreWrittenAsTheLanguageDoes(t *testing.T) {
	en, de, fr := english("USD", "VAT"), german(), french()
	for got, want := range map[string]string{
		en.money(123456789): "$1,234,567.89", de.money(123456): "1.234,56 €", fr.money(99): "0,99 €",
		en.count(line{quantity: 250}): "2.5", de.count(line{quantity: 4000}): "40", fr.count(line{quantity: 170000}): "1\u00a0700",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := (line{quantity: 1150, price: 6801}).amount(); got != 78212 {
		t.Errorf("11.5 × 68.01 is %d cents, want 78212 (rounded half up)", got)
	}
}
