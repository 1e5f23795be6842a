package modelsim

import "time"

// FieldMix is the script of a provider as it is met in the field: of calls to
// the primary alone, spread over time, 94 % come back with an answer that
// stands. The rest is lost to
//
//	3.95 %  independent faults: rate limits, errors, cut and late answers, bad
//	        JSON, values that are not the document's, of either model
//	2.00 %  bursts: of every five minutes the primary is down for five seconds,
//	        and of every ten minutes both models are for two
//	0.05 %  poison documents, on which every call of every model fails
//
// Which document is hit by which fault follows from the server's seed. Shares
// and lengths are assumptions, chosen to sum up to the 94 %.
func FieldMix(primary, smaller string) []Rule {
	onPrimary, onSmaller := Match{Model: primary}, Match{Model: smaller}
	independent := FaultMix{
		{0.0080, RateLimit(2 * time.Second)},
		{0.0100, ServerError()},
		{0.0040, Overloaded()},
		{0.0030, BadGateway()},
		{0.0020, Hang()},
		{0.0020, Cut()},
		{0.0040, BadJSON()},
		{0.0020, WrongSchema()},
		{0.0025, Ungrounded()},
		{0.0010, Truncated()},
		{0.0010, EmptyBody()},
		// No faults, but not plain either.
		{0.0200, Fenced()},
		{0.0200, Slow(5 * time.Second)},
		{0.0100, NoUsage()},
	}
	down := FaultMix{{0.5, ServerError()}, {0.5, Overloaded()}}
	return []Rule{
		{Match: burst(onPrimary, 100*time.Second, 5*time.Second, 5*time.Minute), Faults: down},
		{Match: burst(Match{}, 200*time.Second, 2*time.Second, 10*time.Minute), Faults: down},
		{Match: Match{}, Faults: FaultMix{{0.0005, ServerError().Named("poison")}}, PerDocument: true},
		{Match: onPrimary, Faults: independent},
		{Match: onSmaller, Faults: independent},
	}
}

// burst limits m to a part of every period.
func burst(m Match, from, length, every time.Duration) Match {
	m.During = During{From: from, Until: from + length, Every: every}
	return m
}
