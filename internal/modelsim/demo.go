package modelsim

import (
	"time"
)

// The models of [DemoScript].
const (
	// DemoPrimary is the large model that fails most.
	DemoPrimary = "sim-large"
	// DemoSmaller is the small model that fails less, but is not perfect.
	DemoSmaller = "sim-small"
)

// DemoScript describes a provider on a bad day, for a demonstration that shows
// every tier within a minute. The minute repeats:
//
//	 0–15 s  fair: the primary is slow at times, sends bad JSON, is rate limited
//	15–30 s  the primary is down: it is overloaded or never answers
//	30–40 s  fair
//	40–48 s  both models are down
//	48–60 s  fair
//
// Prices and latencies are invented.
func DemoScript() Config {
	primary, smaller := Match{Model: DemoPrimary}, Match{Model: DemoSmaller}
	return Config{
		Seed: 1,
		Models: []Model{
			{Name: DemoPrimary, Window: 128_000, InputPrice: 2_500_000, OutputPrice: 10_000_000, Latency: 900 * time.Millisecond},
			{Name: DemoSmaller, Window: 32_000, InputPrice: 150_000, OutputPrice: 600_000, Latency: 350 * time.Millisecond},
		},
		Rules: []Rule{
			{Match: inMinute(primary, 15, 30), Faults: FaultMix{{0.6, Overloaded()}, {0.4, Hang()}}},
			{Match: inMinute(primary, 40, 48), Faults: FaultMix{{1, Overloaded()}}},
			{Match: inMinute(smaller, 40, 48), Faults: FaultMix{{1, BadGateway()}}},
			{Match: primary, Faults: FaultMix{
				{0.08, Hang()},
				{0.12, RateLimit(2 * time.Second)},
				{0.10, BadJSON()},
				{0.05, WrongSchema()},
				{0.05, ServerError()},
				{0.10, Slow(2 * time.Second)},
			}},
			{Match: smaller, Faults: FaultMix{
				{0.06, BadJSON()},
				{0.04, Fenced()},
				{0.04, Overloaded()},
			}},
		},
	}
}

// inMinute limits m to the seconds from until before until of every minute.
func inMinute(m Match, from, until int) Match {
	m.During = During{From: time.Duration(from) * time.Second, Until: time.Duration(until) * time.Second, Every: time.Minute}
	return m
}
