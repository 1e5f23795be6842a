package place_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract/place"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestCiteEnclosesTheWordsOfTheSpan(t *testing.T) {
	t.Parallel()
	page := document.Page{
		Number: 2,
		Text:   "Invoice\nTotal          12.00 EUR\n",
		Words: []document.Word{
			{Start: 0, End: 7, Box: document.Box{X0: 0.1, Y0: 0.1, X1: 0.2, Y1: 0.12}},
			{Start: 8, End: 13, Box: document.Box{X0: 0.1, Y0: 0.2, X1: 0.2, Y1: 0.22}},
			{Start: 23, End: 28, Box: document.Box{X0: 0.5, Y0: 0.19, X1: 0.6, Y1: 0.22}},
			{Start: 29, End: 32, Box: document.Box{X0: 0.61, Y0: 0.2, X1: 0.7, Y1: 0.23}},
		},
	}
	tests := []struct {
		name       string
		start, end int
		want       jobs.Citation
	}{
		{"one word", 0, 7, jobs.Citation{Page: 2, Text: "Invoice", Box: &[4]float64{0.1, 0.1, 0.2, 0.12}}},
		{"several words", 8, 28, jobs.Citation{Page: 2, Text: "Total 12.00", Box: &[4]float64{0.1, 0.19, 0.6, 0.22}}},
		{"part of a word", 24, 26, jobs.Citation{Page: 2, Text: "2.", Box: &[4]float64{0.5, 0.19, 0.6, 0.22}}},
		{"no word", 14, 20, jobs.Citation{Page: 2, Text: ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, place.Cite(page, tt.start, tt.end)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCiteCutsLongPassagesBetweenCharacters(t *testing.T) {
	t.Parallel()
	page := document.Page{Number: 1, Text: "a" + strings.Repeat("é", 1000)}
	got := place.Cite(page, 0, len(page.Text))
	if want := "a" + strings.Repeat("é", 149); got.Text != want || got.Box != nil {
		t.Errorf("got %d bytes, box %v", len(got.Text), got.Box)
	}
}
