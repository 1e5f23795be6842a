package modelsim

import (
	"encoding/json"
	"slices"
	"strings"
)

// schema is the part of a JSON Schema that tells what to fill in.
type schema struct {
	Type       typeList          `json:"type"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Items      *schema           `json:"items"`
	AnyOf      []schema          `json:"anyOf"`
	OneOf      []schema          `json:"oneOf"`
	AllOf      []schema          `json:"allOf"`
	Ref        string            `json:"$ref"`
	Enum       []any             `json:"enum"`
	Format     string            `json:"format"`
	Title      string            `json:"title"`
	Defs       map[string]schema `json:"$defs"`
}

// typeList is the "type" keyword: one name or several.
type typeList []string

func (t *typeList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = typeList{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// UnmarshalJSON reads a schema. A boolean, or anything else that is no object,
// becomes the schema that says nothing.
func (s *schema) UnmarshalJSON(b []byte) error {
	type plain schema
	var p plain
	if len(b) > 0 && b[0] == '{' {
		if err := json.Unmarshal(b, &p); err != nil {
			return err
		}
	}
	*s = schema(p)
	return nil
}

// maxSchemaDepth bounds references and nesting; a schema may refer to itself.
const maxSchemaDepth = 24

// requestedSchema finds the schema of the answer: in response_format, else as
// JSON in one of the messages, else the usual properties of an invoice.
func requestedSchema(r request) schema {
	if s, ok := parseSchema(r.schema); ok {
		return s
	}
	for _, m := range r.messages {
		if s, ok := findSchema(string(m.Content)); ok {
			return s
		}
	}
	return invoiceSchema()
}

func parseSchema(b []byte) (schema, bool) {
	var s schema
	if len(b) == 0 || json.Unmarshal(b, &s) != nil {
		return schema{}, false
	}
	return s, len(s.Properties) > 0 || s.Ref != ""
}

// findSchema looks for a JSON object with properties among words.
func findSchema(text string) (schema, bool) {
	const maxTries = 16
	for range maxTries {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			return schema{}, false
		}
		text = text[i:]
		var raw json.RawMessage
		if json.NewDecoder(strings.NewReader(text)).Decode(&raw) == nil {
			if s, ok := parseSchema(raw); ok {
				return s, true
			}
		}
		text = text[1:]
	}
	return schema{}, false
}

// invoiceSchema is what the simulator answers when nobody says what is wanted.
func invoiceSchema() schema {
	text, number := schema{Type: typeList{"string"}}, schema{Type: typeList{"number"}}
	return schema{Type: typeList{"object"}, Properties: map[string]schema{
		string(kindNumber): text, string(kindDate): text, string(kindDue): text, string(kindSeller): text, string(kindBuyer): text,
		string(kindCurrency): text, string(kindTotal): number, string(kindSubtotal): number, string(kindTax): number,
	}}
}

// resolve follows references and picks the first alternative that is not null.
// It also reports whether null is allowed.
func (s schema) resolve(defs map[string]schema) (schema, bool) {
	nullable := slices.Contains(s.Type, "null")
	for range maxSchemaDepth {
		next, ok := s.step(defs, &nullable)
		if !ok {
			break
		}
		if next.Title == "" {
			next.Title = s.Title
		}
		s = next
		nullable = nullable || slices.Contains(s.Type, "null")
	}
	return s, nullable
}

// step is one move of resolve.
func (s schema) step(defs map[string]schema, nullable *bool) (schema, bool) {
	if s.Ref != "" {
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		next, ok := defs[name]
		return next, ok
	}
	if len(s.AllOf) > 0 && len(s.Properties) == 0 && len(s.Type) == 0 {
		return s.AllOf[0], true
	}
	options := slices.Concat(s.AnyOf, s.OneOf)
	if len(options) == 0 || len(s.Properties) > 0 {
		return s, false
	}
	found := -1
	for i, o := range options {
		if len(o.Type) == 1 && o.Type[0] == "null" {
			*nullable = true
		} else if found < 0 {
			found = i
		}
	}
	if found < 0 {
		return s, false
	}
	return options[found], true
}

// is reports whether s allows values of the type.
func (s schema) is(typ string) bool { return slices.Contains(s.Type, typ) }
