package document

import (
	"context"
	"errors"
	"math"
)

// PDFium's error codes (fpdfview.h).
const (
	pdfiumErrPassword = 4
	pdfiumErrSecurity = 5
)

// pdfiumImageObject is the type of a page object that is a picture.
const pdfiumImageObject = 3

// maxObjectsLooked bounds the search for pictures on a page without text.
const maxObjectsLooked = 1000

// parsePDF reads a PDF through a fresh guest. Errors that are not faults mean
// the guest is broken in a way that is not the document's doing.
func parsePDF(ctx context.Context, g *guest, data []byte, limits Limits) (Text, error) {
	text, err := readPDF(ctx, g, data, limits)
	if errors.Is(err, errTrap) {
		return Text{}, trapFault(g.memorySize(), limits)
	}
	return text, err
}

// trapFault names a trap: PDFium aborts when it gets no more memory, and
// otherwise traps on its own bugs.
func trapFault(memory int64, limits Limits) *Fault {
	const wasmPage = 64 << 10
	if memory >= int64(limits.MemoryPages)*wasmPage/10*9 {
		return faultMemory()
	}
	return &Fault{Class: ClassCorrupt, Detail: "the PDF parser failed on this document"}
}

func readPDF(ctx context.Context, g *guest, data []byte, limits Limits) (Text, error) {
	doc, err := loadPDF(ctx, g, data)
	if err != nil {
		return Text{}, err
	}
	n, err := g.call(ctx, "FPDF_GetPageCount", doc)
	if err != nil {
		return Text{}, err
	}
	pages := int(int32(n))
	switch {
	case pages <= 0:
		return Text{}, &Fault{Class: ClassEmpty, Detail: "the PDF has no pages"}
	case pages > limits.MaxPages:
		return Text{}, faultPages(limits.MaxPages)
	}
	r := pdfReader{guest: g, doc: doc, limits: limits}
	if r.scratch, err = g.alloc(ctx, scratchSize); err != nil {
		return Text{}, err
	}
	return r.read(ctx, pages)
}

// loadPDF copies data into the guest and opens it without a password, which
// is enough for documents that an owner's password only restricts.
func loadPDF(ctx context.Context, g *guest, data []byte) (uint64, error) {
	p, err := g.alloc(ctx, len(data))
	if err != nil {
		return 0, err
	}
	if p == 0 || !g.module.Memory().Write(p, data) {
		return 0, faultMemory()
	}
	doc, err := g.call(ctx, "FPDF_LoadMemDocument", uint64(p), uint64(len(data)), 0)
	if err != nil {
		return 0, err
	}
	if doc != 0 {
		return doc, nil
	}
	code, err := g.call(ctx, "FPDF_GetLastError")
	if err != nil {
		return 0, err
	}
	if code == pdfiumErrPassword || code == pdfiumErrSecurity {
		return 0, faultEncrypted()
	}
	return 0, &Fault{Class: ClassCorrupt, Detail: "the PDF is damaged and cannot be opened"}
}

// pdfReader reads the pages of an open document.
type pdfReader struct {
	guest   *guest
	doc     uint64
	limits  Limits
	scratch uint32

	size   int  // bytes of text so far
	words  int  // words so far
	marked bool // a page without text has something drawn on it
	warned warnings
}

func (r *pdfReader) read(ctx context.Context, pages int) (Text, error) {
	var text Text
	found := false
	for i := range pages {
		page, err := r.page(ctx, i)
		if err != nil {
			return Text{}, err
		}
		found = found || page.Text != ""
		r.size += len(page.Text)
		if r.size > r.limits.MaxText {
			return Text{}, faultText(r.limits.MaxText)
		}
		page.Words = r.capWords(page.Words)
		text.Pages = append(text.Pages, page)
	}
	switch {
	case !found && r.marked:
		return Text{}, &Fault{Class: ClassNeedsOCR, Detail: "the pages have no text layer: they are pictures"}
	case !found:
		return Text{}, &Fault{Class: ClassEmpty, Detail: "the pages are blank"}
	}
	text.Warnings = r.warned.list()
	return text, nil
}

// capWords keeps a document's words within maxWords.
func (r *pdfReader) capWords(words []Word) []Word {
	if room := maxWords - r.words; len(words) > room {
		r.warned.add(warnWordsCut)
		words = words[:room]
	}
	r.words += len(words)
	return words
}

// page reads one page, index counting from 0. A page that cannot be loaded
// fails the document: a part of an invoice read as if it were the whole would
// be a wrong answer.
func (r *pdfReader) page(ctx context.Context, index int) (Page, error) {
	page, err := r.load(ctx, index)
	if err != nil {
		return Page{}, err
	}
	defer func() { _, _ = r.guest.call(ctx, "FPDF_ClosePage", page) }() // the guest is thrown away: an error changes nothing
	sheet, err := r.sheet(ctx, page)
	if err != nil {
		return Page{}, err
	}
	glyphs, err := r.glyphs(ctx, page)
	if err != nil {
		return Page{}, err
	}
	out := render(sheet, glyphs, &r.warned)
	out.Number = index + 1
	if out.Text == "" {
		if err := r.lookForMarks(ctx, page); err != nil {
			return Page{}, err
		}
	}
	return out, nil
}

// load opens a page. Values typed into form fields are drawn by annotations;
// flattening makes them part of the page, and shows after loading it again.
func (r *pdfReader) load(ctx context.Context, index int) (uint64, error) {
	page, err := r.loadOnce(ctx, index)
	if err != nil {
		return 0, err
	}
	annotations, err := r.guest.call(ctx, "FPDFPage_GetAnnotCount", page)
	if err != nil {
		return 0, err
	}
	if int32(annotations) <= 0 {
		return page, nil
	}
	const normalDisplay = 0
	if _, err := r.guest.call(ctx, "FPDFPage_Flatten", page, normalDisplay); err != nil {
		return 0, err
	}
	if _, err := r.guest.call(ctx, "FPDF_ClosePage", page); err != nil {
		return 0, err
	}
	return r.loadOnce(ctx, index)
}

func (r *pdfReader) loadOnce(ctx context.Context, index int) (uint64, error) {
	page, err := r.guest.call(ctx, "FPDF_LoadPage", r.doc, uint64(index))
	if err != nil {
		return 0, err
	}
	if page == 0 {
		return 0, &Fault{Class: ClassCorrupt, Detail: "a page of the PDF is missing or damaged"}
	}
	return page, nil
}

// sheet reads the visible area and the rotation of a page.
func (r *pdfReader) sheet(ctx context.Context, page uint64) (sheet, error) {
	ok, err := r.guest.call(ctx, "FPDF_GetPageBoundingBox", page, uint64(r.scratch))
	if err != nil {
		return sheet{}, err
	}
	box, read := r.floats(4)
	if ok == 0 || !read {
		return sheet{}, &Fault{Class: ClassCorrupt, Detail: "a page of the PDF has no size"}
	}
	turns, err := r.guest.call(ctx, "FPDFPage_GetRotation", page)
	if err != nil {
		return sheet{}, err
	}
	// FS_RECTF is left, top, right, bottom.
	return newSheet(box[0], box[3], box[2], box[1], int(int32(turns))), nil
}

// lookForMarks notes a page without text on which something is drawn: most
// likely a scan.
func (r *pdfReader) lookForMarks(ctx context.Context, page uint64) error {
	n, err := r.guest.call(ctx, "FPDFPage_CountObjects", page)
	if err != nil {
		return err
	}
	objects := int(int32(n))
	if objects <= 0 {
		return nil
	}
	r.marked = true
	for i := range min(objects, maxObjectsLooked) {
		object, err := r.guest.call(ctx, "FPDFPage_GetObject", page, uint64(i))
		if err != nil {
			return err
		}
		kind, err := r.guest.call(ctx, "FPDFPageObj_GetType", object)
		if err != nil {
			return err
		}
		if kind == pdfiumImageObject {
			r.warned.add(warnPageWithoutText)
			return nil
		}
	}
	return nil
}

// floats reads n 32-bit floats from the scratch memory.
func (r *pdfReader) floats(n uint32) ([6]float64, bool) {
	var out [6]float64
	memory := r.guest.module.Memory()
	for i := range n {
		bits, ok := memory.ReadUint32Le(r.scratch + 4*i)
		if !ok {
			return out, false
		}
		out[i] = float64(math.Float32frombits(bits))
	}
	return out, true
}
