package literal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// dayMonthYear reads 7. Mai 2014, 31 de diciembre de 2025, 1er janvier 2024,
// 2-Apr-18 and 25DEC2018.
func dayMonthYear(text string, i int) (Date, bool) {
	day, w := digitsAt(text, i, 3)
	if w > 2 {
		return Date{}, false
	}
	j := skipOrdinal(text, i+w)
	j = skipJoint(text, j)
	month, end, ok := monthAt(text, j)
	if !ok {
		return Date{}, false
	}
	year, end, short, ok := yearAt(text, end)
	if !ok || !valid(year, month, day) {
		return Date{}, false
	}
	return named(i, end, year, month, day, short), true
}

// monthDayYear reads December 31, 2025 and Apr. 2nd 2018.
func monthDayYear(text string, i int) (Date, bool) {
	if r, n := utf8.DecodeLastRuneInString(text[:i]); n > 0 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		return Date{}, false
	}
	month, j, ok := monthAt(text, i)
	if !ok {
		return Date{}, false
	}
	j = skipJoint(text, j)
	day, w := digitsAt(text, j, 3)
	if w == 0 || w > 2 {
		return Date{}, false
	}
	year, end, short, ok := yearAt(text, skipOrdinal(text, j+w))
	if !ok || !valid(year, month, day) {
		return Date{}, false
	}
	return named(i, end, year, month, day, short), true
}

func named(start, end, year, month, day int, short bool) Date {
	return Date{
		Start: start, End: end, ShortYear: short,
		Readings: []Reading{{Day{year, month, day}, Named}},
	}
}

// skipOrdinal skips the ending of an ordinal number: 1st, 2nd, 1er, 7., 1º.
func skipOrdinal(text string, i int) int {
	for _, ending := range []string{"st", "nd", "rd", "th", "er", "º", "°"} {
		if end := i + len(ending); strings.HasPrefix(lowerPrefix(text[i:]), ending) && !letterAt(text, end) {
			return end
		}
	}
	return i
}

// lowerPrefix is the first bytes of s in lower case, for short comparisons.
func lowerPrefix(s string) string { return strings.ToLower(s[:min(len(s), 4)]) }

func letterAt(text string, i int) bool {
	r, _ := utf8.DecodeRuneInString(text[i:])
	return unicode.IsLetter(r)
}

// skipJoint skips what joins the parts of a spelt date: one of . , - / ' with
// spaces, and the word "de", "del" or "of".
func skipJoint(text string, i int) int {
	i = skipSpace(text, i)
	if i < len(text) && strings.IndexByte(".,-/'", text[i]) >= 0 {
		i = skipSpace(text, i+1)
	}
	for _, word := range []string{"del", "de", "of", "d"} {
		if strings.HasPrefix(lowerPrefix(text[i:]), word) {
			if rest := text[i+len(word):]; rest != "" && (rest[0] == ' ' || word == "d" && rest[0] == '\'') {
				return skipSpace(text, i+len(word)+1)
			}
		}
	}
	return i
}

func skipSpace(text string, i int) int {
	for n := 0; n < 2 && i < len(text); n++ {
		w := spaceLen(text[i:])
		if w == 0 {
			break
		}
		i += w
	}
	return i
}

// yearAt reads a year of four or two digits after a joint.
func yearAt(text string, i int) (year, end int, short, ok bool) {
	i = skipJoint(text, i)
	if strings.HasPrefix(text[i:], "’") {
		i += len("’")
	}
	year, w := digitsAt(text, i, 5)
	end = i + w
	if end < len(text) && text[end] == ':' || !dateMayEnd(text, end) {
		return 0, 0, false, false // a time of day
	}
	switch w {
	case 4:
		return year, end, false, true
	case 2:
		return century(year), end, true, true
	}
	return 0, 0, false, false
}

// monthAt reads a month's name at i.
func monthAt(text string, i int) (month, end int, ok bool) {
	end = i
	for end < len(text) && end-i <= 24 {
		r, n := utf8.DecodeRuneInString(text[end:])
		if !unicode.IsLetter(r) {
			break
		}
		end += n
	}
	month, ok = months[Fold(text[i:end])]
	return month, end, ok
}
