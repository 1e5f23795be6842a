package document_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/document/pdftest"
)

// smallPDF is a PDF of one page with two words.
func smallPDF() []byte { return pdftest.Build(pdftest.Lines("Invoice 4711")) }

// classOf is the class of a fault, "" for no error; other errors fail the test.
func classOf(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	fault, ok := errors.AsType[*document.Fault](err)
	if !ok {
		t.Fatalf("got error %v (%T), want a fault", err, err)
	}
	return fault.Class
}

func zipped(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func utf16Bytes(s string, order binary.AppendByteOrder) []byte {
	b := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func TestCheckTellsTypesByContent(t *testing.T) {
	t.Parallel()
	pdf := smallPDF()
	tests := []struct {
		name  string
		data  []byte
		want  document.Type
		class string
	}{
		{"pdf", pdf, document.TypePDF, ""},
		{"pdf after a byte order mark", append([]byte("\xef\xbb\xbf\r\n"), pdf...), document.TypePDF, ""},
		{"pdf after mail headers", append([]byte("Content-Type: application/pdf\r\n\r\n"), pdf...), document.TypePDF, ""},
		{"pdf after 1,000 bytes of junk", append(bytes.Repeat([]byte{0xa7}, 1000), pdf...), document.TypePDF, ""},
		{"pdf without its last line", bytes.TrimSuffix(pdf, []byte("%%EOF\n")), document.TypePDF, ""},
		{"pdf cut in half", pdf[:len(pdf)/2], document.TypePDF, document.ClassCorrupt},
		{"pdf header only", []byte("%PDF-1.7\n"), document.TypePDF, document.ClassCorrupt},
		{"pdf behind an archive", append(zipped(t, "a", nil), pdf...), document.TypePDF, document.ClassUnsupportedType},
		{"pdf behind a web page", append([]byte("<html><body></body></html>"), pdf...), document.TypePDF, document.ClassUnsupportedType},
		{"text about pdf", []byte("A file starts with %PDF-1.7 and ends with %%EOF."), document.TypeText, ""},

		{"ascii", []byte("Invoice 4711\nTotal 12.00 EUR\n"), document.TypeText, ""},
		{"one letter", []byte("x"), document.TypeText, ""},
		{"utf-8", []byte("Müller & Söhne — 12,00 €"), document.TypeText, ""},
		{"utf-8 with mark", []byte("\xef\xbb\xbfMüller"), document.TypeText, ""},
		{"utf-16 little endian", utf16Bytes("Müller 12 €", binary.LittleEndian), document.TypeText, ""},
		{"utf-16 big endian", utf16Bytes("Müller 12 €", binary.BigEndian), document.TypeText, ""},
		{"windows-1252", []byte("M\xfcller & S\xf6hne, 12,00 \x80"), document.TypeText, ""},
		{"csv", []byte("pos;name;total\n1;apple;2,00\n2;pear;3,00\n"), document.TypeText, ""},
		{"json", []byte(`{"invoice_number": "4711", "total": 12}`), document.TypeText, ""},

		{"letters that are a signature", []byte("MZ Motors GmbH\nInvoice 12"), document.TypeText, ""},
		{"mail without MIME", []byte("From: a@example.com\nSubject: Invoice\n\nTotal 12.00"), document.TypeText, ""},
		{"xml", []byte("<?xml version=\"1.0\"?><Invoice/>"), document.TypeText, ""},
		{"mail with attachments", []byte("From: a@example.com\nSubject: Invoice\nMIME-Version: 1.0\n\n--x"), "", document.ClassUnsupportedType},

		{"nothing", nil, "", document.ClassEmpty},
		{"one zero byte", []byte{0}, document.TypeText, document.ClassUnsupportedType},
		{"bytes of no kind", []byte("\x01\x02\x03\x04\x05\x06\x07\x08"), document.TypeText, document.ClassUnsupportedType},
		{"high bytes only", []byte("\xf0\xe1\xd2\xc3\xb4\xa5"), document.TypeText, document.ClassUnsupportedType},
		{"utf-32", []byte("\xff\xfe\x00\x00a\x00\x00\x00"), document.TypeText, document.ClassUnsupportedType},
		{"text that ends in binary", append(bytes.Repeat([]byte("text "), 40_000), 0), document.TypeText, document.ClassUnsupportedType},
		{"zip", zipped(t, "invoice.pdf", pdf), "", document.ClassUnsupportedType},
		{"docx", zipped(t, "word/document.xml", nil), "", document.ClassUnsupportedType},
		{"gzip", gzipped(t, pdf), "", document.ClassUnsupportedType},
		{"html", []byte("<!DOCTYPE html><html><body>Invoice</body></html>"), "", document.ClassUnsupportedType},
		{"png", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), "", document.ClassUnsupportedType},
		{"jpeg", []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00"), "", document.ClassUnsupportedType},
		{"windows program", []byte("MZ\x90\x00\x03\x00"), "", document.ClassUnsupportedType},
		{"rtf", []byte(`{\rtf1\ansi Invoice}`), "", document.ClassUnsupportedType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := document.Check(tt.data, document.Limits{})
			if diff := cmp.Diff([]string{string(tt.want), tt.class}, []string{string(got), classOf(t, err)}); diff != "" {
				t.Errorf("type and class differ (-want +got):\n%s\nerror: %v", diff, err)
			}
		})
	}
}

func TestCheckNamesTheTypeWithoutRepeatingInput(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"a ZIP archive":          zipped(t, "secret-name", nil),
		"a Word document (DOCX)": zipped(t, "word/document.xml", nil),
		"an HTML page":           []byte(`<html><meta charset="secret-name"><title>secret-name`),
		"a PNG image":            []byte("\x89PNG\r\n\x1a\nsecret-name"),
	} {
		_, err := document.Check(data, document.Limits{})
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret-name") {
			t.Errorf("got %v, want a fault that says %q and nothing of the document", err, name)
		}
	}
}

func TestCheckKeepsLimits(t *testing.T) {
	t.Parallel()
	limits := document.Limits{MaxBytes: 5000, MaxText: 1000, MaxPages: 3}
	tests := []struct {
		name  string
		data  []byte
		class string
	}{
		{"as many bytes as allowed", append(smallPDF(), make([]byte, 5000-len(smallPDF()))...), ""},
		{"one byte too many", append(smallPDF(), make([]byte, 5001-len(smallPDF()))...), document.ClassTooLarge},
		{"as much text as allowed", bytes.Repeat([]byte("a"), 1000), ""},
		{"too much text", bytes.Repeat([]byte("a"), 1100), document.ClassTooLarge},
		{"three pages of text", []byte("a\fb\fc\f"), ""},
		{"five pages of text", []byte("a\fb\fc\fd\fe"), document.ClassTooManyPages},
	}
	for _, tt := range tests {
		_, err := document.Check(tt.data, limits)
		if got := classOf(t, err); got != tt.class {
			t.Errorf("%s: got class %q, want %q", tt.name, got, tt.class)
		}
	}
}

func TestCheckRefusesOnlyPDFsThatNeedAPassword(t *testing.T) {
	t.Parallel()
	page := pdftest.Lines("Invoice 4711")
	documents := map[string][]byte{
		"locked-generated": pdftest.BuildEncrypted("user", "owner", page),
		"open-generated":   pdftest.BuildEncrypted("", "owner", page),
	}
	names, err := filepath.Glob("testdata/*.pdf")
	if err != nil || len(names) < 9 {
		t.Fatalf("got %d files in testdata (%v), want at least 9", len(names), err)
	}
	for _, name := range names {
		if documents[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range documents {
		_, err := document.Check(data, document.Limits{})
		want := ""
		if strings.HasPrefix(name, "locked-") {
			want = document.ClassEncrypted
		}
		if got := classOf(t, err); got != want {
			t.Errorf("%s: got class %q, want %q", name, got, want)
		}
	}
}

func TestCheckTriesTheEmptyPasswordOnManyKeys(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/open-r6-user-keys.txt")
	if err != nil {
		t.Fatal(err)
	}
	keys := strings.Fields(string(data))
	if len(keys) != 128 {
		t.Fatalf("got %d keys, want 128", len(keys))
	}
	for _, key := range keys {
		pdf := "%PDF-2.0\n1 0 obj << /Filter /Standard /R 6 /U <" + key + "> >> endobj trailer << /Root 2 0 R /Encrypt 1 0 R >>"
		if _, err := document.Check([]byte(pdf), document.Limits{}); err != nil {
			t.Errorf("key %s: got %v, want no error", key, err)
		}
		locked := strings.Replace(pdf, "/U <"+key[:2], "/U <"+flipped(key[:2]), 1)
		if _, err := document.Check([]byte(locked), document.Limits{}); classOf(t, err) != document.ClassEncrypted {
			t.Errorf("changed key %s: got %v, want class encrypted", key, err)
		}
	}
}

// flipped is another pair of hexadecimal digits.
func flipped(hex string) string {
	if hex == "00" {
		return "11"
	}
	return "00"
}

func TestCheckLeavesUnclearEncryptionToTheParser(t *testing.T) {
	t.Parallel()
	locked := pdftest.BuildEncrypted("user", "owner", pdftest.Lines("Invoice"))
	for name, data := range map[string][]byte{
		"no identifier":      bytes.Replace(locked, []byte("/ID ["), []byte("/XX ["), 1),
		"object missing":     bytes.Replace(locked, []byte("/Encrypt 7 0 R"), []byte("/Encrypt 9 9 R"), 1),
		"unknown revision":   bytes.Replace(locked, []byte("/R 3"), []byte("/R 9"), 1),
		"key cut":            bytes.Replace(locked, []byte("/U <"), []byte("/U <> /X <"), 1),
		"dictionary broken":  bytes.Replace(locked, []byte("/Filter /Standard"), []byte("/Filter ]Standard"), 1),
		"mentioned in words": append(smallPDF(), []byte("% see /Encrypt for details")...),
	} {
		if _, err := document.Check(data, document.Limits{}); err != nil {
			t.Errorf("%s: got %v, want no error", name, err)
		}
	}
	certificate := bytes.Replace(locked, []byte("/Filter /Standard"), []byte("/Filter /Adobe.PS"), 1)
	if _, err := document.Check(certificate, document.Limits{}); classOf(t, err) != document.ClassEncrypted {
		t.Errorf("encrypted for a certificate: got %v, want class encrypted", err)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(smallPDF())
	f.Add(pdftest.BuildEncrypted("user", "owner", pdftest.Lines("Invoice")))
	f.Add([]byte("%PDF- /Root <</Encrypt 1 0 R /ID[(a\\)\\101)<41>]>> 1 0 obj<</Filter/Standard/R 6/U(" + strings.Repeat("x", 48) + ")>>"))
	f.Add([]byte("plain text\f\xc3"))
	f.Add(utf16Bytes("text", binary.LittleEndian))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, err := document.Check(data, document.Limits{MaxBytes: 1 << 20})
		if class := classOf(t, err); class == "" && kind != document.TypePDF && kind != document.TypeText {
			t.Errorf("got no fault and type %q", kind)
		}
	})
}
