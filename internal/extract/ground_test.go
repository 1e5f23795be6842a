package extract_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// TestAValueThatIsPutTogetherFromOthersIsNotInTheDocument asks for texts, for
// which the words of the document are compared.
func TestAValueThatIsPutTogetherFromOthersIsNotInTheDocument(t *testing.T) {
	t.Parallel()
	const schema = `{"type":"object","properties":{"value":{"type":"string"}},"required":["value"]}`
	tests := []struct {
		name, page, value string
		stands            bool
	}{
		{"an amount", "Total 1,234.56", "1,234.56", true},
		{"an amount in other clothes", "Summe 1.234,56 EUR", "1234.56", true},
		{"a negative amount", "Credit -12.50", "-12.50", true},
		{"the end of an amount", "Total 1,234.56", "234.56", false},
		{"the end of an amount, as printed", "Summe 1.234,56 EUR", "234,56", false},
		{"the beginning of an amount", "Total 1,234.56", "1,234", false},
		{"a group of digits", "Total 1,234.56", "234", false},
		{"the cents", "Total 1,234.56", "56", false},
		{"two cells as one amount", "Item 12    50 pcs", "12.50", false},
		{"two lines as one amount", "Page 12\n50 pcs", "12.50", false},
		{"a sign that is not printed", "Total 12.50", "-12.50", false},
		{"a sign that is printed and left out", "Credit -12.50", "12.50", false},
		{"far words as one amount", "Item 12 of the list\nweighs some 50 kg", "12.50", false},
		{"far words as one date", "2025 was the year of 03 good and 05 bad harvests", "2025-03-05", false},
		{"a date", "Date 2025-03-05", "2025-03-05", true},
		{"a year of a date", "Date 05.03.2025", "2025", true},
		{"a date as printed", "Date 5. 3. 2025", "5.3.2025", true},
		{"an identifier", "Invoice 2024-4711", "2024-4711", true},
		{"an identifier with zeros", "No. 004711", "004711", true},
		{"zeros that are not printed", "No. 4711", "004711", false},
		{"an identifier in groups", "Total pieces 12,345", "12345", true},
		{"a version", "Release 1.2.3", "1.2.3", true},
		{"many decimals", "Rate 0.1234567891", "0.1234567891", true},
		{"a telephone number", "Tel. +49 30 123456", "+49 30 123456", true},
		{"an amount glued to its unit", "Width 3.5mm", "3.5", true},
		{"the end of one glued to its unit", "Width 13.5mm or 1,203.5mm", "3.5", false},
		{"an amount with its currency", "Total 1,234.56 EUR", "234.56 EUR", false},
		{"an amount without cents", "Summe 12,-", "12,-", true},
		{"digits beside an amount", "Menge 2 120.00 EUR", "2", true},
		{"an address beside a column", "Hauptstr. 5     Date 1 May\n10115 Berlin    No. 7", "Hauptstr. 5, 10115 Berlin", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answer, err := strictjson.Encode(map[string]any{"value": tt.value})
			if err != nil {
				t.Fatal(err)
			}
			e := extractor(t, extract.Model{Tier: 1, Caller: says(string(answer))})
			a := prepare(t, e, jobs.Spec{SchemaJSON: []byte(schema)}, pages(tt.page)).Call(t.Context(), 0, false)
			if stands := a.Judgement.Fault == tiers.FaultNone; stands != tt.stands {
				t.Errorf("%q in %q: judged %+v, fields %+v", tt.value, tt.page, a.Judgement, a.Extracted.Fields)
			}
		})
	}
}

func TestWhatTheDocumentProvesAboutItsHabitsBindsTheModelToo(t *testing.T) {
	t.Parallel()
	const schema = `{"type":"object","properties":{"value":{}},"required":["value"]}`
	tests := []struct {
		name, page string
		value      any
		stands     bool
	}{
		{"thousands, where a comma is before cents", "Menge 1.234   Preis 0,50   Summe 617,00 EUR", json.Number("1234"), true},
		{"a thousandth of it", "Menge 1.234   Preis 0,50   Summe 617,00 EUR", json.Number("1.234"), false},
		{"proven on another page", "Menge 1.234\fSumme 617,00 EUR", json.Number("1.234"), false},
		{"decimals, where a point is before cents", "Weight 1.234   Total 617.00 USD", json.Number("1.234"), true},
		{"a thousand times that", "Weight 1.234   Total 617.00 USD", json.Number("1234"), false},
		{"a chapter proves nothing", "3.2 Scope   Amount 1.234", json.Number("1234"), true},
		{"nothing proven", "Weight 1.234", json.Number("1234"), true},
		{"two habits", "Weight 1.234   Total 617.00 USD   Summe 617,00 EUR", json.Number("1234"), true},
		{"a day first", "Date 03/04/2025   Due 25/04/2025", "2025-04-03", true},
		{"a month first, where the day is", "Date 03/04/2025   Due 25/04/2025", "2025-03-04", false},
		{"a month first", "Date 03/04/2025   Due 04/25/2025", "2025-03-04", true},
		{"a day first, where the month is", "Date 03/04/2025   Due 04/25/2025", "2025-04-03", false},
		{"no order proven", "Date 03/04/2025", "2025-03-04", true},
		{"two orders", "Date 03/04/2025   Due 04/25/2025   Paid 25/04/2025", "2025-03-04", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			content, err := strictjson.Encode(map[string]any{"value": tt.value})
			if err != nil {
				t.Fatal(err)
			}
			a := answer(t, 1, inline(schema), pages(strings.Split(tt.page, "\f")...), string(content))
			if stands := a.Judgement.Fault == tiers.FaultNone; stands != tt.stands {
				t.Errorf("%v in %q: judged %+v, fields %+v", tt.value, tt.page, a.Judgement, a.Extracted.Fields)
			}
		})
	}
}
