package scenarios_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// catalogue are the replies that the property draws from.
func catalogue() []modelsim.Reply {
	return []modelsim.Reply{
		modelsim.Good(), modelsim.Slow(3 * time.Minute), modelsim.RateLimit(2 * time.Second), modelsim.RateLimit(20 * time.Minute),
		modelsim.RateLimitHeader("Retry-After", "-7"), modelsim.RateLimitHeader("Retry-After", "1e12"),
		modelsim.Quota("insufficient_quota"), modelsim.SpendLimit(), modelsim.Billing(), modelsim.BadKey(), modelsim.NoModel(),
		modelsim.TooLargeForRate(), modelsim.SlowDown(), modelsim.Overloaded(), modelsim.Overloaded529(), modelsim.ServerError(),
		modelsim.BadGateway(), modelsim.GatewayTimeout(), modelsim.TooLong(), modelsim.TooLongSGLang(), modelsim.TooBig(),
		modelsim.BadRequest(), modelsim.ContentPolicy(), modelsim.Hang(), modelsim.Stall(), modelsim.Drip(time.Second),
		modelsim.Cut(), modelsim.Reset(), modelsim.End(), modelsim.HTMLPage(), modelsim.EmptyBody(), modelsim.ErrorIn200(),
		modelsim.NoChoices(), modelsim.NullContent(), modelsim.BadJSON(), modelsim.WrongSchema(), modelsim.Ungrounded(),
		modelsim.Wrong(map[string]any{"due_date": "2031-01-02"}), modelsim.Wrong(map[string]any{"total": 0}),
		modelsim.Fenced(), modelsim.Prose(), modelsim.Refusal(), modelsim.ProseRefusal(), modelsim.Filtered(), modelsim.Truncated(),
		modelsim.OddStop("null"), modelsim.NoUsage(), modelsim.AbsurdUsage(), modelsim.Swapped("mini"),
		modelsim.Spoiled(modelsim.SpoilNaN), modelsim.Spoiled(modelsim.SpoilDuplicateKeys), modelsim.Spoiled(modelsim.SpoilDeep),
	}
}

// TestNoScriptOfFaultsMakesTooManyCallsOrLeavesAJobOpen holds for whatever the
// provider answers: on each tier no more calls than its tries, its one repair
// and the one free try after a stale connection; no call after the deadline;
// one end; and no accepted answer that is wrong.
func TestNoScriptOfFaultsMakesTooManyCallsOrLeavesAJobOpen(t *testing.T) {
	all := catalogue()
	rapid.Check(t, func(rt *rapid.T) {
		reply := rapid.Custom(func(rt *rapid.T) modelsim.Reply { return all[rapid.IntRange(0, len(all)-1).Draw(rt, "reply")] })
		var rules []modelsim.Rule
		for _, model := range []string{large, small} {
			for n := range 8 {
				m := modelsim.Match{Model: model, From: n + 1}
				if n < 7 {
					m.To = n + 1
				}
				rules = append(rules, modelsim.Always(m, reply.Draw(rt, fmt.Sprint(model, n+1))))
			}
		}
		j := job{text: hard(1), lane: jobs.Lane(rapid.IntRange(int(jobs.Critical), int(jobs.Batch)).Draw(rt, "lane"))}
		if rapid.Bool().Draw(rt, "simple") {
			j.text = simple(1)
		}
		var problem string
		bubble(t, setup{rules: rules}, func(_ *testing.T, s *stack) { problem = s.breach(s.submitAs("job", j), j.text) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// breach says what a settled job broke; empty for nothing.
func (s *stack) breach(id jobs.ID, text string) string {
	j, rows := s.settled(id)
	for model, most := range map[string]int{large: 4 + 1 + 1, small: 2 + 1 + 1} {
		calls := s.sent(model)
		if len(calls) > most {
			return fmt.Sprintf("%d calls of %s: %+v", len(calls), model, rows)
		}
		for _, c := range calls {
			if c.At.After(j.DeadlineAt) {
				return fmt.Sprintf("a call %v after the deadline", c.At.Sub(j.DeadlineAt))
			}
		}
	}
	if j.State != jobs.Succeeded && j.State != jobs.InReview {
		return fmt.Sprintf("the job is %s: %+v", j.State, rows)
	}
	if j.Result != nil {
		c := &tally{}
		if c.count(1, text, j.Result.Data, j.Tier); c.wrong > 0 {
			return fmt.Sprintf("accepted on tier %d: %s", j.Tier, j.Result.Data)
		}
	}
	events, err := s.engine.History(s.t.Context(), "acme", id, 0)
	if err != nil {
		return err.Error()
	}
	ends := 0
	for _, e := range events {
		if e.State.Terminal() || e.State == jobs.InReview {
			ends++
		}
	}
	if ends != 1 {
		return fmt.Sprintf("%d ends: %+v", ends, events)
	}
	return ""
}
