package document

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// charset is how a plain text is written down.
type charset int

const (
	charsetUnknown charset = iota // not text
	charsetUTF8
	charsetUTF16LE
	charsetUTF16BE
	charsetWindows1252
)

// sampleSize is how much of a text's start and end Check looks at.
const sampleSize = 64 << 10

// checkPlain refuses what is no text, from a sample, and what is too much.
func checkPlain(data []byte, limits Limits) error {
	// UTF-16 may shrink to half its size, the other encodings never shrink.
	if len(data) > 2*limits.MaxText+2 {
		return faultText(limits.MaxText)
	}
	head := data[:min(len(data), sampleSize)]
	set, _ := charsetOf(head)
	if set == charsetUTF8 && len(data) > limits.MaxText+3 {
		return faultText(limits.MaxText)
	}
	if set == charsetUnknown || binaryBytes(data[len(data)-min(len(data), sampleSize):], set) {
		return faultType("an unknown kind of file")
	}
	if bytes.Count(head, []byte("\f")) >= limits.MaxPages+1 {
		return faultPages(limits.MaxPages)
	}
	return nil
}

// charsetOf guesses the encoding of data and the length of its byte order mark.
func charsetOf(data []byte) (set charset, mark int) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")):
		return charsetUnknown, 0 // UTF-32, which nobody sends
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		set, mark = charsetUTF8, 3
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		set, mark = charsetUTF16LE, 2
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		set, mark = charsetUTF16BE, 2
	case validUTF8Start(data):
		set = charsetUTF8
	case mostlyASCII(data):
		set = charsetWindows1252
	}
	if binaryBytes(data, set) {
		return charsetUnknown, 0
	}
	return set, mark
}

// validUTF8Start is utf8.Valid for data that may end inside a character.
func validUTF8Start(data []byte) bool {
	for cut := range utf8.UTFMax {
		if cut <= len(data) && utf8.Valid(data[:len(data)-cut]) {
			return cut == 0 || !utf8.FullRune(data[len(data)-cut:])
		}
	}
	return false
}

// mostlyASCII tells Western text, whose accents are few, from other bytes.
func mostlyASCII(data []byte) bool {
	high := 0
	for _, b := range data {
		if b >= 0x80 {
			high++
		}
	}
	return high*2 <= len(data)
}

// binaryBytes reports control characters that no text holds: any NUL outside
// UTF-16, or more than one control character in a hundred.
func binaryBytes(data []byte, set charset) bool {
	if set == charsetUTF16LE || set == charsetUTF16BE {
		return false
	}
	controls := 0
	for _, b := range data {
		switch {
		case b == 0:
			return true
		case b < ' ' && b != '\t' && b != '\n' && b != '\r' && b != '\f':
			controls++
		}
	}
	return controls*100 > len(data)
}

// parsePlain turns a plain text into pages, one per form feed, without words.
// Tabs stay. Bytes that are no characters become U+FFFD, with a warning.
func parsePlain(data []byte, limits Limits) (Text, error) {
	set, mark := charsetOf(data)
	if set == charsetUnknown {
		return Text{}, faultType("an unknown kind of file")
	}
	decoded := decode(data[mark:], set)
	if len(decoded) > limits.MaxText+limits.MaxPages {
		return Text{}, faultText(limits.MaxText)
	}
	if strings.Count(decoded, "\f") > limits.MaxPages {
		return Text{}, faultPages(limits.MaxPages)
	}
	var text Text
	size := 0
	for i, raw := range strings.Split(strings.TrimSuffix(decoded, "\f"), "\f") {
		page := Page{Number: i + 1, Text: cleanPlain(raw)}
		size += len(page.Text)
		text.Pages = append(text.Pages, page)
	}
	switch {
	case len(text.Pages) > limits.MaxPages:
		return Text{}, faultPages(limits.MaxPages)
	case size > limits.MaxText:
		return Text{}, faultText(limits.MaxText)
	case blank(text.Pages):
		return Text{}, &Fault{Class: ClassEmpty, Detail: "the text holds nothing but spaces"}
	}
	if strings.ContainsRune(decoded, utf8.RuneError) {
		text.Warnings = []string{warnCharactersReplaced}
	}
	return text, nil
}

func blank(pages []Page) bool {
	for _, p := range pages {
		if strings.TrimSpace(p.Text) != "" {
			return false
		}
	}
	return true
}

// decode turns data into UTF-8.
func decode(data []byte, set charset) string {
	switch set {
	case charsetUTF16LE:
		return decodeUTF16(data, binary.LittleEndian)
	case charsetUTF16BE:
		return decodeUTF16(data, binary.BigEndian)
	case charsetWindows1252:
		var b strings.Builder
		for _, c := range data {
			b.WriteRune(charmap.Windows1252.DecodeByte(c))
		}
		return b.String()
	}
	return strings.ToValidUTF8(string(data), string(utf8.RuneError))
}

func decodeUTF16(data []byte, order binary.ByteOrder) string {
	units := make([]uint16, (len(data)+1)/2)
	for i := range len(data) / 2 {
		units[i] = order.Uint16(data[2*i:])
	}
	if len(data)%2 == 1 {
		units[len(units)-1] = 0xd800 // half a character: decodes to U+FFFD
	}
	return string(utf16.Decode(units))
}

// cleanPlain drops what cleanRune drops, except that lines and tabs stay; every
// kind of line end becomes '\n'.
func cleanPlain(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n\n").Replace(s)
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if r = cleanRune(r); r == 0 {
			return -1
		}
		return r
	}, s)
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}
