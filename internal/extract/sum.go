package extract

import (
	"encoding/json"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Confidences of a total beside its parts.
const (
	confidenceSum      = 0.97
	confidenceMismatch = 0.5
)

// checkSum compares subtotal + tax with total where an answer has all three. A
// mismatch lowers the confidence and nothing else: shipping or a discount may
// lie between them.
func checkSum(data map[string]any, fields map[string]jobs.Field) {
	names := []string{"subtotal", "tax", "total"}
	var values []decimal.Decimal
	for _, n := range names {
		number, ok := data[n].(json.Number)
		if !ok {
			return
		}
		v, err := decimal.NewFromString(string(number))
		if err != nil {
			return
		}
		values = append(values, v)
	}
	confidence, check := confidenceMismatch, "sum_mismatch"
	if values[0].Add(values[1]).Equal(values[2]) {
		confidence, check = confidenceSum, "sum"
	}
	for _, n := range names {
		f, ok := fields["/"+n]
		if !ok {
			continue
		}
		f.Checks = append(slices.Clip(f.Checks), check)
		if check == "sum" {
			f.Confidence = max(f.Confidence, confidence)
		} else {
			f.Confidence = min(f.Confidence, confidence)
		}
		fields["/"+n] = f
	}
}
