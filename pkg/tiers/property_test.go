package tiers_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// words are the answers that a random provider gives. Each class that the
// ladder treats in its own way stands for its like.
var words = []string{
	"ok", "ok", "ok", "500", "503", "503 ra=1", "503 ra=40", "429 ra=2", "429 ra=0.3", "429 ra=700", "429",
	"429 code=insufficient_quota", "401", "404", "400", "413", "400 code=context_length_exceeded", "529",
	"502", "408", "409", "501 should_retry=true", "503 should_retry=false", "timeout", "refused", "reset",
	"stale", "cut", "deadline", "shutdown", "empty", "page", "length", "tool_calls", "refusal", "content_filter",
	"bad_json", "bad_json cost=400", "bad_schema", "ungrounded", "ungrounded_optional", "500 took=50s", "ok took=90s",
}

// drawWorld draws a job, its routes and their state, and providers that answer
// at random.
func drawWorld(t *rapid.T) *world {
	w := newWorld()
	w.job.Lane = rapid.SampledFrom(lanes()).Draw(t, "lane")
	w.job.Spec = jobs.Spec{
		RequireFull:     rapid.Bool().Draw(t, "require_full"),
		Risk:            rapid.SampledFrom([]jobs.Risk{"", jobs.RiskStandard, jobs.RiskHigh}).Draw(t, "risk"),
		MaxTier:         rapid.IntRange(0, 4).Draw(t, "max_tier"),
		MaxCostMicroUSD: rapid.SampledFrom([]int64{0, 0, 500, 1000}).Draw(t, "max_cost"),
	}
	full := w.policy.Deadlines[w.job.Lane]
	w.job.DeadlineAt = epoch().Add(rapid.SampledFrom([]time.Duration{full, full, full / 2, 30 * time.Second, 5 * time.Second}).Draw(t, "deadline"))
	w.now = epoch().Add(time.Duration(rapid.Int64Range(0, int64(w.job.DeadlineAt.Sub(epoch())+40*time.Second)).Draw(t, "wait")))
	w.rules = rapid.Bool().Draw(t, "rules")
	w.document.Tokens = rapid.SampledFrom([]int{0, 3000, 9000}).Draw(t, "tokens")
	w.policy.StrictModel = rapid.Bool().Draw(t, "strict")
	w.policy.HighRiskSmaller = rapid.SampledFrom([]tiers.Validation{"", "", tiers.ValidateAgreed}).Draw(t, "high risk smaller")
	w.policy.HighRiskRules = rapid.SampledFrom([]tiers.Validation{"", "", tiers.ValidateProven}).Draw(t, "high risk rules")
	w.policy.SimpleBelow = rapid.SampledFrom([]int{0, 4000}).Draw(t, "simple below")
	w.validated = rapid.Bool().Draw(t, "validated")
	w.noMoney = rapid.IntRange(0, 9).Draw(t, "no money") == 0
	w.cached = rapid.SampledFrom([]tiers.Cached{{}, {}, {}, {Stale: true}, {Fresh: true}}).Draw(t, "cached")
	w.routes = nil
	for i, r := range []tiers.Route{
		{Tier: 1, Provider: "a", Model: "large"}, {Tier: 1, Provider: "b", Model: "large"},
		{Tier: 2, Provider: "a", Model: "small"}, {Tier: 2, Provider: "c", Model: "small"},
	} {
		if !rapid.Bool().Draw(t, "configured") {
			continue
		}
		r.Window = rapid.SampledFrom([]int{0, 4000, 8000, 16000}).Draw(t, "window")
		if rapid.IntRange(0, 9).Draw(t, "refused") == 0 {
			r.Refused = "residency"
		}
		r.Estimate.CostMicroUSD = rapid.SampledFrom([]int64{0, 0, 200, 600}).Draw(t, "estimate")
		r.BusyUntil = w.now.Add(time.Duration(rapid.SampledFrom([]int{-1, -1, -1, 1, 20}).Draw(t, "busy")) * time.Second)
		if rapid.Bool().Draw(t, "down") {
			r.DownSince = w.now.Add(-time.Hour)
		}
		r.Unproven = rapid.IntRange(0, 3).Draw(t, "unproven") == 0
		if rapid.IntRange(0, 3).Draw(t, "recovered") == 0 {
			r.RecoveredAt = w.now.Add(time.Minute)
		}
		gate := tiers.Gate{
			Name:   rapid.SampledFrom([]string{r.Provider, r.Name()}).Draw(t, "gate name"),
			Until:  w.now.Add(time.Duration(rapid.SampledFrom([]int{-1, -1, 1, 5, 60, 900, 3600}).Draw(t, "gate")) * time.Second),
			Reason: rapid.SampledFrom([]jobs.Class{tiers.ClassRate, tiers.ClassOverload, tiers.ClassAuth}).Draw(t, "reason"),
		}
		w.gates.Close(gate, w.now)
		if i == 0 && rapid.Bool().Draw(t, "breaker") {
			r.BreakerUntil = w.now.Add(20 * time.Second)
		}
		w.routes = append(w.routes, r)
	}
	if rapid.Bool().Draw(t, "budget") {
		w.fillBudget()
	}
	w.jitter = func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "jitter") }
	w.reply = func(string, bool) string { return rapid.SampledFrom(words).Draw(t, "answer") }
	return w
}

// drawCrashes lets the process die at up to n of the points it passes.
func (w *world) drawCrashes(t *rapid.T, n int) {
	w.crash = func(point string) bool {
		return w.crashes < n && rapid.IntRange(0, 7).Draw(t, "dies "+point) == 0
	}
}

// TestEveryJobEndsWithinItsBounds runs random jobs against random providers,
// with and without crashes, and checks what holds for each of them.
func TestEveryJobEndsWithinItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.drawCrashes(t, rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "crashes"))
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		for _, broken := range broken(w) {
			t.Errorf("%s", broken)
		}
		if t.Failed() {
			t.Logf("job %+v\n%s", w.job, w.log.String())
		}
	})
}

// broken lists the invariants that a finished story breaks.
func broken(w *world) (list []string) {
	check := func(ok bool, what string) {
		if !ok {
			list = append(list, what)
		}
	}
	calls, repairs := map[int]int{}, map[int]int{}
	last := map[string]call{}
	tier := 1
	for _, c := range w.calls {
		stopped := w.ledger[c.row-1].Outcome == jobs.AttemptCancelled
		switch {
		case stopped: // by ourselves: it counts against nobody
		case c.repair:
			repairs[c.tier]++
		default:
			calls[c.tier]++
		}
		check(c.at.Before(w.job.DeadlineAt), "a call started at or after the deadline")
		check(c.timeout > 0 && !c.at.Add(c.timeout).After(w.job.DeadlineAt), "a call may outlast the deadline")
		check(c.tier >= tier, "the ladder went back up")
		tier = c.tier
		before, called := last[c.route]
		closed := called && w.ledger[before.row-1].Outcome == jobs.AttemptError
		if closed {
			ended := w.ledger[before.row-1].EndedAt
			check(!c.at.Before(ended.Add(before.hint)), "a call came earlier than the server asked")
		}
		check(before.class != tiers.ClassRefusal && before.class != tiers.ClassPolicy || w.ledger[before.row-1].Outcome == jobs.AttemptLost,
			"another call followed a refusal")
		last[c.route] = c
	}
	check(calls[1] <= 4 && calls[2] <= 2, "too many calls")
	check(repairs[1] <= 1 && repairs[2] <= 1, "too many repairs")
	high := w.job.Spec.Risk == jobs.RiskHigh
	check(calls[2] == 0 || !w.job.Spec.RequireFull && (!high || w.policy.HighRiskSmaller != ""), "a call on tier 2 that could not complete the job")
	check(len(w.calls) == 0 || !w.noMoney, "a call for a tenant without money")
	for i, a := range w.ledger {
		check(a.N == i+1, "the numbering has a gap")
		check(!a.Open(), "an attempt stayed open")
		check(w.job.Spec.MaxTier == 0 || a.Kind == jobs.SkipAttempt || a.Tier <= w.job.Spec.MaxTier, "a tier beyond max_tier was tried")
	}
	check(spentBeforeLastCall(w), "a paid call after the money was spent")

	end := *w.end
	switch end.Kind {
	case tiers.StepSucceed:
		degraded := tiers.Quality(w.ledger, end).Degraded
		check(!degraded || !w.job.Spec.RequireFull, "a degraded answer where none was accepted")
		rule := map[int]tiers.Validation{2: w.policy.HighRiskSmaller, 3: w.policy.HighRiskRules}[end.Tier]
		check(!high || end.Tier == 1 || rule != "" && w.validated, "a high-risk job completed on a lower tier without its validation")
		check(!high || !end.Cached, "a high-risk job took an answer from the cache")
		check(!end.Cached || end.Stale == degraded, "a stale answer passes for a full one, or a fresh one does not")
		check(!degraded || len(tiers.Quality(w.ledger, end).Reasons) > 0, "a degraded answer without a reason")
	case tiers.StepFail:
		limit := w.job.Spec.MaxTier
		check(end.Class == tiers.ClassMaxTier && limit > 0 && limit < 4, "a provider's fault failed the job")
	case tiers.StepReview:
		check(end.Why != "", "a review without a reason")
	default:
		check(false, "ended by "+end.String())
	}
	return list
}

func spentBeforeLastCall(w *world) bool {
	limit := w.job.Spec.MaxCostMicroUSD
	if limit == 0 {
		return true
	}
	estimates := map[string]int64{}
	for _, r := range w.routes {
		estimates[r.Name()] = r.Estimate.CostMicroUSD
	}
	var sum int64
	for _, a := range w.ledger {
		paid := a.Kind == jobs.CallAttempt || a.Kind == jobs.RepairAttempt
		if paid && (sum >= limit || sum+estimates[a.Provider+"/"+a.Model] > limit) {
			return false
		}
		sum += a.Usage.CostMicroUSD
	}
	return true
}

// TestNextIsAPureFunction asks twice about every input on the way of random
// jobs, and once about a copy that went through JSON as a ledger does.
func TestNextIsAPureFunction(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for range 500 {
			if w.end != nil {
				return
			}
			in := w.input()
			before := slices.Clone(in.Ledger)
			step := tiers.Next(in)
			if diff := cmp.Diff(step, tiers.Next(in)); diff != "" {
				t.Fatalf("asked twice:\n%s", diff)
			}
			if diff := cmp.Diff(before, in.Ledger); diff != "" {
				t.Fatalf("the ledger was changed:\n%s", diff)
			}
			stored := in
			stored.Ledger = nil
			text, err := json.Marshal(in.Ledger)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &stored.Ledger); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step, tiers.Next(stored)); diff != "" {
				t.Fatalf("after the ledger was stored and read:\n%s", diff)
			}
			w.step(step)
		}
	})
}

// TestACrashCostsAtMostOneCall lets the process die once at every point that a
// job passes, against providers that always answer alike, and compares with
// the story without a crash.
func TestACrashCostsAtMostOneCall(t *testing.T) {
	t.Parallel()
	stable := []string{"ok", "500", "503 ra=1", "429 ra=2", "401", "timeout", "cut", "bad_json", "ungrounded", "ungrounded_optional", "length", "refusal"}
	for _, large := range stable {
		for _, small := range stable {
			tell := func(dieAt int) (*world, int) {
				w := newWorld()
				w.job.DeadlineAt = epoch().Add(time.Hour)
				w.fillBudget()
				w.reply = func(route string, _ bool) string {
					if route == "acme/large" {
						return large
					}
					return small
				}
				points := 0
				w.crash = func(string) bool {
					points++
					return points == dieAt
				}
				if err := w.run(); err != nil {
					t.Fatal(err)
				}
				return w, points
			}
			calm, points := tell(0)
			for at := 1; at <= points; at++ {
				w, _ := tell(at)
				if w.crashes != 1 {
					t.Fatalf("%s, %s: no crash at point %d of %d", large, small, at, points)
				}
				if extra := len(w.calls) - len(calm.calls); extra > 1 {
					t.Errorf("%s, %s: a crash at point %d cost %d calls\n%s", large, small, at, extra, w.log.String())
				}
				for _, b := range broken(w) {
					t.Errorf("%s, %s, crash at point %d: %s\n%s", large, small, at, b, w.log.String())
				}
			}
		}
	}
}

// TestAProvenPolicyReachesTierTwoInFull lets tier 1 use up every second it is
// given: the call on tier 2 still gets its whole timeout.
func TestAProvenPolicyReachesTierTwoInFull(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		second := func(name string, most int) time.Duration {
			return time.Duration(rapid.IntRange(1, most).Draw(t, name)) * time.Second
		}
		var p tiers.Policy
		for _, lane := range jobs.Lanes() {
			p.Primary.Timeout[lane] = second("primary", 60)
			p.Smaller.Timeout[lane] = second("smaller", 30)
		}
		p.Primary.Retries = rapid.IntRange(-1, 5).Draw(t, "retries")
		for _, lane := range jobs.Lanes() {
			p.Deadlines[lane] = p.ProofOf(lane, 0).Needs() + second("spare", 60) - time.Second
		}
		if err := p.Prove(); err != nil {
			t.Fatal(err)
		}
		w := newWorld()
		w.policy = p
		w.job.Lane = rapid.SampledFrom(lanes()).Draw(t, "lane")
		w.job.DeadlineAt = epoch().Add(p.Deadlines[w.job.Lane])
		w.fillBudget()
		w.jitter = func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "jitter") }
		w.reply = func(route string, _ bool) string {
			if route == "acme/large" {
				return rapid.SampledFrom([]string{"timeout", "500 took=60s"}).Draw(t, "answer")
			}
			return "ok"
		}
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		last := w.calls[len(w.calls)-1]
		want := p.Smaller.Timeout[w.job.Lane]
		if w.end.Tier != 2 || last.timeout != want {
			t.Fatalf("ended on tier %d, last timeout %v, want tier 2 with %v\n%s\n%s",
				w.end.Tier, last.timeout, want, p.ProofOf(w.job.Lane, 0), w.log.String())
		}
	})
}

func lanes() []jobs.Lane {
	all := jobs.Lanes()
	return all[:]
}
