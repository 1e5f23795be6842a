package figures

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// none stands in a cell without a value.
const none = "–"

// Number writes v with three significant digits, or all digits before the
// point when there are more, and thousands apart: 0.0123, 4.56, 78.9, 12,345.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return none
	case a >= 100:
		return thousands(math.Round(v))
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 1 || a == 0:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}

// thousands writes a whole number with a comma before each three digits.
func thousands(v float64) string {
	digits := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	var b strings.Builder
	if v < 0 {
		b.WriteByte('-')
	}
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Count writes a whole number with thousands apart: 12,345.
func Count(n int) string { return thousands(float64(n)) }

// Spread writes the median of s with its least and greatest value.
func (s Series) Spread() string {
	if len(s) == 0 {
		return none
	}
	return fmt.Sprintf("%s (%s–%s)", Number(s.Median()), Number(s.Min()), Number(s.Max()))
}

// Milliseconds is d as a number of milliseconds.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Microseconds is d as a number of microseconds.
func Microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
