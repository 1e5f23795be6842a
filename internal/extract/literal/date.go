package literal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Day is a day of the calendar.
type Day struct{ Year, Month, Day int }

// String is the day as ISO 8601, such as 2025-12-31.
func (d Day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Order is the order in which a date was written.
type Order int

// The orders. Named dates spell the month and leave no doubt.
const (
	DayFirst Order = iota
	MonthFirst
	YearFirst
	Named
)

// Reading is one way to understand a date.
type Reading struct {
	Day   Day
	Order Order
}

// Date is one date found in a text.
type Date struct {
	// Start and End are byte offsets; End is exclusive.
	Start, End int
	// Readings holds every way to understand the date, at least one.
	Readings []Reading
	// Separator is '.', '/' or '-' for a date in digits, 0 for a named month.
	Separator byte
	// ShortYear is true when the year has two digits.
	ShortYear bool
}

// Only returns the date when all its readings are the same day.
func (d Date) Only() (Day, bool) {
	for _, r := range d.Readings[1:] {
		if r.Day != d.Readings[0].Day {
			return Day{}, false
		}
	}
	return d.Readings[0].Day, true
}

// As returns the reading under an order.
func (d Date) As(o Order) (Day, bool) {
	for _, r := range d.Readings {
		if r.Order == o {
			return r.Day, true
		}
	}
	return Day{}, false
}

// Dates returns the dates in text, in order, at most limit of them. It takes
// linear time. Years lie in 1970–2099; two-digit years from 70 belong to the
// last century.
func Dates(text string, limit int) []Date {
	var found []Date
	for i := 0; i < len(text) && len(found) < limit; {
		d, ok := dateAt(text, i)
		if ok {
			found = append(found, d)
			i = d.End
			continue
		}
		i = nextStart(text, i)
	}
	return found
}

// nextStart returns the next offset at which a date may begin: after the run
// of digits or letters at i.
func nextStart(text string, i int) int {
	if isDigit(text[i]) {
		for i < len(text) && isDigit(text[i]) {
			i++
		}
		return i
	}
	r, n := utf8.DecodeRuneInString(text[i:])
	if !unicode.IsLetter(r) {
		return i + n
	}
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		if !unicode.IsLetter(r) {
			break
		}
		i += n
	}
	return i
}

func dateAt(text string, i int) (Date, bool) {
	if isDigit(text[i]) {
		if !dateMayStart(text, i) {
			return Date{}, false
		}
		if d, ok := numericDate(text, i); ok {
			return d, true
		}
		return dayMonthYear(text, i)
	}
	if r, _ := utf8.DecodeRuneInString(text[i:]); unicode.IsLetter(r) {
		return monthDayYear(text, i)
	}
	return Date{}, false
}

// dateMayStart refuses digits in the middle of a word, an identifier or a
// longer number.
func dateMayStart(text string, i int) bool {
	r, n := utf8.DecodeLastRuneInString(text[:i])
	if n == 0 {
		return true
	}
	if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '\\' {
		return false
	}
	if strings.ContainsRune("./-,'’", r) {
		prev, _ := utf8.DecodeLastRuneInString(text[:i-n])
		return !unicode.IsDigit(prev) && !unicode.IsLetter(prev)
	}
	return true
}

// dateMayEnd refuses a date that runs on into more digits or a word. A time
// after a T is fine.
func dateMayEnd(text string, i int) bool {
	r, n := utf8.DecodeRuneInString(text[i:])
	if n == 0 {
		return true
	}
	next, _ := utf8.DecodeRuneInString(text[i+n:])
	if r == 'T' && unicode.IsDigit(next) {
		return true
	}
	if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '%' {
		return false
	}
	if strings.ContainsRune("./-", r) {
		return !unicode.IsDigit(next) && !(r != '.' && unicode.IsLetter(next))
	}
	if r == ',' {
		return !unicode.IsDigit(next)
	}
	return true
}

// digitsAt reads up to limit digits at i.
func digitsAt(text string, i, limit int) (value, width int) {
	for width < limit && i+width < len(text) && isDigit(text[i+width]) {
		value = value*10 + int(text[i+width]-'0')
		width++
	}
	return value, width
}

// numericDate reads 31.12.2025, 12/31/25, 2025-12-31 and the like. A space may
// stand after a dot: 7. 5. 2014.
func numericDate(text string, i int) (Date, bool) {
	a, wa := digitsAt(text, i, 5)
	j := i + wa
	sep, j, ok := dateSeparator(text, j, 0)
	if !ok {
		return Date{}, false
	}
	b, wb := digitsAt(text, j, 3)
	_, k, ok := dateSeparator(text, j+wb, sep)
	if !ok || wb == 0 || wb > 2 {
		return Date{}, false
	}
	c, wc := digitsAt(text, k, 5)
	end := k + wc
	if !dateMayEnd(text, end) {
		return Date{}, false
	}
	d := Date{Start: i, End: end, Separator: sep}
	switch {
	case wa == 4 && wc >= 1 && wc <= 2:
		d.add(a, b, c, YearFirst)
	case wa <= 2 && wc == 4:
		d.add(c, b, a, DayFirst)
		d.addMonthFirst(c, a, b)
	case wa <= 2 && wc == 2:
		d.ShortYear = true
		d.add(century(c), b, a, DayFirst)
		d.addMonthFirst(century(c), a, b)
		if sep == '-' || sep == '/' {
			d.add(century(a), b, c, YearFirst)
		}
	}
	return d, len(d.Readings) > 0
}

// addMonthFirst adds the American reading; dates with dots are never written
// that way.
func (d *Date) addMonthFirst(year, month, day int) {
	if d.Separator != '.' {
		d.add(year, month, day, MonthFirst)
	}
}

func (d *Date) add(year, month, day int, o Order) {
	if valid(year, month, day) {
		d.Readings = append(d.Readings, Reading{Day{year, month, day}, o})
	}
}

// dateSeparator reads a separator at i: want, or any when want is 0.
func dateSeparator(text string, i int, want byte) (sep byte, next int, ok bool) {
	if i < len(text) && text[i] == ' ' && (want == '/' || want == 0) && i+1 < len(text) && text[i+1] == '/' {
		i++ // 05 / 03 / 2018
	}
	if i >= len(text) || strings.IndexByte("./-", text[i]) < 0 || want != 0 && text[i] != want {
		return 0, 0, false
	}
	sep = text[i]
	i++
	if sep != '-' && i < len(text) && text[i] == ' ' {
		i++
	}
	return sep, i, i < len(text) && isDigit(text[i])
}

func century(yy int) int {
	if yy >= 70 {
		return 1900 + yy
	}
	return 2000 + yy
}

func valid(year, month, day int) bool {
	if year < 1970 || year > 2099 || month < 1 || month > 12 || day < 1 {
		return false
	}
	last := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		last = 29
	}
	return day <= last
}
