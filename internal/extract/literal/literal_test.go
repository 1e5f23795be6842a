package literal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/internal/extract/literal"
)

func show(ns []literal.Number) []string {
	var out []string
	for _, n := range ns {
		p, _ := n.Value(literal.StylePoint)
		c, _ := n.Value(literal.StyleComma)
		s := p.String()
		if !p.Equal(c) {
			s += "|" + c.String()
		}
		if n.Currency != "" {
			s += " " + n.Currency
		}
		if n.Percent {
			s += "%"
		}
		if n.UnsureSign {
			s += "±"
		}
		if n.Spaced {
			s += " or " + n.Tail.String()
		}
		out = append(out, s)
	}
	return out
}

func TestNumbersAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want []string
	}{
		{"1,234.56", []string{"1234.56"}},
		{"1.234,56 €", []string{"1234.56 EUR"}},
		{"1 234,56 €", []string{"1234.56 EUR or 234.56"}},
		{"1\u202f234,56\u00a0€", []string{"1234.56 EUR"}},
		{"CHF 1'234.50", []string{"1234.5 CHF"}},
		{"1’234’567.05", []string{"1234567.05"}},
		{"1,23,456.00", []string{"123456"}},
		{"1.234", []string{"1.234|1234"}},
		{"1,234", []string{"1234|1.234"}},
		{"1.234.567", []string{"1234567"}},
		{"0,840", []string{"0.84"}},
		{"5.4900", []string{"5.49"}},
		{"RM    -.02", []string{"-0.02"}},
		{"$.50", []string{"0.5 $"}},
		{"AMT....50 No.7", []string{"50"}},
		{"123,45-", []string{"-123.45"}},
		{"-123,45", []string{"-123.45"}},
		{"12- 13-14", []string{"12"}},
		{"€ -9,32", []string{"-9.32 EUR"}},
		{"-€9.32", []string{"-9.32 EUR"}},
		{"-RM 0.01", []string{"-0.01 MYR"}},
		{"(12.00)", []string{"12±"}},
		{"12.00 CR", []string{"12±"}},
		{"Rabatt:  - 12.00", []string{"12±"}},
		{"12,- €", []string{"12 EUR"}},
		{"12.–", []string{"12"}},
		{"19 %", []string{"19%"}},
		{"5,5%", []string{"5.5%"}},
		{"$8.20", []string{"8.2 $"}},
		{"US$ 8.20", []string{"8.2 USD"}},
		{"Rs 1939", []string{"1939 Rs"}},
		{"12.00EUR", []string{"12 EUR"}},
		{"TOTAL: 2 120.00", []string{"2120 or 120"}},
		{"100 200 300", []string{"100", "200", "300"}},
		{"1.50 200 300 x", []string{"1.5", "200", "300"}},
		{"31,00 SR", []string{"31"}},
		{"31.00SR", nil},
		{"RE-2014/499", nil},
		{"13.11.2017", nil},
		{"001335787520", nil},
		{"12:30", nil},
		{"4X1.79", nil},
		{"+49 89 1234567-0", []string{"49", "89"}},
		{"DE88200800000970375700", nil},
		{"500ml", nil},
		{"№123", []string{"123"}},
		{"1234567890123456", nil},
		{"", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, show(literal.Numbers(tt.text, 100))); diff != "" {
			t.Errorf("Numbers(%q) (-want +got):\n%s", tt.text, diff)
		}
	}
}

func TestNumberAcceptsEveryReadingButNoOther(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, value string
		want        bool
	}{
		{"1.234", "1234", true},
		{"1.234", "1.234", true},
		{"1.234", "1.23", false},
		{"1 234,56 €", "234.56", true},
		{"(12.00)", "-12", true},
		{"12.00", "-12", false},
		{"19 %", "0.19", true},
		{"19", "0.19", false},
		{"19.00", "19", true},
	}
	for _, tt := range tests {
		n := literal.Numbers(tt.text, 1)[0]
		if got := slices.ContainsFunc(n.Readings(), decimal.RequireFromString(tt.value).Equal); got != tt.want {
			t.Errorf("%q is %s: got %v, want %v", tt.text, tt.value, got, tt.want)
		}
	}
}

func TestLooseNumbersAreOnlyThoseThatNumbersLeavesAlone(t *testing.T) {
	t.Parallel()
	got := show(literal.LooseNumbers("31.00SR -233,47 RE-2014/504 4X1.79 12.50 2025-01-02 v2", 10))
	if diff := cmp.Diff([]string{"31", "1.79"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStyleNeedsProofWithoutContradiction(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want literal.Style
	}{
		{"1.234 and 12,50", literal.StyleComma},
		{"1.234 and 12.50", literal.StylePoint},
		{"12.50 and 12,50", literal.StyleUnknown},
		{"1.234 and 15", literal.StyleUnknown},
	}
	for _, tt := range tests {
		if got := literal.StyleOf(literal.Numbers(tt.text, 10)); got != tt.want {
			t.Errorf("StyleOf(%q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}

func TestNumbersStopAtTheLimit(t *testing.T) {
	t.Parallel()
	if got := len(literal.Numbers(strings.Repeat("1.50  ", 1000), 10)); got != 10 {
		t.Errorf("got %d numbers, want 10", got)
	}
	if got := len(literal.Dates(strings.Repeat("2025-12-31 ", 1000), 10)); got != 10 {
		t.Errorf("got %d dates, want 10", got)
	}
}

func TestDatesAreReadInSevenLanguages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want []string
	}{
		{"2025-12-31", []string{"2025-12-31"}},
		{"2025/12/31", []string{"2025-12-31"}},
		{"2018-03-05T10:00:00Z", []string{"2018-03-05"}},
		{"31.12.2025", []string{"2025-12-31"}},
		{"05.03.2018", []string{"2018-03-05"}},
		{"7. 5. 2014", []string{"2014-05-07"}},
		{"31/12/2025", []string{"2025-12-31"}},
		{"12/31/2025", []string{"2025-12-31"}},
		{"05 / 03 / 2018", []string{"2018-03-05|2018-05-03"}},
		{"11/03/2017", []string{"2017-03-11|2017-11-03"}},
		{"05/05/2017", []string{"2017-05-05"}},
		{"15-07-18", []string{"2018-07-15|2015-07-18"}},
		{"21.05.14", []string{"2014-05-21"}},
		{"01.02.99", []string{"1999-02-01"}},
		{"7. Mai 2014", []string{"2014-05-07"}},
		{"3. März 2020", []string{"2020-03-03"}},
		{"19 april 2014", []string{"2014-04-19"}},
		{"31 de diciembre de 2025", []string{"2025-12-31"}},
		{"1er janvier 2024", []string{"2024-01-01"}},
		{"02 APR 2018 18:31", []string{"2018-04-02"}},
		{"2-Apr-2018", []string{"2018-04-02"}},
		{"25DEC2018", []string{"2018-12-25"}},
		{"December 31, 2025", []string{"2025-12-31"}},
		{"Apr. 2nd 2018", []string{"2018-04-02"}},
		{"15 Oct'18", []string{"2018-10-15"}},
		{"29.02.2023", nil},
		{"31.11.2023", nil},
		{"12 May 10:30", nil},
		{"13.45.2020", nil},
		{"1.2.3.2020", nil},
		{"192.168.10.20", nil},
		{"01.05.14-31.05.14", nil},
		{"ab12/05/2020", nil},
		{"may 2020", nil},
		{"12/05/20201", nil},
	}
	for _, tt := range tests {
		var got []string
		for _, d := range literal.Dates(tt.text, 10) {
			var s []string
			for _, r := range d.Readings {
				if v := r.Day.String(); len(s) == 0 || s[0] != v {
					s = append(s, v)
				}
			}
			got = append(got, strings.Join(s, "|"))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Dates(%q) (-want +got):\n%s", tt.text, diff)
		}
	}
}

func TestCurrencySignsSharedByCountriesStaySo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text, code string
		want       bool
	}{
		{"5 $", "USD", true}, {"5 $", "AUD", true}, {"5 $", "EUR", false}, {"5 EUR", "EUR", true}, {"5 kr", "NOK", true}, {"5 $", "", false},
	} {
		if _, _, got := literal.FindCurrency(tt.text, tt.code); got != tt.want {
			t.Errorf("FindCurrency(%q, %q) = %v", tt.text, tt.code, got)
		}
	}
	if _, _, ok := literal.FindCurrency("Preise in EUROPA", "EUR"); ok {
		t.Error("EUR was found inside a word")
	}
	if start, end, ok := literal.FindCurrency("Summe 12,00 €", "EUR"); !ok || start != 12 || end != 15 {
		t.Errorf("€ was found at %d-%d, %v", start, end, ok)
	}
}

func ExampleNumbers() {
	text := "Gesamtbetrag: 1.234,56 €"
	n := literal.Numbers(text, 10)[0]
	v, _ := n.Value(literal.StyleUnknown)
	fmt.Println(v, n.Currency, text[n.Start:n.End])
	// Output: 1234.56 EUR 1.234,56 €
}

func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"1.234,56 €", "(12.00) CR", "1 234 567,8-", "CHF 1'234.50", "-€9.32 %", "12.–", "\xff1,2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := 0
		for _, n := range literal.Numbers(s, 1000) {
			if n.Start < last || n.End <= n.Start || n.End > len(s) {
				t.Fatalf("span %d-%d after %d in %q", n.Start, n.End, last, s)
			}
			last = n.Start
			v, ok := n.Value(literal.StylePoint)
			if !ok || !slices.ContainsFunc(n.Readings(), v.Equal) {
				t.Fatalf("%q: value %v is not one of its readings", s, v)
			}
			if len(v.String()) > 30 {
				t.Fatalf("%q: value %v is too long", s, v)
			}
		}
	})
}

func FuzzDates(f *testing.F) {
	for _, s := range []string{"31.12.2025", "1er janvier 2024", "December 31, 2025", "15-07-18", "25DEC2018", "7. 5. 2014", "\xff1/2/3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := 0
		for _, d := range literal.Dates(s, 1000) {
			if d.Start < last || d.End <= d.Start || d.End > len(s) || len(d.Readings) == 0 {
				t.Fatalf("span %d-%d after %d in %q", d.Start, d.End, last, s)
			}
			last = d.End
			for _, r := range d.Readings {
				if got, ok := d.As(r.Order); !ok || got != r.Day || len(got.String()) != 10 {
					t.Fatalf("%q: reading %v", s, r)
				}
			}
		}
	})
}
