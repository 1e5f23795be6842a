package literal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// surroundings reads sign, currency and percent around the digits, widens the
// span over them and reports whether the digits stand as a number of their own.
func (n *Number) surroundings(text string) bool {
	if !n.readRight(text) || !n.readLeft(text) {
		return false
	}
	return !n.Spaced || n.Decimals > 0 || n.Currency != ""
}

func (n *Number) readRight(text string) bool {
	rest := text[n.End:]
	switch dash := leadingDash(strings.TrimLeft(rest, ".,")); {
	case rest == "":
		return true
	case (rest[0] == ',' || rest[0] == '.') && dash > 0 && n.Decimals == 0:
		n.End += 1 + dash // "12,-" and "12.–" mean no cents
		n.End += leadingDash(text[n.End:])
	case leadingDash(rest) > 0:
		if !endsAfter(rest, leadingDash(rest)) {
			return false // "12-34" is an identifier or a range
		}
		if n.Decimals == 2 {
			n.negate()
			n.End += leadingDash(rest)
		}
	}
	if code, width := currencyAt(text[n.End:]); width > 0 {
		n.Currency = code
		n.End += width
	}
	rest = text[n.End:]
	trimmed := strings.TrimPrefix(rest, " ")
	if strings.HasPrefix(trimmed, "%") {
		n.Percent = true
		n.End += len(rest) - len(trimmed) + 1
		return true
	}
	if upper := strings.TrimPrefix(rest, " "); strings.HasPrefix(upper, "CR") && endsAfter(upper, 2) {
		n.UnsureSign = true
		return true
	}
	return numberMayEnd(rest)
}

// numberMayEnd reports whether what follows the digits lets them be a number:
// no letter, no further part of a date, a time or an identifier.
func numberMayEnd(rest string) bool {
	r, width := utf8.DecodeRuneInString(rest)
	if width == 0 {
		return true
	}
	if unicode.IsLetter(r) || r == '_' || r == '°' {
		return false
	}
	if strings.ContainsRune("/:\\.,-", r) {
		next, _ := utf8.DecodeRuneInString(rest[width:])
		return !unicode.IsLetter(next) && !unicode.IsDigit(next)
	}
	return true
}

func (n *Number) readLeft(text string) bool {
	before := text[:n.Start]
	if d := trailingDash(before); d > 0 {
		if !startsBefore(before[:len(before)-d]) {
			return false
		}
		n.negate()
		n.Start -= d
		before = text[:n.Start]
	}
	if code, width := currencyBefore(before); width > 0 {
		if n.Currency == "" {
			n.Currency = code
		}
		n.Start -= width
		before = text[:n.Start]
		if d := trailingDash(before); d > 0 && startsBefore(before[:len(before)-d]) {
			n.negate()
			n.Start -= d
		}
	}
	n.looseSigns(text)
	return numberMayStart(text[:n.Start])
}

// looseSigns marks signs that are a matter of habit: a dash that stands apart
// and brackets around nothing but the number.
func (n *Number) looseSigns(text string) {
	before, after := text[:n.Start], text[n.End:]
	if apart := strings.TrimSuffix(before, " "); apart != before && trailingDash(apart) > 0 {
		lead := apart[:len(apart)-trailingDash(apart)]
		if lead == "" || strings.HasSuffix(lead, "  ") || strings.HasSuffix(lead, "\n") || strings.HasSuffix(lead, ": ") {
			n.UnsureSign = true
		}
	}
	if strings.HasSuffix(before, "(") && strings.HasPrefix(after, ")") && !n.Percent {
		n.UnsureSign = true
	}
}

// numberMayStart reports whether what precedes the literal lets it be a number.
func numberMayStart(before string) bool {
	r, width := utf8.DecodeLastRuneInString(before)
	if width == 0 {
		return true
	}
	if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_#/\\", r) {
		return false
	}
	if strings.ContainsRune(".,:'’-", r) {
		prev, _ := utf8.DecodeLastRuneInString(before[:len(before)-width])
		if r == ':' {
			return !unicode.IsDigit(prev)
		}
		return !unicode.IsLetter(prev) && !unicode.IsDigit(prev)
	}
	return true
}

func (n *Number) negate() {
	n.point, n.comma, n.Tail = n.point.Neg(), n.comma.Neg(), n.Tail.Neg()
}

// leadingDash returns the length of a minus or dash at the start of s.
func leadingDash(s string) int {
	r, width := utf8.DecodeRuneInString(s)
	if isDash(r) {
		return width
	}
	return 0
}

// trailingDash returns the length of a minus or dash at the end of s.
func trailingDash(s string) int {
	r, width := utf8.DecodeLastRuneInString(s)
	if isDash(r) {
		return width
	}
	return 0
}

func isDash(r rune) bool { return r == '-' || r == '−' || r == '–' || r == '—' }

// endsAfter reports whether s ends or goes on with a space after n bytes.
func endsAfter(s string, n int) bool {
	r, width := utf8.DecodeRuneInString(s[n:])
	return width == 0 || unicode.IsSpace(r) || r == ')' || r == '|'
}

// startsBefore reports whether a literal may start right after s.
func startsBefore(s string) bool {
	r, width := utf8.DecodeLastRuneInString(s)
	return width == 0 || unicode.IsSpace(r) || strings.ContainsRune("(:=|€$£", r)
}
