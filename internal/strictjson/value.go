// Package strictjson reads JSON from strangers. Where encoding/json forgives,
// it refuses: a name twice in one object, text after the value, invalid UTF-8,
// half a surrogate pair, and nesting or member counts beyond a limit. Names
// are compared as they are, case and all.
package strictjson

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is the type of a [Value].
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is one JSON value. It keeps slices of the text it was read from, so
// that a large string costs nothing until it is asked for.
type Value struct {
	kind    Kind
	raw     []byte
	members []Member
	items   []Value
}

// Member is one name and value of an object.
type Member struct {
	Name  string
	Value Value
}

// Kind is the value's type.
func (v Value) Kind() Kind { return v.kind }

// Raw is the value's text, without space around it. It shares memory with
// what was parsed.
func (v Value) Raw() []byte { return v.raw }

// Members are an object's members in their order; nil for other kinds.
func (v Value) Members() []Member { return v.members }

// Items are an array's values; nil for other kinds.
func (v Value) Items() []Value { return v.items }

// True reports whether the value is the literal true.
func (v Value) True() bool { return v.kind == Bool && v.raw[0] == 't' }

// Int is a number that is written as an integer and fits.
func (v Value) Int() (int64, bool) {
	if v.kind != Number {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v.raw), 10, 64)
	return n, err == nil
}

// Text is a string's content. Without escapes it shares memory with what was
// parsed; nil for other kinds.
func (v Value) Text() []byte {
	if v.kind != String {
		return nil
	}
	return unescape(v.raw[1 : len(v.raw)-1])
}

// unescape resolves the escapes of a string that the parser has checked.
func unescape(s []byte) []byte {
	first := 0
	for first < len(s) && s[first] != '\\' {
		first++
	}
	if first == len(s) {
		return s
	}
	out := append(make([]byte, 0, len(s)), s[:first]...)
	for i := first; i < len(s); {
		if s[i] != '\\' {
			out = append(out, s[i])
			i++
			continue
		}
		if s[i+1] == 'u' {
			r, n := escapedRune(s[i:])
			out = utf8.AppendRune(out, r)
			i += n
			continue
		}
		out = append(out, plainEscape(s[i+1]))
		i += 2
	}
	return out
}

// plainEscape is the byte that a one-letter escape stands for; 0 for none.
func plainEscape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default:
		return 0
	}
}

// escapedRune reads \uXXXX, or the two of a surrogate pair, at the start of s
// and answers the rune and its length in s; length 0 when there is none.
func escapedRune(s []byte) (r rune, n int) {
	high, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(high) {
		return high, 6
	}
	low, ok := hex4(s[6:])
	if r = utf16.DecodeRune(high, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// hex4 reads \uXXXX at the start of s.
func hex4(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	r := rune(0)
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
