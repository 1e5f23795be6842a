package rules

import (
	"unicode"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/extract/literal"
)

// markKind says what a mark is.
type markKind uint8

const (
	dateMark   markKind = iota
	numberMark          // a number that can be an amount
	codeMark            // a token with digits that can be an identifier
)

// mark is a literal in the text: a date, a number or an identifier. A plain
// number such as 471102 is a number that can be an identifier as well.
type mark struct {
	kind       markKind
	line       int // index into sheet.lines
	cell       int // index into line.cells
	start, end int // byte offsets into the page's text
	date       literal.Date
	number     literal.Number
	code       string // the text of an identifier, "" when it cannot be one
	bracketed  bool   // stands in brackets by itself
}

// passive marks belong to a label rather than being a value: "USt. (19 %)".
func (m mark) passive() bool { return m.bracketed || m.kind == numberMark && m.number.Percent }

// findMarks fills s.marks.
func (s *sheet) findMarks() {
	at := 0
	for page := range s.pages {
		first := at
		for at < len(s.lines) && s.lines[at].page == page {
			at++
		}
		s.pageMarks(page, first, at)
	}
}

// pageMarks finds the marks of one page, whose lines are s.lines[first:last].
func (s *sheet) pageMarks(page, first, last int) {
	text := s.pages[page].Text
	left := maxMarks - len(s.marks)
	dates := literal.Dates(text, left)
	numbers := literal.Numbers(text, left)
	codes := findCodes(text, left)
	s.cut = s.cut || len(dates) == left || len(numbers) == left || len(codes) == left
	l := first
	for len(dates)+len(numbers)+len(codes) > 0 {
		m := nextMark(&dates, &numbers, &codes)
		if n := len(s.marks); n > 0 && s.lines[s.marks[n-1].line].page == page && m.start < s.marks[n-1].end {
			continue // part of the mark before
		}
		for l < last && lineEnd(s.lines[l]) <= m.start {
			l++
		}
		if l == last {
			return // behind the cells that were kept
		}
		m.line, m.cell = l, s.lines[l].cellAt(m.start)
		m.bracketed = m.start > 0 && text[m.start-1] == '(' && m.end < len(text) && text[m.end] == ')'
		if len(s.marks) == maxMarks {
			s.cut = true
			return
		}
		s.marks = append(s.marks, m)
	}
}

func lineEnd(l line) int { return l.cells[len(l.cells)-1].end }

// nextMark takes the first of the three lists. A date wins over a number, and
// a number over an identifier at the same place; a number that is a whole
// identifier keeps both readings.
func nextMark(dates *[]literal.Date, numbers *[]literal.Number, codes *[]span) mark {
	const far = 1 << 62
	d, n, c := far, far, far
	if len(*dates) > 0 {
		d = (*dates)[0].Start
	}
	if len(*numbers) > 0 {
		n = (*numbers)[0].Start
	}
	if len(*codes) > 0 {
		c = (*codes)[0].start
	}
	switch {
	case d <= n && d <= c:
		date := (*dates)[0]
		*dates = (*dates)[1:]
		return mark{kind: dateMark, start: date.Start, end: date.End, date: date}
	case n <= c:
		number := (*numbers)[0]
		*numbers = (*numbers)[1:]
		m := mark{kind: numberMark, start: number.Start, end: number.End, number: number}
		if len(*codes) > 0 {
			switch code := (*codes)[0]; {
			case code.start == number.Start && code.end == number.End:
				m.code = code.text
				*codes = (*codes)[1:]
			case code.start == number.Start && code.end > number.End:
				// the number is only the beginning of an identifier
				*codes = (*codes)[1:]
				return mark{kind: codeMark, start: code.start, end: code.end, code: code.text}
			}
		}
		return m
	default:
		code := (*codes)[0]
		*codes = (*codes)[1:]
		return mark{kind: codeMark, start: code.start, end: code.end, code: code.text}
	}
}

type span struct {
	start, end int
	text       string
}

// maxCode bounds an identifier in bytes.
const maxCode = 40

// findCodes finds the tokens that can be identifiers: letters and digits with
// - / . _ inside, at least one digit.
func findCodes(text string, limit int) []span {
	var found []span
	for i := 0; i < len(text) && len(found) < limit; {
		r, n := utf8.DecodeRuneInString(text[i:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			i += n
			continue
		}
		end, digits := codeEnd(text, i)
		if digits && end-i <= maxCode {
			found = append(found, span{i, end, text[i:end]})
		}
		i = end
	}
	return found
}

func codeEnd(text string, i int) (end int, digits bool) {
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.IsDigit(r):
			digits = true
		case unicode.IsLetter(r):
		case r == '-' || r == '/' || r == '.' || r == '_' || r == '–' || r == '\\':
			next, _ := utf8.DecodeRuneInString(text[i+n:])
			if !unicode.IsLetter(next) && !unicode.IsDigit(next) {
				return i, digits
			}
		default:
			return i, digits
		}
		i += n
	}
	return i, digits
}
