package document

import (
	"bytes"
	"strconv"
)

// dictScanner reads just enough PDF syntax to look into a trailer and an
// encryption dictionary before a document is accepted. Whatever it does not
// understand ends the scan; the parser in the child then decides.
type dictScanner struct {
	data []byte
	pos  int
}

// Bounds of a scan. Real dictionaries of these kinds stay below 2 KiB.
const (
	maxDictBytes  = 16 << 10
	maxDictDepth  = 8
	maxDictValues = 200
)

// value is one parsed object: exactly one field is set, by kind.
type value struct {
	kind   valueKind
	name   string
	number int64
	bytes  []byte
	dict   map[string]value
	array  []value
	ref    [2]int64
}

type valueKind int

const (
	kindOther valueKind = iota // booleans, null, reals
	kindName
	kindNumber
	kindString
	kindDict
	kindArray
	kindRef
)

// scanValue parses the object at pos.
func scanValue(data []byte, pos int) (value, bool) {
	s := dictScanner{data: data[pos:min(len(data), pos+maxDictBytes)]}
	budget := maxDictValues
	return s.value(0, &budget)
}

func (s *dictScanner) value(depth int, budget *int) (value, bool) {
	s.skipSpace()
	if *budget--; *budget < 0 || depth > maxDictDepth || s.pos >= len(s.data) {
		return value{}, false
	}
	rest := s.data[s.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("<<")):
		return s.dict(depth, budget)
	case rest[0] == '<':
		return s.hexString()
	case rest[0] == '(':
		return s.literalString()
	case rest[0] == '[':
		return s.array(depth, budget)
	case rest[0] == '/':
		s.pos++
		return value{kind: kindName, name: s.word()}, true
	}
	return s.numberOrWord()
}

func (s *dictScanner) skipSpace() {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case isPDFSpace(c):
			s.pos++
		case c == '%':
			for s.pos < len(s.data) && s.data[s.pos] != '\n' && s.data[s.pos] != '\r' {
				s.pos++
			}
		default:
			return
		}
	}
}

// word reads up to the next delimiter.
func (s *dictScanner) word() string {
	start := s.pos
	for s.pos < len(s.data) && !isPDFSpace(s.data[s.pos]) && bytes.IndexByte([]byte("()<>[]{}/%"), s.data[s.pos]) < 0 {
		s.pos++
	}
	return string(s.data[start:s.pos])
}

// numberOrWord reads a number, a reference "12 0 R" or a keyword.
func (s *dictScanner) numberOrWord() (value, bool) {
	word := s.word()
	if word == "" {
		return value{}, false
	}
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return value{kind: kindOther, name: word}, true
	}
	after := s.pos
	s.skipSpace()
	if generation, err := strconv.ParseInt(s.word(), 10, 32); err == nil && generation >= 0 {
		s.skipSpace()
		if s.word() == "R" {
			return value{kind: kindRef, ref: [2]int64{n, generation}}, true
		}
	}
	s.pos = after
	return value{kind: kindNumber, number: n}, true
}

func (s *dictScanner) dict(depth int, budget *int) (value, bool) {
	s.pos += len("<<")
	out := value{kind: kindDict, dict: map[string]value{}}
	for {
		s.skipSpace()
		if bytes.HasPrefix(s.data[s.pos:], []byte(">>")) {
			s.pos += len(">>")
			return out, true
		}
		key, ok := s.value(depth+1, budget)
		if !ok || key.kind != kindName {
			return value{}, false
		}
		v, ok := s.value(depth+1, budget)
		if !ok {
			return value{}, false
		}
		out.dict[key.name] = v
	}
}

func (s *dictScanner) array(depth int, budget *int) (value, bool) {
	s.pos++
	out := value{kind: kindArray}
	for {
		s.skipSpace()
		if s.pos < len(s.data) && s.data[s.pos] == ']' {
			s.pos++
			return out, true
		}
		v, ok := s.value(depth+1, budget)
		if !ok {
			return value{}, false
		}
		out.array = append(out.array, v)
	}
}

func (s *dictScanner) hexString() (value, bool) {
	s.pos++
	out := value{kind: kindString}
	digits := 0
	for ; s.pos < len(s.data); s.pos++ {
		c := s.data[s.pos]
		if c == '>' {
			s.pos++
			return out, true
		}
		if isPDFSpace(c) {
			continue
		}
		d := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
		if d < 0 {
			return value{}, false
		}
		if digits%2 == 0 {
			out.bytes = append(out.bytes, byte(d<<4))
		} else {
			out.bytes[len(out.bytes)-1] |= byte(d)
		}
		digits++
	}
	return value{}, false
}

func (s *dictScanner) literalString() (value, bool) {
	s.pos++
	out := value{kind: kindString}
	for open := 1; s.pos < len(s.data); {
		c := s.data[s.pos]
		s.pos++
		switch c {
		case '\\':
			out.bytes = append(out.bytes, s.escape()...)
			continue
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return out, true
			}
		case '\r': // every line end reads as one '\n'
			c = '\n'
			if s.pos < len(s.data) && s.data[s.pos] == '\n' {
				s.pos++
			}
		}
		out.bytes = append(out.bytes, c)
	}
	return value{}, false
}

// escape reads what follows a backslash in a literal string.
func (s *dictScanner) escape() []byte {
	if s.pos >= len(s.data) {
		return nil
	}
	c := s.data[s.pos]
	s.pos++
	if i := bytes.IndexByte([]byte("nrtbf"), c); i >= 0 {
		return []byte{"\n\r\t\b\f"[i]}
	}
	switch {
	case c == '\n':
		return nil
	case c == '\r':
		if s.pos < len(s.data) && s.data[s.pos] == '\n' {
			s.pos++
		}
		return nil
	case c < '0' || c > '7':
		return []byte{c}
	}
	n := int(c - '0')
	for range 2 {
		if s.pos >= len(s.data) || s.data[s.pos] < '0' || s.data[s.pos] > '7' {
			break
		}
		n = n*8 + int(s.data[s.pos]-'0')
		s.pos++
	}
	return []byte{byte(n)}
}

func isPDFSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}
