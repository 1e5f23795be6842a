package strictjson

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Limits bound what [Parse] and [Decode] take; a zero field gets its default.
type Limits struct {
	// Bytes is the longest text; 0 means no bound of its own.
	Bytes int
	// Depth is the deepest nesting of arrays and objects; 0 means
	// [DefaultDepth].
	Depth int
	// Members is the most members of one object; 0 means 1000.
	Members int
	// Values is the most values in all; 0 means [DefaultValues].
	Values int
	// String is the most bytes of one string or name as they are written; 0
	// means no bound of its own.
	String int
	// Number is the most bytes of one number, and its largest exponent; 0
	// means no bound of its own.
	Number int
}

// Defaults of [Limits].
const (
	DefaultDepth  = 32
	DefaultValues = 20_000
)

func (l Limits) withDefaults() Limits {
	if l.Depth == 0 {
		l.Depth = DefaultDepth
	}
	if l.Members == 0 {
		l.Members = 1000
	}
	if l.Values == 0 {
		l.Values = DefaultValues
	}
	return l
}

// Fault says what is wrong with a text.
type Fault string

// The faults.
const (
	Empty         Fault = "empty"
	Syntax        Fault = "not JSON"
	NotUTF8       Fault = "not valid UTF-8"
	LoneSurrogate Fault = "a \\u escape is half of a surrogate pair"
	Trailing      Fault = "text after the value"
	Duplicate     Fault = "a name occurs twice in one object"
	TooDeep       Fault = "nested too deeply"
	TooMany       Fault = "too many values or members"
	TooLong       Fault = "a text, string or number is too long"
)

// ParseError says why a text was refused. Path and Offset come from the text,
// so whoever shows a path to others must first check that its names are known.
type ParseError struct {
	Fault Fault
	// Path leads to the object or array in which the fault was found: names
	// and indexes.
	Path []string
	// Offset is the byte at which the fault was found.
	Offset int
}

// Error names the fault and the offset, never any of the text.
func (e *ParseError) Error() string { return fmt.Sprintf("%s at byte %d", e.Fault, e.Offset) }

// Parse reads one JSON value. Any error is a [*ParseError]. The value shares
// memory with data.
func Parse(data []byte, limits Limits) (Value, error) {
	p := parser{data: data, limits: limits.withDefaults()}
	if over(len(data), limits.Bytes) {
		return Value{}, p.fail(TooLong)
	}
	if !utf8.Valid(data) {
		return Value{}, p.fail(NotUTF8)
	}
	p.space()
	if p.at == len(data) {
		return Value{}, p.fail(Empty)
	}
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	if p.space(); p.at != len(data) {
		return Value{}, p.fail(Trailing)
	}
	return v, nil
}

// over reports whether n is over a limit, if there is one.
func over(n, limit int) bool { return limit > 0 && n > limit }

type parser struct {
	data   []byte
	at     int
	limits Limits
	values int
	path   []string
}

func (p *parser) fail(f Fault) error {
	return &ParseError{Fault: f, Path: append([]string(nil), p.path...), Offset: p.at}
}

func (p *parser) space() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.at == len(p.data) {
		return 0
	}
	return p.data[p.at]
}

// take steps over c after space, if it is next.
func (p *parser) take(c byte) bool {
	if p.space(); p.peek() != c {
		return false
	}
	p.at++
	return true
}

func (p *parser) value(depth int) (Value, error) {
	if p.values++; p.values > p.limits.Values {
		return Value{}, p.fail(TooMany)
	}
	p.space()
	start := p.at
	v, err := p.body(depth)
	if err != nil {
		return Value{}, err
	}
	v.raw = p.data[start:p.at:p.at]
	return v, nil
}

func (p *parser) body(depth int) (Value, error) {
	switch c := p.peek(); {
	case c == '{' || c == '[':
		if depth >= p.limits.Depth {
			return Value{}, p.fail(TooDeep)
		}
		if c == '{' {
			return p.object(depth)
		}
		return p.array(depth)
	case c == '"':
		return Value{kind: String}, p.str()
	case c == 't':
		return Value{kind: Bool}, p.literal("true")
	case c == 'f':
		return Value{kind: Bool}, p.literal("false")
	case c == 'n':
		return Value{kind: Null}, p.literal("null")
	default:
		return Value{kind: Number}, p.number()
	}
}

func (p *parser) object(depth int) (Value, error) {
	v := Value{kind: Object}
	p.at++ // the brace
	if p.take('}') {
		return v, nil
	}
	seen := map[string]bool{}
	for {
		if len(v.members) == p.limits.Members {
			return Value{}, p.fail(TooMany)
		}
		p.space()
		start := p.at
		if p.peek() != '"' {
			return Value{}, p.fail(Syntax)
		}
		if err := p.str(); err != nil {
			return Value{}, err
		}
		name := string(unescape(p.data[start+1 : p.at-1]))
		if seen[name] {
			return Value{}, p.fail(Duplicate)
		}
		seen[name] = true
		if !p.take(':') {
			return Value{}, p.fail(Syntax)
		}
		p.path = append(p.path, name)
		member, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		p.path = p.path[:len(p.path)-1]
		v.members = append(v.members, Member{name, member})
		if p.take('}') {
			return v, nil
		}
		if !p.take(',') {
			return Value{}, p.fail(Syntax)
		}
	}
}

func (p *parser) array(depth int) (Value, error) {
	v := Value{kind: Array}
	p.at++ // the bracket
	if p.take(']') {
		return v, nil
	}
	for {
		p.path = append(p.path, strconv.Itoa(len(v.items)))
		item, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		p.path = p.path[:len(p.path)-1]
		v.items = append(v.items, item)
		if p.take(']') {
			return v, nil
		}
		if !p.take(',') {
			return Value{}, p.fail(Syntax)
		}
	}
}

func (p *parser) literal(word string) error {
	if !bytes.HasPrefix(p.data[p.at:], []byte(word)) {
		return p.fail(Syntax)
	}
	p.at += len(word)
	return nil
}

// str steps over a string.
func (p *parser) str() error {
	p.at++ // the quote
	start := p.at
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '"':
			if over(p.at-start, p.limits.String) {
				return p.fail(TooLong)
			}
			p.at++
			return nil
		case c < 0x20:
			return p.fail(Syntax)
		case c != '\\':
			p.at++
		default:
			n, fault := escapeLength(p.data[p.at:])
			if fault != "" {
				return p.fail(fault)
			}
			p.at += n
		}
	}
	return p.fail(Syntax)
}

// escapeLength is the length of the escape at the start of s.
func escapeLength(s []byte) (int, Fault) {
	if len(s) > 1 && plainEscape(s[1]) != 0 {
		return 2, ""
	}
	if _, n := escapedRune(s); n > 0 {
		return n, ""
	}
	if _, ok := hex4(s); ok {
		return 0, LoneSurrogate
	}
	return 0, Syntax
}

// number steps over a number: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (p *parser) number() error {
	start, exponent := p.at, p.at
	if p.peek() == '-' {
		p.at++
	}
	switch {
	case p.peek() == '0':
		p.at++
	case !p.digits():
		return p.fail(Syntax)
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return p.fail(Syntax)
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		exponent = p.at
		if !p.digits() {
			return p.fail(Syntax)
		}
	}
	if over(p.at-start, p.limits.Number) || exponent > start && over(exponentOf(p.data[exponent:p.at]), p.limits.Number) {
		return p.fail(TooLong)
	}
	return nil
}

// exponentOf reads the digits of an exponent; one that no int holds is cut.
func exponentOf(digits []byte) int {
	e := 0
	for _, c := range digits {
		e = min(e*10+int(c-'0'), 1_000_000)
	}
	return e
}

func (p *parser) digits() bool {
	start := p.at
	for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
		p.at++
	}
	return p.at > start
}
