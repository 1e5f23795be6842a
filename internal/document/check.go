package document

import (
	"bytes"
	"fmt"

	"github.com/gabriel-vasile/mimetype"
)

// Type is the media type of a document, found by its content.
type Type string

// The types that are read.
const (
	TypePDF  Type = "application/pdf"
	TypeText Type = "text/plain"
)

// Check looks at the bytes of a document before it is accepted: size, type,
// and what makes a document unreadable beyond doubt. It starts no process,
// keeps nothing and takes a few milliseconds for the largest document. What it
// passes can still turn out bad in [Pool.Parse].
//
// The error is a [*Fault] of class empty, too_large, too_many_pages (plain
// text), unsupported_type, encrypted or corrupt. Neither file names nor
// declared types are looked at.
func Check(data []byte, limits Limits) (Type, error) {
	limits = limits.WithDefaults()
	switch {
	case len(data) == 0:
		return "", &Fault{Class: ClassEmpty, Detail: "the document has no bytes"}
	case int64(len(data)) > limits.MaxBytes:
		return "", &Fault{Class: ClassTooLarge, Detail: fmt.Sprintf("the document has more than %d bytes", limits.MaxBytes)}
	}
	if at := pdfHeader(data); at >= 0 {
		return TypePDF, checkPDF(data, at)
	}
	if name := foreignType(data); name != "" {
		return "", faultType(name)
	}
	return TypeText, checkPlain(data, limits)
}

func faultType(name string) *Fault {
	return &Fault{Class: ClassUnsupportedType, Detail: "this is " + name + "; PDF and plain text are read"}
}

// pdfHeaderReach is how far into a file readers look for the header of a PDF.
const pdfHeaderReach = 1024

// pdfHeader finds where a PDF starts, or -1. Bytes before the header are
// common (mail headers, printer commands) and PDFium reads past them; but a
// text that merely mentions the header is text.
func pdfHeader(data []byte) int {
	at := bytes.Index(data[:min(len(data), pdfHeaderReach)], []byte("%PDF-"))
	if at <= 0 || len(bytes.Trim(data[:at], "\xef\xbb\xbf \t\r\n\f\x00")) == 0 {
		return at
	}
	if !bytes.Contains(data[at:], []byte("endobj")) {
		return -1
	}
	return at
}

// checkPDF refuses what PDFium could not read either.
func checkPDF(data []byte, at int) error {
	// A file that is a ZIP archive or a web page to one reader and a PDF to
	// another could show each of them something else.
	if at > 0 {
		if name := foreignType(data[:at]); name != "" {
			return faultType(name + " with a PDF inside")
		}
	}
	// Every PDF names its catalogue in plain bytes, in the trailer or in the
	// dictionary of a cross-reference stream, and PDFium opens none without.
	// In most files that is the last thing written, so its absence means that
	// the file was cut off.
	if !bytes.Contains(data[at:], []byte("/Root")) {
		return &Fault{Class: ClassCorrupt, Detail: "the PDF is cut off or damaged: it names no catalogue"}
	}
	if lockedByPassword(data[at:]) {
		return faultEncrypted()
	}
	return nil
}

// foreignTypes are the types that are told apart only to be refused. A type
// that is a kind of another one comes before it.
var foreignTypes = []struct {
	mime, name string
	text       bool // written in plain characters
}{
	{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a Word document (DOCX)", false},
	{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "an Excel workbook (XLSX)", false},
	{"application/vnd.openxmlformats-officedocument.presentationml.presentation", "a PowerPoint file (PPTX)", false},
	{"application/vnd.oasis.opendocument.text", "an OpenDocument text", false},
	{"application/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet", false},
	{"application/epub+zip", "an e-book (EPUB)", false},
	{"application/zip", "a ZIP archive", false},
	{"application/msword", "a Word document (DOC)", false},
	{"application/vnd.ms-excel", "an Excel workbook (XLS)", false},
	{"application/vnd.ms-outlook", "an Outlook message (MSG)", false},
	{"application/x-ole-storage", "an old Office document", false},
	{"application/gzip", "a gzip archive", false},
	{"application/x-7z-compressed", "a 7-Zip archive", false},
	{"application/x-rar-compressed", "a RAR archive", false},
	{"application/x-tar", "a TAR archive", false},
	{"application/x-bzip2", "a bzip2 archive", false},
	{"application/x-xz", "an xz archive", false},
	{"application/zstd", "a Zstandard archive", false},
	{"image/jpeg", "a JPEG image", false},
	{"image/png", "a PNG image", false},
	{"image/gif", "a GIF image", false},
	{"image/webp", "a WebP image", false},
	{"image/tiff", "a TIFF image", false},
	{"image/bmp", "a BMP image", false},
	{"image/heic", "a HEIC image", false},
	{"image/heif", "a HEIF image", false},
	{"image/svg+xml", "an SVG image", true},
	{"text/html", "an HTML page", true},
	{"text/rtf", "an RTF document", true},
	{"application/postscript", "a PostScript file", true},
	{"message/rfc822", "an e-mail", true},
	{"application/vnd.microsoft.portable-executable", "a Windows program", false},
	{"application/x-elf", "a Linux program", false},
	{"application/x-mach-binary", "a macOS program", false},
}

// foreignType names the type of data if it is one that is not read, else "".
// The name never contains anything from data.
//
// The signatures of some binary formats are two letters, so a text counts as
// one only if that is a format written in characters ("MZ Motors" is no
// program). A mail without MIME is a text like any other.
func foreignType(data []byte) string {
	head := data[:min(len(data), sampleSize)]
	set, _ := charsetOf(head)
	for m := mimetype.Detect(head); m != nil; m = m.Parent() {
		for _, t := range foreignTypes {
			if !m.Is(t.mime) || set != charsetUnknown && !t.text {
				continue
			}
			if t.mime == "message/rfc822" && !bytes.Contains(bytes.ToLower(head), []byte("\nmime-version:")) {
				continue
			}
			return t.name
		}
	}
	return ""
}
