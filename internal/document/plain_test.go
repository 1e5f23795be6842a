package document_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/document"
)

// noChildren is a pool whose children could not even start: plain text needs
// none.
func noChildren(t testing.TB, limits document.Limits) *document.Pool {
	return newPool(t, func(c *document.Config) {
		c.Command = []string{"/nonexistent/program"}
		c.Limits = limits
	})
}

func TestPlainTextBecomesPagesWithoutAChild(t *testing.T) {
	t.Parallel()
	pool := noChildren(t, document.Limits{})
	one := func(texts ...string) []document.Page {
		var pages []document.Page
		for i, s := range texts {
			pages = append(pages, document.Page{Number: i + 1, Text: s})
		}
		return pages
	}
	tests := []struct {
		name     string
		data     []byte
		want     []document.Page
		warnings []string
	}{
		{"lines", []byte("a b\nc"), one("a b\nc\n"), nil},
		{"pages", []byte("one\ftwo\n\fthree"), one("one\n", "two\n", "three\n"), nil},
		{"form feed at the end", []byte("one\f"), one("one\n"), nil},
		{"empty page", []byte("one\f\ftwo"), one("one\n", "", "two\n"), nil},
		{"every kind of line end", []byte("a\r\nb\rc\u0085d\u2028e"), one("a\nb\nc\nd\ne\n"), nil},
		{"tabs and columns stay", []byte("a\tb  c"), one("a\tb  c\n"), nil},
		{"hidden characters go", []byte("a\u202eb\u200bc\ufeffd\u00ade\x07f" + strings.Repeat(" ", 100)), one("abcdef" + strings.Repeat(" ", 100) + "\n"), nil},
		{"joiners stay", []byte("می\u200cخواهم"), one("می\u200cخواهم\n"), nil},
		{"utf-16", utf16Bytes("Müller 12 € 𝄞", binary.LittleEndian), one("Müller 12 € 𝄞\n"), nil},
		{"utf-16 cut inside a character", utf16Bytes("abc", binary.BigEndian)[:7], one("ab\ufffd\n"), []string{"characters_replaced"}},
		{"windows-1252", []byte("M\xfcller, 12 \x80 \x96 ok"), one("Müller, 12 € – ok\n"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := pool.Parse(t.Context(), tt.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(document.Text{Pages: tt.want, Warnings: tt.warnings}, got); diff != "" {
				t.Errorf("text differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlainTextKeepsLimits(t *testing.T) {
	t.Parallel()
	pool := noChildren(t, document.Limits{MaxText: 100, MaxPages: 3})
	for name, tt := range map[string]struct {
		data  []byte
		class string
	}{
		"blank":                    {[]byte(" \n\t\f "), document.ClassEmpty},
		"too long":                 {bytes.Repeat([]byte("a"), 120), document.ClassTooLarge},
		"too long in utf-8 only":   {bytes.Repeat([]byte("a\x80"), 45), document.ClassTooLarge},
		"four pages":               {[]byte("a\fb\fc\fd"), document.ClassTooManyPages},
		"one line of what is left": {bytes.Repeat([]byte("a"), 99), ""},
	} {
		_, err := pool.Parse(t.Context(), tt.data)
		if got := classOf(t, err); got != tt.class {
			t.Errorf("%s: got class %q, want %q", name, got, tt.class)
		}
	}
}

func FuzzPlainText(f *testing.F) {
	f.Add([]byte("a\r\nb\fc"))
	f.Add(utf16Bytes("x\x00y\u202e", binary.BigEndian))
	f.Add([]byte("caf\xe9"))
	pool := noChildren(f, document.Limits{MaxText: 1000, MaxPages: 5})
	f.Fuzz(func(t *testing.T, data []byte) {
		if kind, err := document.Check(data, document.Limits{}); err != nil || kind != document.TypeText {
			return
		}
		text, err := pool.Parse(t.Context(), data)
		if classOf(t, err) != "" {
			return
		}
		size := 0
		for _, p := range text.Pages {
			size += len(p.Text)
			checkClean(t, p.Text, "\n\t")
		}
		if size > 1000 || len(text.Pages) > 5 {
			t.Errorf("got %d bytes on %d pages, want at most 1000 on 5", size, len(text.Pages))
		}
	})
}

// checkClean fails the test if s holds bytes or characters that no text may
// hold; allowed lists control characters that may stay.
func checkClean(t testing.TB, s, allowed string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("text is not valid UTF-8: %q", s)
	}
	for _, r := range s {
		if unicode.IsControl(r) && !strings.ContainsRune(allowed, r) || r >= 0x202a && r <= 0x202e {
			t.Errorf("text holds %U: %q", r, s)
		}
	}
}
