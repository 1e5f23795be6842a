package modelsim

import (
	"net/http"
	"strconv"
	"time"
)

// limitWindow is the time over which requests and tokens are counted.
const limitWindow = time.Minute

// maxTaken bounds how many calls a limiter remembers.
const maxTaken = 1 << 16

// limiter holds what a model let in lately. The server's lock guards it.
type limiter struct {
	taken    []taken // of the last minute, oldest first
	inFlight int
}

type taken struct {
	at     time.Time
	tokens int
}

// refuse returns the reply to a call that is over one of the model's limits;
// a call that is not is counted.
func (l *limiter) refuse(m Model, tokens int, now time.Time) (Reply, bool) {
	if m.MaxInFlight > 0 && l.inFlight >= m.MaxInFlight {
		return RateLimit(0).Named("too_many_at_once"), true
	}
	wait := l.wait(m, tokens, now)
	if wait > 0 {
		return limited(wait, now), true
	}
	l.inFlight++
	if m.limited() && len(l.taken) < maxTaken {
		l.taken = append(l.taken, taken{now, tokens})
	}
	return Reply{}, false
}

func (m Model) limited() bool { return m.RequestsPerMinute > 0 || m.TokensPerMinute > 0 }

// wait is the time until a call of so many tokens fits.
func (l *limiter) wait(m Model, tokens int, now time.Time) time.Duration {
	for len(l.taken) > 0 && now.Sub(l.taken[0].at) >= limitWindow {
		l.taken = l.taken[1:]
	}
	requests, sum := len(l.taken)+1, tokens
	for _, t := range l.taken {
		sum += t.tokens
	}
	if m.allows(requests, sum) {
		return 0
	}
	for _, t := range l.taken {
		requests, sum = requests-1, sum-t.tokens
		if m.allows(requests, sum) {
			return limitWindow - now.Sub(t.at)
		}
	}
	return limitWindow // it will never fit
}

// allows reports whether so much may come in a minute.
func (m Model) allows(requests, tokens int) bool {
	return (m.RequestsPerMinute == 0 || requests <= m.RequestsPerMinute) && (m.TokensPerMinute == 0 || tokens <= m.TokensPerMinute)
}

// limited is a 429 with what both kinds of provider say of a used-up limit.
func limited(wait time.Duration, now time.Time) Reply {
	r := RateLimit(wait).Named("over_limit")
	reset := now.Add(wait)
	for name, value := range map[string]string{
		"X-Ratelimit-Remaining-Requests":         "0",
		"X-Ratelimit-Reset-Requests":             strconv.FormatFloat(wait.Seconds(), 'f', 3, 64) + "s",
		"Anthropic-Ratelimit-Requests-Remaining": "0",
		"Anthropic-Ratelimit-Requests-Reset":     reset.Add(time.Second - 1).UTC().Truncate(time.Second).Format(time.RFC3339),
	} {
		r.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	return r
}
