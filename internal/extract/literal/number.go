// Package literal reads numbers, money amounts and dates as people write them
// in documents: "1.234,56 €", "CHF 1'234.50", "123,45-", "7. Mai 2014".
//
// It never guesses. A text that can be read in two ways keeps both readings,
// and the caller decides with what else it knows about the document.
package literal

import (
	"slices"
	"strings"

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

// Under returns the number as a document of that style means it: with one
// reading in place of two. StyleUnknown changes nothing.
func (n Number) Under(s Style) Number {
	if v, ok := n.Value(s); ok && s != StyleUnknown {
		n.point, n.comma = v, v
	}
	return n
}

// Readings lists every value that the number can mean: under either style, with
// either sign where that is unsure, the last part of a spaced number alone, and
// a percentage as a share. It has no duplicates.
func (n Number) Readings() []decimal.Decimal {
	list := []decimal.Decimal{n.point, n.comma}
	if n.Spaced {
		list = append(list, n.Tail)
	}
	for _, v := range list {
		if n.UnsureSign {
			list = append(list, v.Neg())
		}
		if n.Percent {
			list = append(list, v.Shift(-2))
		}
	}
	slices.SortFunc(list, decimal.Decimal.Cmp)
	return slices.CompactFunc(list, decimal.Decimal.Equal)
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

// Numbers returns the numbers in text, in order, at most limit of them. It takes
// linear time. Digits that are part of a word, a date, a time or an identifier
// are no numbers. Dates must be told apart by the caller: see Dates.
func Numbers(text string, limit int) []Number {
	var found []Number
	for i := 0; i < len(text) && len(found) < limit; {
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

// Amount reads a text that is one number and nothing else, with a separator or a
// sign: "1.234,56" or "-5". Digits alone may as well be an identifier.
func Amount(text string) (Number, bool) {
	if len(text) > maxRun || strings.Trim(text, "0123456789") == "" {
		return Number{}, false
	}
	list := Numbers(text, 1)
	if len(list) == 0 || list[0].Start != 0 || list[0].End != len(text) || list[0].Currency != "" || list[0].Percent {
		return Number{}, false
	}
	return list[0], true
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

// LooseNumbers finds amounts whose digits are glued to letters or other signs,
// such as "31.00SR" and "4X1.79", and which Numbers therefore leaves alone. It
// is for checking that a value occurs at all, not for finding values. Only
// numbers with decimals count: whole ones are mostly parts of identifiers.
func LooseNumbers(text string, limit int) []Number {
	var found []Number
	for i := 0; i < len(text) && len(found) < limit; {
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
