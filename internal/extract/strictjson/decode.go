// Package strictjson decodes JSON from strangers. It refuses what the standard
// decoder lets pass: duplicate keys, invalid UTF-8, text after the value, and
// sizes that would cost much later on.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Limits bounds what Decode accepts. A field that is 0 takes its default.
type Limits struct {
	// Bytes bounds the whole text; default 1 MiB.
	Bytes int
	// Depth bounds the nesting of objects and arrays; default 32.
	Depth int
	// Nodes bounds the number of values, members of objects included; default
	// 20,000.
	Nodes int
	// String bounds the bytes of one string or key; default 64 KiB.
	String int
}

// WithDefaults returns a copy with the defaults filled in.
func (l Limits) WithDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = 1 << 20
	}
	if l.Depth == 0 {
		l.Depth = 32
	}
	if l.Nodes == 0 {
		l.Nodes = 20_000
	}
	if l.String == 0 {
		l.String = 64 << 10
	}
	return l
}

// Bounds on a number: what a person could write. An exponent of a million
// digits would cost gigabytes in exact arithmetic.
const (
	maxNumberBytes = 64
	maxExponent    = 64
)

// ErrLimit marks JSON that is too large for the limits.
var ErrLimit = errors.New("over a limit")

// Error says what is wrong with the JSON and where, without repeating any of
// it.
type Error struct {
	// Offset is the byte offset near which the fault was seen.
	Offset int64
	// What is a short phrase in a fixed vocabulary.
	What string
	// Err is ErrLimit when a limit was passed, else nil.
	Err error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("json at byte %d: %s", e.Offset, e.What) }

// Unwrap returns ErrLimit or nil.
func (e *Error) Unwrap() error { return e.Err }

// Decode reads exactly one JSON value. Numbers come back as json.Number with
// their text unchanged. Every error is an [*Error].
func Decode(b []byte, l Limits) (any, error) {
	l = l.WithDefaults()
	if len(b) > l.Bytes {
		return nil, &Error{What: fmt.Sprintf("more than %d bytes", l.Bytes), Err: ErrLimit}
	}
	if !utf8.Valid(b) {
		return nil, &Error{What: "invalid UTF-8"}
	}
	d := decoder{json: json.NewDecoder(bytes.NewReader(b)), limits: l}
	d.json.UseNumber()
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.json.Token(); !errors.Is(err, io.EOF) {
		return nil, d.fault("text after the value")
	}
	return v, nil
}

type decoder struct {
	json   *json.Decoder
	limits Limits
	nodes  int
}

func (d *decoder) fault(what string) error {
	return &Error{Offset: d.json.InputOffset(), What: what}
}

func (d *decoder) over(what string, limit int) error {
	return &Error{Offset: d.json.InputOffset(), What: fmt.Sprintf("%s over the limit of %d", what, limit), Err: ErrLimit}
}

func (d *decoder) token() (json.Token, error) {
	t, err := d.json.Token()
	switch {
	case err == nil:
		return t, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, d.fault("unexpected end")
	default:
		return nil, d.fault("syntax error")
	}
}

func (d *decoder) value(depth int) (any, error) {
	d.nodes++
	if d.nodes > d.limits.Nodes {
		return nil, d.over("number of values", d.limits.Nodes)
	}
	t, err := d.token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if depth >= d.limits.Depth {
			return nil, d.over("depth", d.limits.Depth)
		}
		if t == '{' {
			return d.object(depth)
		}
		return d.array(depth)
	case string:
		return t, d.checkString(t)
	case json.Number:
		return t, d.checkNumber(t)
	default:
		return t, nil
	}
}

func (d *decoder) object(depth int) (any, error) {
	members := map[string]any{}
	for d.json.More() {
		t, err := d.token()
		if err != nil {
			return nil, err
		}
		key, ok := t.(string)
		if !ok {
			return nil, d.fault("syntax error")
		}
		if err := d.checkString(key); err != nil {
			return nil, err
		}
		if _, twice := members[key]; twice {
			return nil, d.fault("duplicate key")
		}
		if members[key], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := d.token() // the closing brace
	return members, err
}

func (d *decoder) array(depth int) (any, error) {
	items := []any{}
	for d.json.More() {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	_, err := d.token() // the closing bracket
	return items, err
}

func (d *decoder) checkString(s string) error {
	if len(s) > d.limits.String {
		return d.over("string length", d.limits.String)
	}
	return nil
}

func (d *decoder) checkNumber(n json.Number) error {
	if len(n) > maxNumberBytes || exponent(string(n)) > maxExponent {
		return d.over("size of a number", maxNumberBytes)
	}
	return nil
}

// exponent returns the absolute exponent of a JSON number, at most 1,000.
func exponent(n string) int {
	for i := range len(n) {
		if n[i] != 'e' && n[i] != 'E' {
			continue
		}
		e := 0
		for _, c := range n[i+1:] {
			if '0' <= c && c <= '9' {
				e = min(e*10+int(c-'0'), 1000)
			}
		}
		return e
	}
	return 0
}

// Encode writes v as compact JSON with sorted keys and without escaping <, >
// and &. It takes what Decode gives.
func Encode(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode json: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
