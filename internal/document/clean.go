package document

import "unicode"

// cleanRune maps a character of a document to the one that stands in the text:
// 0 for what has no place there, ' ' for every kind of space.
func cleanRune(r rune) rune {
	switch {
	case r > ' ' && r < 0x7f:
		return r
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsControl(r), invisible(r), r > unicode.MaxRune, r < 0:
		return 0
	case r >= 0xd800 && r < 0xe000, r&0xfffe == 0xfffe:
		return 0 // half a surrogate pair, or no character at all
	}
	return r
}

// pdfRune is cleanRune for characters from PDFium, which marks a hyphen at the
// end of a line as U+0002; PDF producers print the soft hyphen as a hyphen.
func pdfRune(r rune) rune {
	if r == 0x02 || r == 0xad {
		return '-'
	}
	return cleanRune(r)
}

// invisible reports characters that show nothing and can make text read
// differently from how it looks: soft hyphens,
// direction overrides, zero-width spaces, tags.
// The joiners U+200C and U+200D stay: Persian and Indic words need them.
func invisible(r rune) bool {
	switch {
	case r == 0xad, r == 0x200b, r == 0x200e, r == 0x200f, r == 0x2060, r == 0xfeff:
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	case r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}
