package extract

import (
	"unicode"
	"unicode/utf8"
)

// EstimateTokens estimates how many tokens a text has for a language model. It
// knows no tokenizer and errs on the high side for European text: a run of
// letters counts one for each four, digits one for each two, signs and other
// letters one each, and white space counts where it is more than one space.
func EstimateTokens(s string) int {
	n := 0
	for i := 0; i < len(s); {
		r, w := utf8.DecodeRuneInString(s[i:])
		var run int
		switch {
		case r < utf8.RuneSelf && unicode.IsLetter(r):
			run = span(s[i:], func(r rune) bool { return r < utf8.RuneSelf && unicode.IsLetter(r) })
			n += (run + 3) / 4
		case unicode.IsDigit(r):
			run = span(s[i:], unicode.IsDigit)
			n += (run + 1) / 2
		case unicode.IsSpace(r):
			run = span(s[i:], unicode.IsSpace)
			if run > 1 || r != ' ' {
				n++
			}
		default:
			run = w
			n++
		}
		i += run
	}
	return n
}

// span is the length of the longest prefix of s in which is holds.
func span(s string, is func(rune) bool) int {
	for i, r := range s {
		if !is(r) {
			return i
		}
	}
	return len(s)
}
