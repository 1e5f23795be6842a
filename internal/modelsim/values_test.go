package modelsim

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAmountsAreReadInTheWritingsOfEurope(t *testing.T) {
	t.Parallel()
	type read struct{ Amount, Currency string }
	tests := map[string]read{
		"1,184.00":       {"1184.00", ""},
		"€1,184.00":      {"1184.00", "EUR"},
		"1.184,00 €":     {"1184.00", "EUR"},
		"EUR 1.184,5":    {"1184.5", "EUR"},
		"1 184,00 €":     {"1184.00", "EUR"},
		"1\u202f184,00":  {"1184.00", ""},
		"1'184.00 CHF":   {"1184.00", "CHF"},
		"$ 12":           {"12", "USD"},
		"-3.50":          {"-3.50", ""},
		"1.234":          {"1234", ""}, // a group of thousands, not a fraction
		"1,234,567":      {"1234567", ""},
		"1.234.567,89":   {"1234567.89", ""},
		"0,125":          {"0.125", ""},
		"0.00":           {"0.00", ""},
		"007":            {"7", ""},
		"":               {},
		"EUR":            {},
		"12 High Street": {},
		"1,18,400":       {},
		"14.03.2026":     {},
		"1.2.3":          {},
		"12-34":          {},
		"1..2":           {},
		"12 x":           {},
		"--1":            {},
		"1e5":            {},
		"٣":              {},
	}
	for in, want := range tests {
		a, currency, _ := parseAmount(in)
		if diff := cmp.Diff(want, read{string(a), currency}); diff != "" && (want != read{} || a != "") {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func TestDatesAreReadInThreeLanguages(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"2026-03-14": "2026-03-14", "14.03.2026": "2026-03-14", "14/3/26": "2026-03-14", "14 March 2026": "2026-03-14",
		"March 14, 2026": "2026-03-14", "14th Mar 2026": "2026-03-14", "14. März 2026": "2026-03-14", "1er février 2026": "2026-02-01",
		"3 juillet 2026": "2026-07-03", "3 juin 2026": "2026-06-03", "31 Dezember 2026": "2026-12-31", "15 août 2026": "2026-08-15",
		"29.02.2024": "2024-02-29",
		"29.02.2026": "", "14.13.2026": "", "today": "", "14 March": "", "March March 2026": "", "1.2.3.4": "", "0-0-0": "", "99 May 2026": "",
		"14 Marchandise-Fournisseur 2026": "",
	}
	for in, want := range tests {
		if got, ok := parseDate(in); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t; want %q", in, got, ok, want)
		}
	}
}

func TestEveryDateIsReadBackFromEveryWriting(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		day := time.Date(2000, 1, 1+rapid.IntRange(0, 36_000).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
		layout := rapid.SampledFrom([]string{"2006-01-02", "02.01.2006", "2/1/2006", "2 January 2006", "January 2, 2006", "02-Jan-2006"}).Draw(t, "layout")
		if got, _ := parseDate(day.Format(layout)); got != day.Format(time.DateOnly) {
			t.Fatalf("%s is read as %q", day.Format(layout), got)
		}
	})
}

func TestLabelsAreNormalised(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Invoice No.": "invoice no", "VAT (20%)": "vat", "zzgl. 19 % MwSt.": "zzgl mwst", "USt-IdNr.": "ust idnr",
		"N° de facture": "n de facture", "invoice_number": "invoice number", "TOTAL  DUE (incl. VAT)": "total due", "Date d'échéance": "date d échéance",
		"": "", "(((": "", "20%": "",
	} {
		if got := normalise(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCellsAreSplitAtWideGaps(t *testing.T) {
	t.Parallel()
	got := splitRows("A b  c\tä|d:1\n\n   x ")
	want := []row{
		{{0, 3, "A b", "a b"}, {5, 6, "c", "c"}, {7, 8, "ä", "ä"}, {9, 12, "d:1", "d"}},
		nil,
		{{3, 4, "x", "x"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(cell{})); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// FuzzRead reads hostile text against a hostile schema: nothing may panic, and
// every text in the answer must be valid UTF-8.
func FuzzRead(f *testing.F) {
	f.Add("Invoice No: A-1\nTotal: 1.184,00 €\n", `{"properties":{"total":{"type":"number"}}}`)
	f.Add("Description  Qty  Amount\nPaper  2  10.00\nTotal  10.00", `{"properties":{"lines":{"type":"array","items":{"properties":{"description":{"type":"string"}}}}}}`)
	f.Add("x\t|\f  \u00a0\u00a0:", `{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}}}`)
	f.Add("Bill to\nA\nB", `{"properties":{"seller":{"$ref":"#/$defs/p"}},"$defs":{"p":{"properties":{"seller":{"$ref":"#/$defs/p"},"name":true}}}}`)
	words := newLexicon()
	f.Fuzz(func(t *testing.T, text, asked string) {
		r := request{messages: []message{{Role: "user", Content: content(text)}}}
		r.schema = []byte(asked)
		out := marshal(words.answerTo(r))
		if !utf8.ValidString(out) || !strings.HasPrefix(out, "{") {
			t.Errorf("answer is %q", out)
		}
	})
}

// FuzzRequest feeds the parser of requests.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}`))
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":null}],"max_tokens":-1}`))
	f.Add([]byte(`{"model":"m","system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":"x"}],"max_tokens":9,"tools":[{"name":"t","input_schema":{}}],"tool_choice":{"name":"t"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, a := range []API{ChatCompletions, Messages} {
			r, err := a.parse(body)
			if err == nil && (r.api != a || r.model == "" || len(r.messages) == 0 || r.inputTokens() < 4) {
				t.Errorf("accepted %q as %+v", body, r)
			}
		}
	})
}
