package tiers

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Row is the ledger row of a step: open for a call, a repair and the rules,
// complete for a skip. The executor makes it durable before it carries the
// step out. Other kinds of steps have no row.
func (s Step) Row(in Input) (row jobs.Attempt, ok bool) {
	kind := s.attemptKind()
	if kind == "" {
		return jobs.Attempt{}, false
	}
	now := jobs.Stamp(in.Now)
	row = jobs.Attempt{
		Generation: in.Job.Generation, N: nextN(in.Ledger), Tier: s.Tier, Kind: kind,
		Provider: s.Provider, Model: s.Model, StartedAt: now,
		DeadlineLeftMS: max(in.Job.DeadlineAt.Sub(now).Milliseconds(), 0),
	}
	if kind == jobs.CallAttempt || kind == jobs.RepairAttempt {
		row.Usage = s.Reserve
	}
	if s.Kind == StepSkip {
		row.EndedAt, row.Outcome, row.Why, row.Billed = now, jobs.AttemptSkipped, s.Why, jobs.BilledNo
	}
	return row, true
}

func (s Step) attemptKind() jobs.AttemptKind {
	switch s.Kind {
	case StepCall:
		return jobs.CallAttempt
	case StepRepair:
		return jobs.RepairAttempt
	case StepRules:
		return jobs.RulesAttempt
	case StepSkip:
		return jobs.SkipAttempt
	case StepAsk, StepWait, StepPark, StepSucceed, StepReview, StepFail:
		return ""
	default:
		return ""
	}
}

func nextN(ledger []jobs.Attempt) int {
	n := 0
	for _, a := range ledger {
		n = max(n, a.N)
	}
	return n + 1
}

// Close closes the open row of a call or a repair by what came of it. ledger
// holds the rows before it, and may hold the row itself. jitter is drawn from [0, 1); the row then says how
// long the job waits before its next try, so that a crash does not draw again.
func (p Policy) Close(ledger []jobs.Attempt, row jobs.Attempt, s Signal, v Verdict, now time.Time, jitter float64) jobs.Attempt {
	p, jitter = p.WithDefaults(), min(max(jitter, 0), 1)
	v = p.settled(ledger, row, v)
	row.EndedAt = jobs.Stamp(now)
	probe := row.Why == WhyProbe && v.Why == "" && !v.OK()
	row.Outcome, row.Class, row.Why = jobs.AttemptError, v.Class, v.Why
	if probe {
		row.Why = WhyProbe
	}
	row.Status, row.ServedModel, row.Usage, row.Billed = s.Status, s.ServedModel, used(row.Usage, s, v), v.Billed
	switch {
	case v.OK():
		row.Outcome = jobs.AttemptOK
		if len(v.Flags) > 0 {
			row.Why = string(v.Flags[len(v.Flags)-1])
		}
	case v.Action == ActStop:
		row.Outcome = jobs.AttemptCancelled
	}
	if wait := p.wait(ledger, row, v, jitter); wait > 0 {
		// Counted from the stamped end and rounded up, so that the next try is
		// never early.
		row.BackoffMS = (now.Add(wait).Sub(row.EndedAt) + time.Millisecond - 1).Milliseconds()
	}
	return row
}

// used is what a closed call counts for: what the provider reported, else the
// estimate for an answer that came, nothing for a call that was not billed, and
// all that was reserved for one that may have been billed and does not say. An
// estimate of a call without an answer knows nothing of what the model wrote.
func used(reserved jobs.Usage, s Signal, v Verdict) jobs.Usage {
	switch {
	case s.Usage != jobs.Usage{} && (s.UsageKnown || s.Content != ""):
		return s.Usage
	case v.Billed == jobs.BilledNo:
		return jobs.Usage{}
	default:
		return reserved
	}
}

// settled adjusts a verdict by what only the ladder knows: a second stale
// connection in a tier is not worth another free try, and a swapped model may
// be unwelcome.
func (p Policy) settled(ledger []jobs.Attempt, row jobs.Attempt, v Verdict) Verdict {
	if v.Class == ClassNetStale {
		for _, a := range ledger {
			if a.N < row.N && a.Tier == row.Tier && a.Class == ClassNetStale {
				return verdictOf(ClassNetAmbiguous)
			}
		}
	}
	if v.OK() && p.StrictModel && slices.Contains(v.Flags, ClassSwapped) {
		return verdictOf(ClassSwapped)
	}
	return v
}

// wait is the wait after a failed attempt: full jitter, or what the server
// asked for and up to a fifth more, whichever is longer.
func (p Policy) wait(ledger []jobs.Attempt, row jobs.Attempt, v Verdict, jitter float64) time.Duration {
	hint := v.Wait + time.Duration(float64(v.Wait)*jitter/5)
	switch v.Action {
	case ActBackoff, ActAfter:
		retry := 1
		for _, a := range ledger {
			if a.N < row.N && a.Tier == row.Tier && a.Kind == jobs.CallAttempt {
				retry++
			}
		}
		return max(hint, time.Duration(float64(p.maxBackoff(retry))*jitter))
	case ActHalt:
		return hint
	default:
		return 0
	}
}

// CloseRules closes the open row of the rule parser. complete says that every
// required field was proven.
func CloseRules(row jobs.Attempt, complete bool, now time.Time) jobs.Attempt {
	row.EndedAt, row.Billed = jobs.Stamp(now), jobs.BilledNo
	row.Outcome = jobs.AttemptOK
	if !complete {
		row.Outcome, row.Class = jobs.AttemptError, ClassIncomplete
	}
	return row
}
