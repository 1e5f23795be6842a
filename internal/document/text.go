// Package document turns the bytes of an uploaded document into pages of text
// with positions. Parsing runs in bounded child processes, because the bytes
// come from strangers.
package document

// Text is a document's readable text.
type Text struct {
	Pages []Page `json:"pages"`
	// Warnings names what was left out or changed, each once:
	// page_text_cut (a page holds more than is read), words_cut (positions of
	// the last words are missing), page_without_text (a page holds a picture
	// and no text), text_outside_page (text that no reader sees was left out),
	// characters_replaced (bytes that are no characters became U+FFFD).
	Warnings []string `json:"warnings,omitempty"`
}

// Page is the text of one page, rendered so that columns stay columns: words
// that stand side by side on the page stand side by side in the text.
type Page struct {
	// Number counts from 1.
	Number int `json:"number"`
	// Text is valid UTF-8; lines end in '\n'.
	Text string `json:"text"`
	// Words are in the order of their Start. Empty when the document has no
	// layout of its own, as plain text.
	Words []Word `json:"words,omitempty"`
}

// Word is the place of one word of a page.
type Word struct {
	// Start and End are byte offsets into Page.Text; End is exclusive.
	Start int `json:"s"`
	End   int `json:"e"`
	// Box is where the word stands on the page.
	Box Box `json:"b"`
}

// Box is a rectangle as shares of the page: 0 to 1, origin top left.
type Box struct {
	X0 float64 `json:"x0"`
	Y0 float64 `json:"y0"`
	X1 float64 `json:"x1"`
	Y1 float64 `json:"y1"`
}
