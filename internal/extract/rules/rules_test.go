package rules_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract/rules"
	"github.com/sluicehq/sluice/internal/extract/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func invoiceSchema(t testing.TB) *schema.Schema {
	t.Helper()
	r, err := schema.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Lookup("invoice@1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func inline(t testing.TB, raw string) *schema.Schema {
	t.Helper()
	s, err := schema.Compile([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pages makes a document of plain text; form feeds part the pages.
func pages(text string) document.Text {
	var d document.Text
	for i, p := range strings.Split(text, "\f") {
		d.Pages = append(d.Pages, document.Page{Number: i + 1, Text: p})
	}
	return d
}

// describe writes an outcome so that a reviewer sees what changed.
func describe(o rules.Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "complete: %v\n", o.Complete)
	for _, r := range o.Reasons {
		fmt.Fprintf(&b, "reason: %s\n", r)
	}
	fmt.Fprintf(&b, "data: %s\n", o.Result.Data)
	for _, p := range slices.Sorted(maps.Keys(o.Result.Fields)) {
		f := o.Result.Fields[p]
		fmt.Fprintf(&b, "%s %s %.2f %v p%d %q\n", p, f.ValueFrom, f.Confidence, f.Checks, f.Citations[0].Page, f.Citations[0].Text)
	}
	for _, p := range slices.Sorted(maps.Keys(o.Others)) {
		for _, other := range o.Others[p] {
			fmt.Fprintf(&b, "other %s %v p%d %q\n", p, other.Value, other.Citation.Page, other.Citation.Text)
		}
	}
	return b.String()
}

func TestDocumentsGiveTheirGoldenOutcome(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	s, parser := invoiceSchema(t), rules.New()
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got := describe(parser.Run(pages(string(text)), s))
			golden := strings.TrimSuffix(f, ".txt") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The traps must end in a review, whatever else changes.
func TestTrapsAreNeverComplete(t *testing.T) {
	t.Parallel()
	s, parser := invoiceSchema(t), rules.New()
	for _, trap := range []string{
		"en_two_totals", "en_net_total_only", "en_credit_unnumbered", "en_ambiguous_date", "en_hours", "en_spaced_quantity", "en_split_number",
		"en_statement", "en_previous_balance", "en_items_look_like_net", "en_wrong_sum", "en_order_date",
	} {
		text, err := os.ReadFile("testdata/" + trap + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		if o := parser.Run(pages(string(text)), s); o.Complete || len(o.Reasons) == 0 {
			t.Errorf("%s: complete %v with %s", trap, o.Complete, o.Result.Data)
		}
	}
}

func TestSchemasOfOnesOwnAreReadByTheirNames(t *testing.T) {
	t.Parallel()
	s := inline(t, `{"type":"object","required":["batchNumber","tested_on","moisture"],"properties":{
		"batchNumber":{"type":"string","pattern":"^[A-Z]-[0-9]+$"},"tested_on":{"type":"string","format":"date"},
		"moisture":{"title":"Moisture content","type":"number","maximum":100},"inspector":{"type":"string"},
		"total":{"type":"integer"},"passed":{"type":"boolean"},"samples":{"type":"array","items":{"type":"string"}}}}`)
	tests := []struct {
		name, text, data string
		reasons          []string
	}{
		{"found", "Batch number: K-77        Tested on: 2 May 2025\nMoisture content     12.4 %\nMoisture content: 12.4\nInspector\nR. Okafor\nTotal: 40\n",
			`{"batchNumber":"K-77","inspector":"R. Okafor","moisture":12.4,"tested_on":"2025-05-02","total":40}`, nil},
		{"two values", "Batch number: K-77\nBatch number: K-78\nTested on: 2 May 2025\nMoisture content: 12.4\n",
			`{"moisture":12.4,"tested_on":"2025-05-02"}`, []string{"ambiguous:/batchNumber"}},
		{"does not fit", "Batch number: 77\nTested on: 2 May 2025\nMoisture content: 120\n",
			`{"tested_on":"2025-05-02"}`, []string{"unfit:/batchNumber", "unfit:/moisture"}},
		{"part of a label", "Old batch number: K-77\nLast tested on: 2 May 2025\nMoisture content at arrival: 12.4\n",
			`{}`, []string{"missing:/batchNumber", "missing:/moisture", "missing:/tested_on"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := rules.New().Run(pages(tt.text), s)
			if string(o.Result.Data) != tt.data || o.Complete != (len(tt.reasons) == 0) {
				t.Errorf("complete %v: %s", o.Complete, o.Result.Data)
			}
			if diff := cmp.Diff(tt.reasons, o.Reasons); diff != "" {
				t.Errorf("reasons: %s", diff)
			}
		})
	}
}

func TestRequiredPropertiesThatRulesCannotReadAreNamed(t *testing.T) {
	t.Parallel()
	s := inline(t, `{"type":"object","required":["passed"],"properties":{"passed":{"type":"boolean"}}}`)
	o := rules.New().Run(pages("Passed: yes\n"), s)
	if diff := cmp.Diff([]string{"unsupported_kind:/passed"}, o.Reasons); diff != "" || o.Complete {
		t.Error(diff)
	}
}

func TestCitationsPointAtTheWords(t *testing.T) {
	t.Parallel()
	text := "Invoice no: A-1   Invoice date: 2025-01-02\nTotal             9.50\n"
	p := document.Page{Number: 3, Text: text}
	at := strings.Index(text, "9.50")
	p.Words = []document.Word{
		{Start: at - 18, End: at - 13, Box: document.Box{X0: 0.1, Y0: 0.5, X1: 0.2, Y1: 0.52}},
		{Start: at, End: at + 4, Box: document.Box{X0: 0.4, Y0: 0.5, X1: 0.5, Y1: 0.52}},
	}
	o := rules.New().Run(document.Text{Pages: []document.Page{p}}, invoiceSchema(t))
	c := o.Result.Fields["/total"].Citations[0]
	if c.Page != 3 || c.Text != "Total 9.50" || c.Box == nil || *c.Box != [4]float64{0.1, 0.5, 0.5, 0.52} {
		t.Errorf("got %+v", c)
	}
}

func FuzzRun(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("Total\t\t1\r\n(1)\u00a02 – 3,-\xff")
	s, parser := invoiceSchema(f), rules.New()
	f.Fuzz(func(t *testing.T, text string) {
		o := parser.Run(pages(text), s)
		if o.Complete != (len(o.Reasons) == 0) {
			t.Fatalf("complete %v with reasons %v", o.Complete, o.Reasons)
		}
		var data map[string]any
		if err := json.Unmarshal(o.Result.Data, &data); err != nil {
			t.Fatalf("data: %v", err)
		}
		for p, field := range o.Result.Fields {
			if len(field.Citations) != 1 || field.Citations[0].Text == "" || field.Confidence <= 0 || field.Confidence > 1 {
				t.Fatalf("field %s: %+v", p, field)
			}
		}
		if o.Complete {
			for _, name := range []string{"invoice_number", "invoice_date", "total"} {
				if data[name] == nil || o.Result.Fields["/"+name].Citations == nil {
					t.Fatalf("complete without %s: %s", name, o.Result.Data)
				}
			}
		}
	})
}
