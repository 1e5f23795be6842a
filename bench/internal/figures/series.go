// Package figures turns measured rounds into medians, ratios and tables.
package figures

import (
	"math"
	"slices"
)

// Series holds one value of one contestant for each round, in the order of the
// rounds.
type Series []float64

// Median is the middle value, the mean of the middle two when their number is
// even, and NaN when there is none.
func (s Series) Median() float64 {
	n := len(s)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Min is the least value; NaN when there is none.
func (s Series) Min() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	return slices.Min(s)
}

// Max is the greatest value; NaN when there is none.
func (s Series) Max() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	return slices.Max(s)
}

// Quantile is the smallest value that at least a share p of the values do not
// exceed, with 0 < p <= 1; NaN when there is none.
func (s Series) Quantile(p float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	at := int(math.Ceil(p*float64(len(s)))) - 1
	return slices.Sorted(slices.Values(s))[min(max(at, 0), len(s)-1)]
}

// Over divides s by t round by round, because two values of one round were
// disturbed by the same neighbours. It panics when they have not as many
// rounds: then they were not measured together.
func (s Series) Over(t Series) Series {
	if len(s) != len(t) {
		panic("figures: a ratio of series of different lengths")
	}
	ratios := make(Series, len(s))
	for i := range s {
		ratios[i] = s[i] / t[i]
	}
	return ratios
}

// Least is, round by round, the least value of the series, which have equally
// many rounds.
func Least(all ...Series) Series { return fold(all, math.Min) }

// Greatest is, round by round, the greatest value of the series, which have
// equally many rounds.
func Greatest(all ...Series) Series { return fold(all, math.Max) }

func fold(all []Series, pick func(a, b float64) float64) Series {
	if len(all) == 0 {
		return nil
	}
	out := slices.Clone(all[0])
	for _, s := range all[1:] {
		if len(s) != len(out) {
			panic("figures: series of different lengths")
		}
		for i := range out {
			out[i] = pick(out[i], s[i])
		}
	}
	return out
}
