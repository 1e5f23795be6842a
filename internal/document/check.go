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
var foreignTypes = []struct{ mime, name string }{
	{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a Word document (DOCX)"},
	{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "an Excel workbook (XLSX)"},
	{"application/vnd.openxmlformats-officedocument.presentationml.presentation", "a PowerPoint file (PPTX)"},
	{"application/vnd.oasis.opendocument.text", "an OpenDocument text"},
	{"application/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet"},
	{"application/epub+zip", "an e-book (EPUB)"},
	{"application/zip", "a ZIP archive"},
	{"application/msword", "a Word document (DOC)"},
	{"application/vnd.ms-excel", "an Excel workbook (XLS)"},
	{"application/vnd.ms-outlook", "an Outlook message (MSG)"},
	{"application/x-ole-storage", "an old Office document"},
	{"application/gzip", "a gzip archive"},
	{"application/x-7z-compressed", "a 7-Zip archive"},
	{"application/x-rar-compressed", "a RAR archive"},
	{"application/x-tar", "a TAR archive"},
	{"application/x-bzip2", "a bzip2 archive"},
	{"application/x-xz", "an xz archive"},
	{"application/zstd", "a Zstandard archive"},
	{"image/jpeg", "a JPEG image"},
	{"image/png", "a PNG image"},
	{"image/gif", "a GIF image"},
	{"image/webp", "a WebP image"},
	{"image/tiff", "a TIFF image"},
	{"image/bmp", "a BMP image"},
	{"image/heic", "a HEIC image"},
	{"image/heif", "a HEIF image"},
	{"image/svg+xml", "an SVG image"},
	{"text/html", "an HTML page"},
	{"text/rtf", "an RTF document"},
	{"application/postscript", "a PostScript file"},
	{"message/rfc822", "an e-mail"},
	{"application/vnd.microsoft.portable-executable", "a Windows program"},
	{"application/x-elf", "a Linux program"},
	{"application/x-mach-binary", "a macOS program"},
}

// foreignType names the type of data if it is one that is not read, else "".
// The name never contains anything from data.
func foreignType(data []byte) string {
	detected := mimetype.Detect(data)
	for m := detected; m != nil; m = m.Parent() {
		for _, t := range foreignTypes {
			if m.Is(t.mime) {
				return t.name
			}
		}
	}
	return ""
}
