// Package schema holds the JSON Schemas (2020-12) that say what to extract:
// the built-in ones and those that come with a job.
//
// Schemas come from strangers. Compile bounds their size, refuses references
// that leave the schema, and refuses schemas whose validation could take
// exponential time.
package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sluicehq/sluice/internal/strictjson"
)

// Limits of a schema that is given with a job.
const (
	MaxBytes      = 64 << 10 // of its JSON text
	MaxDepth      = 32       // of nested objects and arrays in its JSON text
	MaxProperties = 1000     // in all its "properties" together
	maxEnum       = 1000     // values of one "enum"
	maxPattern    = 1000     // bytes of one "pattern"
)

// ErrInvalid marks a schema that Compile refuses. The error is an [*Error].
var ErrInvalid = errors.New("invalid schema")

// Error says what is wrong with a schema and where.
type Error struct {
	// Pointer is the JSON pointer into the schema; empty for the whole.
	Pointer string
	// Message is a sentence without a full stop.
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return "invalid schema: " + e.Message
	}
	return fmt.Sprintf("invalid schema at %s: %s", e.Pointer, e.Message)
}

// Unwrap returns ErrInvalid.
func (e *Error) Unwrap() error { return ErrInvalid }

// Schema is a compiled schema. It never changes and is safe for concurrent
// use.
type Schema struct {
	name       string
	raw        json.RawMessage
	compiled   *jsonschema.Schema
	properties []Property
}

// Name is the registered name with its version, such as "invoice@1", or
// "inline" for a schema that came with a job.
func (s *Schema) Name() string { return s.name }

// JSON is the schema's compact text. The caller must not change it.
func (s *Schema) JSON() json.RawMessage { return s.raw }

// Properties are the properties of the top-level object, sorted by name.
func (s *Schema) Properties() []Property { return s.properties }

// Compile reads a schema that came with a job. The error wraps ErrInvalid and
// names the place in the schema.
func Compile(raw []byte) (*Schema, error) { return compile("inline", raw) }

// base is the address of a schema while it compiles; nothing is ever fetched.
const base = "https://schema.invalid/schema.json"

func compile(name string, raw []byte) (*Schema, error) {
	doc, err := parse(raw)
	if err != nil {
		return nil, err
	}
	compact, err := strictjson.Encode(doc)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	if err := c.AddResource(base, doc); err != nil {
		return nil, &Error{Message: "cannot be read"}
	}
	compiled, err := c.Compile(base)
	if err != nil {
		return nil, compileError(err)
	}
	if err := checkCost(compiled); err != nil {
		return nil, err
	}
	s := &Schema{name: name, raw: compact, compiled: compiled, properties: properties(compiled)}
	if len(s.properties) == 0 {
		return nil, &Error{Message: `must be of type "object" and have properties`}
	}
	return s, nil
}

// noLoader refuses to load anything. References were checked before; this is
// the second lock.
type noLoader struct{}

func (noLoader) Load(string) (any, error) {
	return nil, errors.New("schemas are not fetched")
}

// parse decodes and checks what the compiler would not.
func parse(raw []byte) (map[string]any, error) {
	v, err := strictjson.Decode(raw, strictjson.Limits{Bytes: MaxBytes, Depth: MaxDepth})
	if err != nil {
		return nil, &Error{Message: err.Error()}
	}
	doc, ok := v.(map[string]any)
	if !ok {
		return nil, &Error{Message: "must be a JSON object"}
	}
	delete(doc, "$id") // its identity is ours
	w := walker{}
	if err := w.walk(doc, ""); err != nil {
		return nil, err
	}
	return doc, nil
}

// walker checks every object of a schema, wherever it stands.
type walker struct{ properties int }

func (w *walker) walk(v any, at string) error {
	switch v := v.(type) {
	case map[string]any:
		if err := w.object(v, at); err != nil {
			return err
		}
		for key, child := range v {
			if err := w.walk(child, at+"/"+escape(key)); err != nil {
				return err
			}
		}
	case []any:
		for i, child := range v {
			if err := w.walk(child, fmt.Sprintf("%s/%d", at, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walker) object(o map[string]any, at string) error {
	for key, v := range o {
		if err := w.member(key, v, at); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) member(key string, v any, at string) error {
	refuse := func(format string, args ...any) error {
		return &Error{Pointer: at + "/" + escape(key), Message: fmt.Sprintf(format, args...)}
	}
	switch v := v.(type) {
	case string:
		switch key {
		case "$ref":
			if !strings.HasPrefix(v, "#") {
				return refuse("references may only point into the schema itself, with #")
			}
		case "$id", "$dynamicRef", "$recursiveRef":
			return refuse("%s is not supported", key)
		case "$schema":
			if strings.TrimSuffix(v, "#") != "https://json-schema.org/draft/2020-12/schema" {
				return refuse("only draft 2020-12 is supported")
			}
		case "pattern":
			if len(v) > maxPattern {
				return refuse("pattern has more than %d bytes", maxPattern)
			}
		}
	case map[string]any:
		return w.keywordObject(key, v, refuse)
	case []any:
		if key == "enum" && len(v) > maxEnum {
			return refuse("enum has more than %d values", maxEnum)
		}
	}
	return nil
}

func (w *walker) keywordObject(key string, v map[string]any, refuse func(string, ...any) error) error {
	switch key {
	case "properties":
		w.properties += len(v)
		if w.properties > MaxProperties {
			return refuse("the schema has more than %d properties", MaxProperties)
		}
	case "patternProperties":
		for pattern := range v {
			if len(pattern) > maxPattern {
				return refuse("pattern has more than %d bytes", maxPattern)
			}
		}
	}
	return nil
}

// compileError turns a compiler error into one that names the place.
func compileError(err error) error {
	if e, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if v, ok := errors.AsType[*jsonschema.ValidationError](e.Err); ok {
			if p := problems(v); len(p) > 0 {
				return &Error{Pointer: p[0].Pointer, Message: p[0].Message}
			}
		}
	}
	if e, ok := errors.AsType[*jsonschema.JSONPointerNotFoundError](err); ok {
		return &Error{Pointer: fragment(e.URL), Message: "the reference points to nothing"}
	}
	if e, ok := errors.AsType[*jsonschema.AnchorNotFoundError](err); ok {
		return &Error{Message: fmt.Sprintf("the reference #%s points to nothing", clip(fragment(e.Reference)))}
	}
	return &Error{Message: "does not compile"}
}

// fragment returns the JSON pointer in a schema location.
func fragment(location string) string {
	_, frag, _ := strings.Cut(location, "#")
	if s, err := url.PathUnescape(frag); err == nil {
		return s
	}
	return frag
}

// escape writes a key as a JSON pointer token.
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}
