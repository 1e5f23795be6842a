package tiers

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxHint is the longest wait that a server can ask for; a longer one is cut
// to it.
const MaxHint = time.Hour

// waitHint finds how long the server wants us to stay away: the first of the
// retry headers, the reset times of used-up limits, the fields and the message
// of the error. It answers 0 without one. What is not a positive time is
// ignored: a hint can only make a wait longer.
func waitHint(h http.Header, e errorBody, now time.Time) time.Duration {
	inner := errorBody{}
	if e.Inner != nil {
		inner = *e.Inner
	}
	for _, find := range []func() time.Duration{
		func() time.Duration { return millis(h.Get("retry-after-ms")) },
		func() time.Duration { return millis(h.Get("x-ms-retry-after-ms")) },
		func() time.Duration { return retryAfter(h.Get("retry-after"), now) },
		func() time.Duration { return resetHeaders(h, now) },
		func() time.Duration { return inner.Wait },
		func() time.Duration { return e.Wait },
		func() time.Duration { return hintInText(inner.Message, now) },
		func() time.Duration { return hintInText(e.Message, now) },
	} {
		if d := find(); d > 0 {
			return min(d, MaxHint)
		}
	}
	return 0
}

func millis(s string) time.Duration { return scale(s, time.Millisecond) }

// retryAfter reads seconds, with or without a fraction, or an HTTP date, and
// what servers send against the standard: "30s" and RFC 3339 times.
func retryAfter(s string, now time.Time) time.Duration {
	if at, err := http.ParseTime(strings.TrimSpace(s)); err == nil {
		return at.Sub(now)
	}
	return resetTime(s, now)
}

// scale reads a number of units; 0 when s is no positive number. Numbers too
// large for a duration give MaxHint.
func scale(s string, unit time.Duration) time.Duration {
	s = strings.TrimSpace(s)
	if strings.Trim(s, "0123456789.eE+") != "" {
		return 0 // negative, "inf", "0x1p4", words
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(n, 1) || n <= 0 {
		return 0
	}
	if n >= float64(MaxHint)/float64(unit) {
		return MaxHint
	}
	return time.Duration(math.Ceil(n * float64(unit)))
}

// resetHeaders reads the reset times of the limits that are used up and
// answers the latest: ratelimit-reset, x-ratelimit-reset-tokens,
// anthropic-ratelimit-tokens-reset and their like. A limit of which something
// remains does not count.
func resetHeaders(h http.Header, now time.Time) time.Duration {
	var latest time.Duration
	if usedUp(h.Get("ratelimit-remaining")) {
		latest = resetTime(h.Get("ratelimit-reset"), now)
	}
	for _, kind := range []string{"", "-requests", "-tokens", "-input-tokens", "-output-tokens", "-project-requests", "-project-tokens"} {
		if usedUp(h.Get("x-ratelimit-remaining" + kind)) {
			latest = max(latest, resetTime(h.Get("x-ratelimit-reset"+kind), now))
		}
		if usedUp(h.Get("anthropic-ratelimit" + kind + "-remaining")) {
			latest = max(latest, resetTime(h.Get("anthropic-ratelimit"+kind+"-reset"), now))
		}
	}
	return latest
}

func usedUp(remaining string) bool {
	n, err := strconv.ParseFloat(strings.TrimSpace(remaining), 64)
	return err != nil || n <= 0
}

// resetTime reads "6m0s", "12.5" (seconds), a Unix time in seconds or
// milliseconds, with or without a fraction, or an RFC 3339 time.
func resetTime(s string, now time.Time) time.Duration {
	s = strings.TrimSpace(s)
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.Sub(now)
	}
	if at, ok := unixTime(s); ok {
		return at.Sub(now)
	}
	if d := scale(s, time.Second); d > 0 {
		return d
	}
	d, _ := spokenDuration(s)
	return d
}

// unixTime reads a number that is too large for a wait, so that it must be a
// Unix time. A fraction counts as a whole unit.
func unixTime(s string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n <= 1e9 || strings.Trim(fraction, "0123456789") != "" {
		return time.Time{}, false
	}
	if fraction != "" && n < math.MaxInt64 {
		n++
	}
	if n > 1e12 {
		return time.UnixMilli(n), true
	}
	return time.Unix(n, 0), true
}

// hintInText finds "try again in 2m13s" and its like, and times of day such as
// "regain access on 2026-12-01 at 00:00 UTC".
func hintInText(message string, now time.Time) time.Duration {
	message = strings.ToLower(message)
	for _, phrase := range []string{
		"try again in ", "try again after ", "retry in ", "retry after ", "retry your request after ",
		"reset after ", "resets after ", "resets in ", "reset in ", "available in ", "please wait ", "wait for ",
		"regain access on ", "try again at ", "resets at ", "reset at ",
	} {
		_, rest, found := strings.Cut(message, phrase)
		if !found {
			continue
		}
		if d, ok := spokenDuration(rest); ok {
			return d
		}
		if at, ok := spokenMoment(rest); ok {
			return at.Sub(now)
		}
	}
	return 0
}

// spokenMoment reads a moment at the start of s, in lower case.
func spokenMoment(s string) (time.Time, bool) {
	s = strings.ToUpper(s[:min(len(s), len("2006-01-02T15:04:05.999999+00:00"))])
	for _, layout := range []string{"2006-01-02 AT 15:04 UTC", "2006-01-02 15:04:05 UTC", "2006-01-02 15:04 UTC", time.RFC3339, time.DateOnly} {
		// Whatever follows the moment is not part of it: try every end at
		// which the layout could stop.
		for end := len(s); end >= len(time.DateOnly); end-- {
			if at, err := time.Parse(layout, s[:end]); err == nil {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

// spokenDuration reads a duration at the start of s: "2m13s", "7.66s",
// "26 seconds", "1h 2m", "1 minute and 5 seconds". It stops at the first thing that is not part of it,
// and answers at most MaxHint.
func spokenDuration(s string) (time.Duration, bool) {
	var sum time.Duration
	found := false
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789."))
		rest := strings.TrimSpace(s[digits:])
		letters := len(rest) - len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz"))
		unit := spokenUnit(rest[:letters])
		if digits == 0 || unit == 0 {
			break
		}
		sum = min(sum+scale(s[:digits], unit), MaxHint)
		found, s = true, strings.TrimPrefix(rest[letters:], ",")
		s = strings.TrimPrefix(strings.TrimSpace(s), "and ")
	}
	return sum, found && sum > 0
}

func spokenUnit(s string) time.Duration {
	switch s {
	case "ms", "milliseconds", "millisecond":
		return time.Millisecond
	case "s", "sec", "secs", "second", "seconds":
		return time.Second
	case "m", "min", "mins", "minute", "minutes":
		return time.Minute
	case "h", "hr", "hrs", "hour", "hours":
		return time.Hour
	case "d", "day", "days":
		return 24 * time.Hour
	default:
		return 0
	}
}
