package figures_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/bench/internal/figures"
)

func TestTheMedianIsTheMiddleOfTheSortedValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in   figures.Series
		want float64
	}{
		{figures.Series{3}, 3},
		{figures.Series{9, 1, 5}, 5},
		{figures.Series{4, 1, 3, 2}, 2.5},
		{figures.Series{1, 1, 1, 1, 100}, 1},
	} {
		if got := tc.in.Median(); got != tc.want {
			t.Errorf("median of %v is %g, want %g", tc.in, got, tc.want)
		}
	}
	if got := (figures.Series{}).Median(); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %g", got)
	}
}

func TestAMedianLeavesItsSeriesAsItIsAndLiesWithin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := figures.Series(rapid.SliceOfN(rapid.Float64Range(0, 1e9), 1, 20).Draw(t, "series"))
		before := append(figures.Series{}, s...)
		m := s.Median()
		if diff := cmp.Diff(before, s); diff != "" {
			t.Fatalf("the series changed (-before +after):\n%s", diff)
		}
		below, above := 0, 0
		for _, v := range s {
			if v <= m {
				below++
			}
			if v >= m {
				above++
			}
		}
		if 2*below < len(s) || 2*above < len(s) {
			t.Fatalf("median %g of %v has %d values at or below and %d at or above", m, s, below, above)
		}
		if s.Min() > m || s.Max() < m {
			t.Fatalf("median %g of %v is not within %g and %g", m, s, s.Min(), s.Max())
		}
	})
}

func TestAQuantileIsAValueThatEnoughOthersDoNotExceed(t *testing.T) {
	t.Parallel()
	s := figures.Series{50, 10, 40, 30, 20}
	for p, want := range map[float64]float64{0.01: 10, 0.2: 10, 0.21: 20, 0.5: 30, 0.99: 50, 1: 50} {
		if got := s.Quantile(p); got != want {
			t.Errorf("quantile %g is %g, want %g", p, got, want)
		}
	}
}

func TestARatioIsTakenRoundByRound(t *testing.T) {
	t.Parallel()
	// The machine was twice as slow in the second round, for both.
	ours, theirs := figures.Series{200, 100, 210}, figures.Series{100, 50, 100}
	if diff := cmp.Diff(figures.Series{2, 2, 2.1}, ours.Over(theirs)); diff != "" {
		t.Errorf("ratio (-want +got):\n%s", diff)
	}
	if got := ours.Over(theirs).Median(); got != 2 {
		t.Errorf("median ratio %g, want 2", got)
	}
}

func TestARatioOfSeriesThatWereNotMeasuredTogetherIsABug(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("series of different lengths were divided")
		}
	}()
	figures.Series{1}.Over(figures.Series{1, 2})
}

func TestTheLeastAndGreatestAreFoundRoundByRound(t *testing.T) {
	t.Parallel()
	a, b := figures.Series{1, 9, 5}, figures.Series{2, 3, 5}
	if diff := cmp.Diff(figures.Series{1, 3, 5}, figures.Least(a, b)); diff != "" {
		t.Errorf("least (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(figures.Series{2, 9, 5}, figures.Greatest(a, b)); diff != "" {
		t.Errorf("greatest (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(figures.Series{1, 9, 5}, a); diff != "" {
		t.Errorf("the argument changed (-want +got):\n%s", diff)
	}
}

func TestNumbersHaveThreeDigitsOrAllBeforeThePoint(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]string{
		0: "0.00", 0.012345: "0.0123", 1.005: "1.00", 4.567: "4.57", 78.94: "78.9", 99.96: "100.0", 999.5: "1,000",
		12345.6: "12,346", 1234567: "1,234,567", -4200: "-4,200", math.NaN(): "–", math.Inf(1): "–",
	} {
		if got := figures.Number(in); got != want {
			t.Errorf("%g reads %q, want %q", in, got, want)
		}
	}
}

func TestACountHasNoPoint(t *testing.T) {
	t.Parallel()
	for in, want := range map[int]string{0: "0", 16: "16", 256: "256", 10_000: "10,000", -1234567: "-1,234,567"} {
		if got := figures.Count(in); got != want {
			t.Errorf("%d reads %q, want %q", in, got, want)
		}
	}
}

func TestASpreadShowsMedianLeastAndGreatest(t *testing.T) {
	t.Parallel()
	if got, want := (figures.Series{3, 1, 2}).Spread(), "2.00 (1.00–3.00)"; got != want {
		t.Errorf("spread is %q, want %q", got, want)
	}
	if got := (figures.Series{}).Spread(); got != "–" {
		t.Errorf("the spread of nothing is %q", got)
	}
}

func TestATableIsAlignedMarkdown(t *testing.T) {
	t.Parallel()
	table := figures.Table{Title: "Intake", Head: []string{"who", "jobs/s"}, Notes: []string{"A note."}}
	table.Add("sluice", "12,345")
	table.Add("a|b\nc")
	want := `## Intake

| who    | jobs/s |
| ------ | -----: |
| sluice | 12,345 |
| a\|b c |        |

A note.
`
	if diff := cmp.Diff(want, table.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestVerdictsSayYesNoOrWhyNot(t *testing.T) {
	t.Parallel()
	table := figures.Verdicts([]figures.Verdict{
		{What: "a", Target: "≥ 1", Measured: "2", Met: true},
		{What: "b", Target: "≥ 1", Measured: "0.5"},
		{What: "c", Target: "≥ 1", Measured: "9", Met: true, Unknown: "left out by -without"},
	})
	want := [][]string{{"a", "≥ 1", "2", "yes"}, {"b", "≥ 1", "0.5", "no"}, {"c", "≥ 1", "left out by -without", "not measured"}}
	if diff := cmp.Diff(want, table.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}
