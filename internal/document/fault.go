package document

import (
	"errors"
	"fmt"
)

// Classes of [Fault]. They are part of the HTTP API: a failed job names one.
const (
	// ClassEmpty: no bytes, no pages, or pages with nothing on them.
	ClassEmpty = "empty"
	// ClassTooLarge: the bytes, the text or the memory the document needs
	// pass a limit.
	ClassTooLarge = "too_large"
	// ClassTooManyPages: more pages than allowed.
	ClassTooManyPages = "too_many_pages"
	// ClassUnsupportedType: not a PDF and not plain text.
	ClassUnsupportedType = "unsupported_type"
	// ClassEncrypted: it opens with a password only.
	ClassEncrypted = "encrypted"
	// ClassCorrupt: cut off, damaged, or deadly to the parser.
	ClassCorrupt = "corrupt"
	// ClassTimeout: parsing took longer than allowed.
	ClassTimeout = "timeout"
	// ClassNeedsOCR: the pages hold pictures of text, not text.
	ClassNeedsOCR = "needs_ocr"
)

// Fault says what is wrong with a document. The document is to blame, not the
// machine: the same bytes fail again. Every other error of this package is
// trouble on our side and says nothing about the document.
type Fault struct {
	// Class is one of the Class constants.
	Class string `json:"class"`
	// Detail is one sentence fit for the person who sent the document. It
	// never repeats bytes of the document.
	Detail string `json:"detail"`
}

// Error returns the class and the detail.
func (f *Fault) Error() string { return f.Class + ": " + f.Detail }

var (
	// ErrClosed is returned by [Pool.Parse] when the pool is closed.
	ErrClosed = errors.New("document pool is closed")
	// ErrBusy is returned by [Pool.Parse] when too many callers wait already.
	ErrBusy = errors.New("too many documents are waiting to be parsed")
	// ErrChild is wrapped by errors about a child process that could not be
	// started.
	ErrChild = errors.New("document child process")
)

func faultEncrypted() *Fault {
	return &Fault{Class: ClassEncrypted, Detail: "the PDF opens with a password only"}
}

func faultPages(limit int) *Fault {
	return &Fault{Class: ClassTooManyPages, Detail: fmt.Sprintf("the document has more than %d pages", limit)}
}

func faultText(limit int) *Fault {
	return &Fault{Class: ClassTooLarge, Detail: fmt.Sprintf("the document has more than %d bytes of text", limit)}
}

func faultMemory() *Fault {
	return &Fault{Class: ClassTooLarge, Detail: "reading the document needs more memory than allowed"}
}
