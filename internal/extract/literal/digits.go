package literal

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// leadingPoint reports whether a number without its zero starts at i: ".50".
func leadingPoint(text string, i int) bool {
	if text[i] != '.' || i+1 == len(text) || !isDigit(text[i+1]) {
		return false
	}
	r, n := utf8.DecodeLastRuneInString(text[:i])
	_, currency := currencyBefore(text[:i])
	return n == 0 || unicode.IsSpace(r) || isDash(r) || currency > 0
}

// digitRun returns the end of the digits, separators between digits and
// spaces between groups of three that start at i.
func digitRun(text string, i int) int {
	for limit := min(len(text), i+maxRun); i < limit; {
		if isDigit(text[i]) {
			i++
			continue
		}
		n := separator(text[i:])
		if n == 0 || i+n >= len(text) || !isDigit(text[i+n]) {
			return i
		}
		if spaceLen(text[i:]) > 0 && !groupFollows(text[i+n:]) {
			return i
		}
		i += n
	}
	return min(i, len(text))
}

// separator returns the length of a digit-group or decimal separator at the
// start of s, or 0.
func separator(s string) int {
	switch {
	case s[0] == '.' || s[0] == ',' || s[0] == '\'':
		return 1
	case strings.HasPrefix(s, "’"):
		return len("’")
	default:
		return spaceLen(s)
	}
}

// spaceLen returns the length of a space that may stand between groups.
func spaceLen(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	switch r {
	case ' ', '\u00a0', '\u2007', '\u2009', '\u202f':
		return n
	}
	return 0
}

// groupFollows reports whether s starts with exactly three digits.
func groupFollows(s string) bool {
	return len(s) >= 3 && isDigit(s[0]) && isDigit(s[1]) && isDigit(s[2]) &&
		(len(s) == 3 || !isDigit(s[3]))
}

// parseDigits reads digits with separators. It fails when the separators make
// no sense in any style, as in "13.11.2017".
func parseDigits(s string) (Number, bool) {
	if s[0] == '.' {
		s = "0" + s
	}
	parts, seps := splitDigits(s)
	whole := len(parts[0])
	if whole > 1 && parts[0][0] == '0' {
		return Number{}, false // an identifier
	}
	switch len(seps) {
	case 0:
		return single(s, whole)
	case 1:
		return oneSeparator(parts, seps[0])
	default:
		return grouped(parts, seps)
	}
}

// splitDigits cuts s at its separators. Apostrophes and spaces come back as
// ' and space, whatever their code point; a plain space as 's'.
func splitDigits(s string) (parts []string, seps []byte) {
	from := 0
	for i := 0; i < len(s); {
		if isDigit(s[i]) {
			i++
			continue
		}
		n := separator(s[i:])
		parts = append(parts, s[from:i])
		switch {
		case s[i] == ' ':
			seps = append(seps, 's')
		case spaceLen(s[i:]) > 0:
			seps = append(seps, ' ')
		case s[i] == '.' || s[i] == ',':
			seps = append(seps, s[i])
		default:
			seps = append(seps, '\'')
		}
		i += n
		from = i
	}
	return append(parts, s[from:]), seps
}

func single(s string, digits int) (Number, bool) {
	if digits > maxIntegerDigits {
		return Number{}, false
	}
	v := decimal.RequireFromString(s)
	return Number{point: v, comma: v}, true
}

func oneSeparator(parts []string, sep byte) (Number, bool) {
	if sep != '.' && sep != ',' {
		return grouped(parts, []byte{sep})
	}
	whole, rest := parts[0], parts[1]
	if len(whole) > maxIntegerDigits || len(rest) > maxDecimals {
		return Number{}, false
	}
	fraction := decimal.RequireFromString(whole + "." + rest)
	if len(rest) != 3 || len(whole) > 3 || whole == "0" {
		n := Number{point: fraction, comma: fraction, Decimals: len(rest), Proves: StylePoint}
		if sep == ',' {
			n.Proves = StyleComma
		}
		return n, true
	}
	joined := decimal.RequireFromString(whole + rest)
	n := Number{point: fraction, comma: joined, Decimals: -1}
	if sep == ',' {
		n.point, n.comma = joined, fraction
	}
	return n, true
}

// grouped reads numbers with several separators: all but the last are equal
// thousands separators, the last is the same or the decimal separator.
func grouped(parts []string, seps []byte) (Number, bool) {
	last := len(seps) - 1
	group := seps[0]
	for _, s := range seps[:last] {
		if s != group {
			return Number{}, false
		}
	}
	dec := seps[last]
	whole, fraction := parts[:len(parts)-1], parts[len(parts)-1]
	if dec == group {
		whole, fraction, dec = parts, "", 0
	}
	if dec != 0 && dec != '.' && dec != ',' || !groupsOK(whole, group) || len(fraction) > maxDecimals {
		return Number{}, false
	}
	digits := strings.Join(whole, "")
	if len(digits) > maxIntegerDigits {
		return Number{}, false
	}
	n := Number{Decimals: len(fraction), Spaced: group == 's'}
	tail := whole[len(whole)-1]
	if fraction != "" {
		digits, tail = digits+"."+fraction, tail+"."+fraction
	}
	v := decimal.RequireFromString(digits)
	n.point, n.comma = v, v
	if n.Spaced {
		n.Tail = decimal.RequireFromString(tail)
	}
	switch {
	case dec == ',' || dec == 0 && group == '.':
		n.Proves = StyleComma
	case dec == '.' || dec == 0 && group == ',':
		n.Proves = StylePoint
	}
	return n, true
}

// groupsOK reports whether the parts are digit groups: one to three digits,
// then threes. With commas the Indian way (1,23,456) is understood as well.
func groupsOK(parts []string, group byte) bool {
	if n := len(parts[0]); n == 0 || n > 3 {
		return false
	}
	for i, p := range parts[1:] {
		inner := i < len(parts)-2
		if len(p) == 3 || (group == ',' && inner && len(p) == 2) {
			continue
		}
		return false
	}
	return true
}
