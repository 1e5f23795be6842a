package tiers

import (
	"slices"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// ResidencyLabel is the label by which a job says in which region its data
// must stay, such as "eu".
const ResidencyLabel = "residency"

// Refusal says why a job may not use a route that works in these regions;
// empty when it may. A route that names no region promises none, and
// residency is never relaxed.
func Refusal(j jobs.Job, regions []string) string {
	if region := j.Labels[ResidencyLabel]; region != "" && !slices.Contains(regions, region) {
		return WhyResidency
	}
	return ""
}

// Price is what a route charges, in US dollars for a million tokens; the zero
// value is for one whose price is not known.
type Price struct{ InputUSD, OutputUSD float64 }

// maxMicroUSD is more than any call can cost, and so little that the sums of
// many such costs do not overflow.
const maxMicroUSD = 100_000_000_000_000

// Of is the price of so many tokens in millionths of a dollar, rounded up: a
// price of one dollar for a million tokens is a millionth for one. It is cut at
// a hundred million dollars, and so is a price that is no number.
func (p Price) Of(input, output int) int64 {
	micro := p.InputUSD*float64(max(input, 0)) + p.OutputUSD*float64(max(output, 0))
	if !(micro < maxMicroUSD) {
		return maxMicroUSD
	}
	whole := int64(micro)
	if float64(whole) < micro {
		whole++
	}
	return whole
}
