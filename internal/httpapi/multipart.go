package httpapi

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"slices"
	"strings"
)

const (
	maxParts       = 4        // parts of a multipart body
	maxPartHeader  = 16 << 10 // bytes before a part's content, and between parts
	maxOptions     = 128 << 10
	maxBoundary    = 70 // RFC 2046
	partDocument   = "document"
	partOptions    = "options"
	multipartSlack = maxOptions + (maxParts+1)*maxPartHeader
)

// errPartHeader marks headers of a part that go on for too long.
var errPartHeader = errors.New("part header too long")

// window lets a limited number of bytes through until it is opened. It bounds
// what the multipart reader reads of headers, which by itself takes 10 MB. It
// also looks for the closing boundary, because the multipart reader takes a
// body that ends behind any boundary for a whole one.
type window struct {
	r     io.Reader
	left  int64
	open  bool
	mark  []byte // the closing boundary at the start of a line
	tail  []byte // the last bytes seen, less than the mark
	ended bool   // the mark was seen
}

func newWindow(r io.Reader, boundary string) *window {
	return &window{r: r, mark: []byte("\n--" + boundary + "--"), tail: []byte("\n")}
}

func (w *window) Read(p []byte) (int, error) {
	if !w.open {
		if w.left <= 0 {
			return 0, errPartHeader
		}
		p = p[:min(int64(len(p)), w.left)]
	}
	n, err := w.r.Read(p)
	w.left -= int64(n)
	w.look(p[:n])
	return n, err
}

// look searches what was read for the mark, also across two reads.
func (w *window) look(p []byte) {
	if w.ended {
		return
	}
	seam := append(slices.Clip(w.tail), p[:min(len(p), len(w.mark)-1)]...)
	w.ended = bytes.Contains(seam, w.mark) || bytes.Contains(p, w.mark)
	if len(p) >= len(w.mark)-1 {
		seam = p
	}
	w.tail = append(w.tail[:0], seam[max(0, len(seam)-len(w.mark)+1):]...)
}

// form is a multipart body taken apart.
type form struct {
	document, options []byte
	hasDocument       bool
	hasOptions        bool
}

// readForm streams the parts "document" and "options" into memory that l pays
// for. limit is the document's.
func readForm(r io.Reader, boundary string, limit int64, l *lease) (form, *Problem) {
	if boundary == "" || len(boundary) > maxBoundary {
		return form{}, problem(CodeMalformedMultipart, "The Content-Type needs a boundary of 1 to %d characters.", maxBoundary)
	}
	win := newWindow(r, boundary)
	parts := multipart.NewReader(win, boundary)
	var f form
	for n := 0; ; n++ {
		// The reader may read one buffer ahead of the content's end.
		win.open, win.left = false, maxPartHeader
		part, err := parts.NextRawPart()
		switch {
		case err == io.EOF && win.ended:
			return f, drain(win, limit)
		case err != nil:
			return form{}, multipartProblem(err, limit)
		case n == maxParts:
			return form{}, problem(CodeMalformedMultipart, "There are more than %d parts.", maxParts)
		}
		win.open = true
		if p := f.take(part, limit, l); p != nil {
			return form{}, p
		}
	}
}

// drain reads what stands behind the last boundary, so that the end of the body
// is seen: only then does the server notice a client that goes away.
func drain(win *window, limit int64) *Problem {
	win.open, win.left = false, maxPartHeader
	if _, err := io.Copy(io.Discard, win); err != nil {
		return multipartProblem(err, limit)
	}
	return nil
}

// take reads one part.
func (f *form) take(part *multipart.Part, limit int64, l *lease) *Problem {
	if enc := part.Header.Values("Content-Transfer-Encoding"); len(enc) > 0 && !plainEncoding(enc) {
		return problem(CodeMalformedMultipart, "Parts are taken as binary: leave Content-Transfer-Encoding out.")
	}
	var into *[]byte
	var given *bool
	switch part.FormName() {
	case partDocument:
		into, given = &f.document, &f.hasDocument
	case partOptions:
		into, given, limit = &f.options, &f.hasOptions, maxOptions
	default:
		return problem(CodeInvalidRequest, "The body has an unknown part; known are %s and %s.", partDocument, partOptions)
	}
	if *given {
		return problem(CodeInvalidRequest, "A part is there twice.").at("/"+part.FormName(), "is there twice")
	}
	*given = true
	data, err := readAll(part, -1, limit, l)
	if errors.Is(err, errTooLong) {
		return tooLong(part.FormName(), limit)
	}
	if err != nil {
		return multipartProblem(err, limit)
	}
	*into = data
	return nil
}

func plainEncoding(values []string) bool {
	if len(values) > 1 {
		return false
	}
	switch strings.ToLower(values[0]) {
	case "binary", "8bit", "7bit":
		return true
	default:
		return false
	}
}

func tooLong(part string, limit int64) *Problem {
	if part == partDocument {
		return problem(CodeDocumentTooLarge, "The limit is %d bytes.", limit)
	}
	return problem(CodeBodyTooLarge, "The options may have %d bytes.", limit)
}

func multipartProblem(err error, limit int64) *Problem {
	p := bodyProblem(err, limit+multipartSlack)
	if p.Code != CodeMalformedBody {
		return p
	}
	if errors.Is(err, errPartHeader) {
		return problem(CodeMalformedMultipart, "A part's headers, or what stands outside of the parts, have more than %d bytes.", maxPartHeader)
	}
	return problem(CodeMalformedMultipart, "The body does not end with its boundary, or a part's header is malformed.")
}
