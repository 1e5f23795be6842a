package schema

import (
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Kind is the kind of value that a property takes.
type Kind string

// The kinds. Any is a property whose schema does not settle its type.
const (
	Text    Kind = "text"
	Date    Kind = "date"
	Number  Kind = "number"
	Integer Kind = "integer"
	Boolean Kind = "boolean"
	Object  Kind = "object"
	Array   Kind = "array"
	Any     Kind = "any"
)

// Property is one property of an object.
type Property struct {
	Name string
	// Pointer is the JSON pointer to the value in an answer.
	Pointer string
	// Title is the schema's title; may be empty.
	Title    string
	Kind     Kind
	Required bool
	// Properties are those of an object, or of the objects in an array,
	// sorted by name; at most four levels deep, and fewer in a schema whose
	// references make very many of few.
	Properties []Property

	schema *jsonschema.Schema
}

// Fits reports whether a single value is valid for the property by itself.
func (p Property) Fits(v any) bool { return p.schema.Validate(v) == nil }

const (
	maxPropertyDepth = 4
	// maxListed bounds the memory of the properties of one schema, about in
	// bytes. A few hundred properties that all refer to the object they are in
	// would be billions on the fourth level.
	maxListed = 1 << 20
	// listedBytes is what a property takes beside its pointer, about.
	listedBytes = 64
)

// properties lists those of the top-level object. The top level itself always
// fits: the schema's own text has a bound.
func properties(s *jsonschema.Schema) []Property {
	if kindOf(resolve(s)) != Object {
		return nil
	}
	for depth := maxPropertyDepth; ; depth-- {
		l := listing{depth: depth, left: maxListed}
		if list := l.object(resolve(s), "", 0); l.left >= 0 || depth == 0 {
			return list
		}
	}
}

// listing lists properties down to a depth.
type listing struct {
	depth int
	left  int // of maxListed; below 0 the listing breaks off
}

func (l *listing) object(s *jsonschema.Schema, at string, depth int) []Property {
	var list []Property
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if l.left -= listedBytes + len(at) + len(name); l.left < 0 {
			break
		}
		sub := s.Properties[name]
		target := resolve(sub)
		p := Property{
			Name: name, Pointer: at + "/" + escape(name), Title: first(sub.Title, target.Title),
			Kind: kindOf(target), Required: slices.Contains(s.Required, name), schema: sub,
		}
		if depth < l.depth {
			p.Properties = l.inner(target, p, depth)
		}
		list = append(list, p)
	}
	return list
}

// inner lists the properties of an object or of an array's objects. In an
// array the pointer holds "-" for the index.
func (l *listing) inner(s *jsonschema.Schema, p Property, depth int) []Property {
	switch p.Kind {
	case Object:
		return l.object(s, p.Pointer, depth+1)
	case Array:
		if s.Items2020 == nil {
			return nil
		}
		if items := resolve(s.Items2020); kindOf(items) == Object {
			return l.object(items, p.Pointer+"/-", depth+1)
		}
	}
	return nil
}

// resolve follows plain references.
func resolve(s *jsonschema.Schema) *jsonschema.Schema {
	for range MaxDepth {
		if s.Ref == nil || len(s.Properties) > 0 {
			break
		}
		s = s.Ref
	}
	return s
}

// kindOf tells the kind from the type. "null" beside another type means that
// the value may be absent.
func kindOf(s *jsonschema.Schema) Kind {
	if s.Types == nil {
		if len(s.Properties) > 0 {
			return Object
		}
		return Any
	}
	types := slices.DeleteFunc(s.Types.ToStrings(), func(t string) bool { return t == "null" })
	if len(types) != 1 {
		return Any
	}
	switch types[0] {
	case "string":
		if s.Format != nil && s.Format.Name == "date" {
			return Date
		}
		return Text
	case "number":
		return Number
	case "integer":
		return Integer
	case "boolean":
		return Boolean
	case "object":
		return Object
	case "array":
		return Array
	}
	return Any
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Missing lists the pointers of optional properties that an answer does not
// have, in objects that are there; not inside arrays.
func (s *Schema) Missing(answer any) []string {
	return missing(s.properties, answer)
}

func missing(list []Property, value any) []string {
	object, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	var pointers []string
	for _, p := range list {
		member, ok := object[p.Name]
		switch {
		case !ok || member == nil:
			pointers = append(pointers, p.Pointer)
		case p.Kind == Object:
			pointers = append(pointers, missing(p.Properties, member)...)
		}
	}
	return pointers
}

// Listed reports whether the schema lists the values that may stand at a path
// in an answer, so that a value there need not stand in a document. The path
// holds the tokens of a JSON pointer.
func (s *Schema) Listed(path []string) bool {
	at := []*jsonschema.Schema{s.compiled}
	for _, token := range path {
		var below []*jsonschema.Schema
		for _, a := range alternatives(at) {
			if p, ok := a.Properties[token]; ok {
				below = append(below, p)
			} else if a.Items2020 != nil {
				below = append(below, a.Items2020)
			}
		}
		at = below
	}
	return slices.ContainsFunc(alternatives(at), func(a *jsonschema.Schema) bool { return a.Enum != nil || a.Const != nil })
}

// maxAlternatives bounds the schemas that are followed for one path.
const maxAlternatives = 100

// alternatives adds what references and combinations of schemas lead to.
func alternatives(list []*jsonschema.Schema) []*jsonschema.Schema {
	for i := 0; i < len(list) && len(list) < maxAlternatives; i++ {
		s := list[i]
		if s.Ref != nil {
			list = append(list, s.Ref)
		}
		list = append(list, slices.Concat(s.AnyOf, s.OneOf, s.AllOf)...)
	}
	return list
}
