// Package literal reads numbers, money amounts and dates as people write them
// in documents: "1.234,56 €", "CHF 1'234.50", "123,45-", "7. Mai 2014".
//
// It never guesses. A text that can be read in two ways keeps both readings,
// and the caller decides with what else it knows about the document.
package literal

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// Bounds of what is read as a number; longer runs of digits are identifiers.
const (
	maxIntegerDigits = 15
	maxDecimals      = 6
	maxRun           = 40 // bytes of digits and separators
)

// Style says which character a document writes before the decimals.
type Style int

// The styles. StyleUnknown means that nothing in the document tells, or that
// it contradicts itself.
const (
	StyleUnknown Style = iota
	StylePoint         // 1,234.56
	StyleComma         // 1.234,56
)

// Number is one number found in a text.
type Number struct {
	// Start and End are byte offsets of the whole literal with its sign and
	// currency; End is exclusive.
	Start, End int
	// Currency is the ISO 4217 code of a currency written next to the digits,
	// or an ambiguous sign as it stands ("$", "kr", "Rs", "¥"), or empty.
	Currency string
	// Percent is true when a percent sign follows.
	Percent bool
	// Decimals counts the digits after the decimal separator; -1 when the two
	// readings differ in that.
	Decimals int
	// Proves is the style that this number alone gives away.
	Proves Style
	// UnsureSign is true when the number may be negative but need not be:
	// "(12.00)", "12.00 CR", "- 12.00".
	UnsureSign bool
	// Spaced is true when plain spaces were read as thousands separators, so
	// that the last part alone could be the number: see Tail.
	Spaced bool
	// Tail is the value of the last space-separated part of a Spaced number.
	Tail decimal.Decimal

	point, comma decimal.Decimal // the value under each style; equal when unambiguous
}

// Value returns the number under a document style. It is false when the style
// is needed to tell and is unknown.
func (n Number) Value(s Style) (decimal.Decimal, bool) {
	switch {
	case n.point.Equal(n.comma):
		return n.point, true
	case s == StylePoint:
		return n.point, true
	case s == StyleComma:
		return n.comma, true
	default:
		return decimal.Decimal{}, false
	}
}

// Is reports whether v is one of the readings of n: either style, either sign
// where the sign is unsure, the last part of a spaced number, or a percentage
// as a share.
func (n Number) Is(v decimal.Decimal) bool {
	readings := []decimal.Decimal{n.point, n.comma}
	if n.Spaced {
		readings = append(readings, n.Tail)
	}
	for _, r := range readings {
		if r.Equal(v) || (n.UnsureSign && r.Neg().Equal(v)) {
			return true
		}
		if n.Percent && r.Shift(-2).Equal(v) {
			return true
		}
	}
	return false
}

// StyleOf returns the style that the numbers of a document prove, and
// StyleUnknown when none or both are proven.
func StyleOf(numbers []Number) Style {
	var point, comma bool
	for _, n := range numbers {
		point = point || n.Proves == StylePoint
		comma = comma || n.Proves == StyleComma
	}
	switch {
	case point && !comma:
		return StylePoint
	case comma && !point:
		return StyleComma
	default:
		return StyleUnknown
	}
}

// Numbers returns the numbers in text, in order, at most max of them. It takes
// linear time. Digits that are part of a word, a date, a time or an identifier
// are no numbers. Dates must be told apart by the caller: see Dates.
func Numbers(text string, max int) []Number {
	var found []Number
	for i := 0; i < len(text) && len(found) < max; {
		if !isDigit(text[i]) && !leadingPoint(text, i) {
			i++
			continue
		}
		end := digitRun(text, i)
		n, ok := readNumber(text, i, end)
		if ok {
			found = append(found, n)
			i = n.End
			continue
		}
		for i++; i < end && isDigit(text[i]); i++ {
		}
	}
	return found
}

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

// readNumber reads the digits text[start:end] with what stands around them.
// Where plain spaces turn out not to separate thousands it reads the first
// part alone.
func readNumber(text string, start, end int) (Number, bool) {
	n, ok := parseDigits(text[start:end])
	if ok {
		n.Start, n.End = start, end
		ok = n.surroundings(text)
	}
	if cut := strings.IndexByte(text[start:end], ' '); !ok && cut > 0 {
		return readNumber(text, start, start+cut)
	}
	return n, ok
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

// LooseNumbers finds amounts whose digits are glued to letters or other signs,
// such as "31.00SR" and "4X1.79", and which Numbers therefore leaves alone. It
// is for checking that a value occurs at all, not for finding values. Only
// numbers with decimals count: whole ones are mostly parts of identifiers.
func LooseNumbers(text string, max int) []Number {
	var found []Number
	for i := 0; i < len(text) && len(found) < max; {
		if !isDigit(text[i]) {
			i++
			continue
		}
		end := digitRun(text, i)
		n, ok := readNumber(text, i, end)
		if ok {
			i = n.End
			continue
		}
		if n, ok = parseDigits(text[i:end]); ok && n.Decimals != 0 && !n.Spaced {
			n.Start, n.End = i, end
			found = append(found, n)
		}
		for i = end; i < len(text) && isDigit(text[i]); i++ {
		}
	}
	return found
}
