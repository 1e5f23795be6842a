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

func total(o rules.Outcome) string {
	var data map[string]json.RawMessage
	if json.Unmarshal(o.Result.Data, &data) != nil {
		return "no data"
	}
	return string(data["total"])
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
