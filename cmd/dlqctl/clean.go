package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxShown bounds one text from elsewhere in bytes.
const maxShown = 8 << 10

// clean makes text from elsewhere safe to show. What would move the cursor,
// change colours, turn the direction of writing or hide is written out, such as
// \x1b; so are line breaks and tabs, which would break a table.
func clean(s string) string {
	cut := len(s) > maxShown
	if cut {
		s = s[:maxShown]
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteString(s[:n])
		case unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		s = s[n:]
	}
	if cut {
		b.WriteString("…")
	}
	return b.String()
}

// cleanJSON writes out in JSON what [clean] writes out in text. The JSON means
// the same afterwards, since outside of strings it is ASCII.
func cleanJSON(text []byte) []byte {
	var b bytes.Buffer
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\ufffd`)
		case r == '\n' || r == '\t' || r == '\r' || unicode.IsPrint(r):
			b.Write(text[:n])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		text = text[n:]
	}
	return b.Bytes()
}
