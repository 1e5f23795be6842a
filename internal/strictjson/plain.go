package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Bounds of [Decode] where [Limits] say nothing. Plain values are worked on:
// compared, counted, written again. A number is bounded by what a person could
// write, because an exponent of a million digits costs gigabytes in exact
// arithmetic.
const (
	plainBytes  = 1 << 20
	plainString = 64 << 10
	plainNumber = 64
)

// Decode reads one JSON value as [Parse] does, into the types of
// encoding/json, with numbers as json.Number in the text that they had. Limits
// that are 0 mean, other than for Parse, 1 MiB, strings of 64 KiB, numbers of
// 64 bytes and exponent 64, and as many members as values.
func Decode(data []byte, l Limits) (any, error) {
	for _, bound := range []struct {
		limit *int
		usual int
	}{{&l.Bytes, plainBytes}, {&l.String, plainString}, {&l.Number, plainNumber}, {&l.Values, DefaultValues}} {
		if *bound.limit == 0 {
			*bound.limit = bound.usual
		}
	}
	if l.Members == 0 {
		l.Members = l.Values
	}
	v, err := Parse(data, l)
	if err != nil {
		return nil, err
	}
	return v.Plain(), nil
}

// Plain is the value in the types of encoding/json: map[string]any, []any,
// string, json.Number, bool or nil. It shares no memory with what was parsed.
func (v Value) Plain() any {
	switch v.kind {
	case Object:
		m := make(map[string]any, len(v.members))
		for _, member := range v.members {
			m[member.Name] = member.Value.Plain()
		}
		return m
	case Array:
		l := make([]any, len(v.items))
		for i, item := range v.items {
			l[i] = item.Plain()
		}
		return l
	case String:
		return string(v.Text())
	case Number:
		return json.Number(v.raw)
	case Bool:
		return v.True()
	case Null:
		return nil
	default:
		return nil
	}
}

// Encode writes a plain value as compact JSON with sorted names and without
// escaping <, > and &.
func Encode(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode json: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
