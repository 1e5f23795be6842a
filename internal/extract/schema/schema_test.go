package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluicehq/sluice/internal/extract/schema"
	"github.com/sluicehq/sluice/internal/strictjson"
)

func decode(t *testing.T, s string) any {
	t.Helper()
	v, err := strictjson.Decode([]byte(s), strictjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func invoice(t *testing.T) *schema.Schema {
	t.Helper()
	r, err := schema.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Lookup("invoice")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRegistryKnowsTheInvoiceByNameAndVersion(t *testing.T) {
	t.Parallel()
	r, err := schema.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"invoice", "invoice@1"} {
		s, err := r.Lookup(name)
		if err != nil || s.Name() != "invoice@1" {
			t.Errorf("Lookup(%q) = %v, %v", name, s, err)
		}
	}
	for _, name := range []string{"", "invoice@2", "invoice@", "Invoice", "order"} {
		if _, err := r.Lookup(name); !errors.Is(err, schema.ErrUnknown) {
			t.Errorf("Lookup(%q) gave %v, want ErrUnknown", name, err)
		}
	}
}

func TestInvoiceProblemsNameThePlaceAndNotTheValue(t *testing.T) {
	t.Parallel()
	s := invoice(t)
	tests := []struct {
		name, answer string
		want         []schema.Problem
	}{
		{"fits", `{"invoice_number":"1","invoice_date":"2025-12-31","total":1.10}`, nil},
		{"required", `{"invoice_number":"1"}`, []schema.Problem{{"/invoice_date", "is required"}, {"/total", "is required"}}},
		{"type", `{"invoice_number":"1","invoice_date":"2025-12-31","total":"SECRET"}`, []schema.Problem{{"/total", "must be number, not string"}}},
		{"date", `{"invoice_number":"1","invoice_date":"31.12.2025","total":1}`, []schema.Problem{{"/invoice_date", "must be a valid date"}}},
		{"impossible date", `{"invoice_number":"1","invoice_date":"2025-02-30","total":1}`, []schema.Problem{{"/invoice_date", "must be a valid date"}}},
		{"pattern", `{"invoice_number":"1","invoice_date":"2025-12-31","total":1,"currency":"SECRET"}`, []schema.Problem{{"/currency", "must match the pattern ^[A-Z]{3}$"}}},
		{"extra", `{"invoice_number":"1","invoice_date":"2025-12-31","total":1,"SECRET":1}`, []schema.Problem{{"", "has 1 properties that the schema does not know"}}},
		{"in a line", `{"invoice_number":"1","invoice_date":"2025-12-31","total":1,"lines":[{"description":"SECRET"}]}`, []schema.Problem{{"/lines/0/amount", "is required"}}},
		{"not an object", `["SECRET"]`, []schema.Problem{{"", "must be object, not array"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := s.Validate(decode(t, tt.answer))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if strings.Contains(fmt.Sprint(got), "SECRET") {
				t.Errorf("a value leaked: %v", got)
			}
		})
	}
}

func TestEveryKindOfProblemIsDescribed(t *testing.T) {
	t.Parallel()
	tests := []struct{ schema, value, want string }{
		{`{"enum":["a","b"]}`, `"c"`, "must be one of the values that the schema lists"},
		{`{"const":1}`, `2`, "must be the value that the schema gives"},
		{`{"minLength":2}`, `"a"`, "must have at least 2 characters"},
		{`{"maxLength":2}`, `"abc"`, "must have at most 2 characters"},
		{`{"minItems":2}`, `[]`, "must have at least 2 items"},
		{`{"maxItems":0}`, `[1]`, "must have at most 0 items"},
		{`{"minProperties":1}`, `{}`, "must have at least 1 properties"},
		{`{"maxProperties":0}`, `{"a":1}`, "must have at most 0 properties"},
		{`{"uniqueItems":true}`, `[1,1]`, "must not repeat an item"},
		{`{"minimum":0.5}`, `0`, "must be at least 1/2"},
		{`{"maximum":2}`, `3`, "must be at most 2"},
		{`{"exclusiveMinimum":2}`, `2`, "must be more than 2"},
		{`{"exclusiveMaximum":2}`, `2`, "must be less than 2"},
		{`{"multipleOf":2}`, `3`, "must be a multiple of 2"},
		{`false`, `3`, "is not allowed"},
		{`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, "needs further properties: b"},
		{`{"contains":{"type":"string"}}`, `[]`, "does not fit the schema"},
		{`{"not":{}}`, `1`, "does not fit the schema"},
	}
	for _, tt := range tests {
		s, err := schema.Compile([]byte(`{"type":"object","properties":{"x":` + tt.schema + `}}`))
		if err != nil {
			t.Errorf("%s: %v", tt.schema, err)
			continue
		}
		got := s.Validate(decode(t, `{"x":`+tt.value+`}`))
		found := false
		for _, p := range got {
			found = found || p.Message == tt.want
		}
		if !found {
			t.Errorf("%s with %s: got %v, want %q", tt.schema, tt.value, got, tt.want)
		}
	}
}

func TestCompileRefusesHostileSchemasAndNamesThePlace(t *testing.T) {
	t.Parallel()
	object := func(inner string) string { return `{"type":"object","properties":{"a":` + inner + `}}` }
	tests := []struct{ name, schema, pointer string }{
		{"not json", `{`, ""},
		{"not an object", `true`, ""},
		{"no properties", `{"type":"object"}`, ""},
		{"an array", `{"type":"array","items":{}}`, ""},
		{"duplicate key", `{"type":"object","type":"object"}`, ""},
		{"wrong keyword value", object(`{"type":"nummer"}`), "/properties/a/type"},
		{"bad pattern", object(`{"pattern":"("}`), "/properties/a/pattern"},
		{"lookahead", object(`{"pattern":"(?=a)"}`), "/properties/a/pattern"},
		{"remote ref", object(`{"$ref":"https://example.com/s.json"}`), "/properties/a/$ref"},
		{"file ref", object(`{"$ref":"file:///etc/passwd"}`), "/properties/a/$ref"},
		{"relative ref", object(`{"$ref":"other.json#/a"}`), "/properties/a/$ref"},
		{"metaschema ref", object(`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`), "/properties/a/$ref"},
		{"dangling ref", object(`{"$ref":"#/$defs/x"}`), "/$defs/x"},
		{"dangling anchor", object(`{"$ref":"#x"}`), ""},
		{"nested id", object(`{"$id":"https://example.com/"}`), "/properties/a/$id"},
		{"dynamic ref", object(`{"$dynamicRef":"#a"}`), "/properties/a/$dynamicRef"},
		{"old draft", `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"a":{}}}`, "/$schema"},
		{"own metaschema", `{"$schema":"https://example.com/meta","type":"object","properties":{"a":{}}}`, "/$schema"},
		{"ref to itself", `{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`, "/$defs/a"},
		{"long pattern", object(`{"pattern":"` + strings.Repeat("a", 1001) + `"}`), "/properties/a/pattern"},
		{"long enum", object(`{"enum":[0` + strings.Repeat(",0", 1000) + `]}`), "/properties/a/enum"},
		{"huge number", object(`{"multipleOf":1e-999999999}`), ""},
		{"deep", strings.Repeat(`{"type":"object","properties":{"a":`, 17) + `{}` + strings.Repeat(`}}`, 17), ""},
		{"large", object(`{"description":"` + strings.Repeat("x", schema.MaxBytes) + `"}`), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := schema.Compile([]byte(tt.schema))
			var e *schema.Error
			if !errors.As(err, &e) || !errors.Is(err, schema.ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			if e.Pointer != tt.pointer || e.Message == "" || e.Message == "does not compile" {
				t.Errorf("got %q at %q, want it at %q", e.Message, e.Pointer, tt.pointer)
			}
		})
	}
}

func TestCompileCountsProperties(t *testing.T) {
	t.Parallel()
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"p%d":{}`, i)
		}
		return `{"type":"object","properties":{` + b.String()[1:] + `}}`
	}
	if _, err := schema.Compile([]byte(many(1000))); err != nil {
		t.Errorf("1,000 properties: %v", err)
	}
	if _, err := schema.Compile([]byte(many(1001))); err == nil {
		t.Error("1,001 properties were accepted")
	}
}

// A chain of definitions where each refers twice to the next doubles the work
// at every step: 2^60 evaluations of one small value.
func TestCompileRefusesExponentialValidation(t *testing.T) {
	t.Parallel()
	var defs strings.Builder
	for i := range 60 {
		fmt.Fprintf(&defs, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	flat := `{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{` + defs.String() + `"d60":{"type":"number"}}}`
	level := `{"type":"object","properties":{"x":{"$ref":"#/$defs/n"}}}`
	deep := `{"type":"object","properties":{"x":{"$ref":"#/$defs/n"}},"$defs":{"n":{"anyOf":[` + level + `,` + level + `]}}}`
	for name, s := range map[string]string{"in place": flat, "by level": deep} {
		start := time.Now()
		if _, err := schema.Compile([]byte(s)); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestCompileAcceptsRecursionThroughTheValue(t *testing.T) {
	t.Parallel()
	s, err := schema.Compile([]byte(`{"$id":"https://example.com/tree","type":"object","properties":{"left":{"$ref":"#"},"right":{"$ref":"#"},
		"children":{"type":"array","items":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"total":{"type":["number","null"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if p := s.Validate(decode(t, `{"left":{"children":[{"right":{"total":"x"}},null]}}`)); len(p) == 0 {
		t.Error("a wrong value deep in the tree was accepted")
	}
	if p := s.Validate(decode(t, `{"left":{"children":[{"right":{"total":1}},null]}}`)); len(p) > 0 {
		t.Error(p)
	}
}

func TestPropertiesCarryKindAndPointer(t *testing.T) {
	t.Parallel()
	s, err := schema.Compile([]byte(`{"type":"object","required":["n"],"properties":{
		"n":{"title":"Count","type":"integer"},"d":{"type":["string","null"],"format":"date"},"b":{"type":"boolean"},
		"o":{"$ref":"#/$defs/o"},"list":{"type":"array","items":{"$ref":"#/$defs/o"}},"any":{"type":["string","number"]},"a/b":{}},
		"$defs":{"o":{"title":"Thing","type":"object","properties":{"x":{"type":"number"}},"required":["x"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	x := func(at string) []schema.Property {
		return []schema.Property{{Name: "x", Pointer: at + "/x", Kind: schema.Number, Required: true}}
	}
	want := []schema.Property{
		{Name: "a/b", Pointer: "/a~1b", Kind: schema.Any},
		{Name: "any", Pointer: "/any", Kind: schema.Any},
		{Name: "b", Pointer: "/b", Kind: schema.Boolean},
		{Name: "d", Pointer: "/d", Kind: schema.Date},
		{Name: "list", Pointer: "/list", Kind: schema.Array, Properties: x("/list/-")},
		{Name: "n", Pointer: "/n", Title: "Count", Kind: schema.Integer, Required: true},
		{Name: "o", Pointer: "/o", Title: "Thing", Kind: schema.Object, Properties: x("/o")},
	}
	if diff := cmp.Diff(want, s.Properties(), cmpopts.IgnoreUnexported(schema.Property{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/a~1b", "/any", "/b", "/d", "/o/x"}, s.Missing(decode(t, `{"n":1,"list":[],"o":{}}`))); diff != "" {
		t.Errorf("missing: -want +got:\n%s", diff)
	}
	if n := s.Properties()[5]; !n.Fits(json.Number("3")) || n.Fits(json.Number("3.5")) || n.Fits("3") {
		t.Error("Fits does not follow the property's own schema")
	}
}

func ExampleCompile() {
	_, err := schema.Compile([]byte(`{"type":"object","properties":{"total":{"type":"money"}}}`))
	fmt.Println(err)
	// Output: invalid schema at /properties/total/type: must be one of the values that the schema lists
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`{"type":"object","properties":{"a":{"type":"number"}}}`,
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}}`,
		`{"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"x":{"items":{"$ref":"#"}}}}}}`,
		`{"type":"object","properties":{"a":{"pattern":"(a+)+$","minLength":1}},"patternProperties":{"^x":false}}`,
		`{"type":"object","properties":{"$ref":{"not":{"const":1}}},"if":{"required":["a"]},"then":{"minProperties":2}}`,
	} {
		f.Add([]byte(s), []byte(`{"a":"aaaaaaaaaaaaaaaaaaaaaaaa!"}`))
	}
	f.Fuzz(func(t *testing.T, raw, value []byte) {
		s, err := schema.Compile(raw)
		if err != nil {
			if !errors.Is(err, schema.ErrInvalid) {
				t.Fatalf("unexpected kind of error: %v", err)
			}
			return
		}
		v, err := strictjson.Decode(value, strictjson.Limits{})
		if err != nil {
			return
		}
		if p := s.Validate(v); len(p) > 20 {
			t.Fatalf("%d problems", len(p))
		}
		s.Missing(v)
	})
}
