package tiers

import (
	"slices"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Quality fills the quality of a result from the ledger of its generation and
// the step that ended the job well. Lost is the extractor's to fill.
func Quality(ledger []jobs.Attempt, success Step) jobs.Quality {
	q := jobs.Quality{
		Tier:     success.Tier,
		Degraded: success.Tier > 1 || success.DropFaulty || success.Stale,
		Cached:   success.Cached,
		Review:   "none",
	}
	if success.Stale { // why no model answered, and the caveat
		q.Reasons = append(Reasons(ledger, 3), WhyStale)
		return q
	}
	for _, a := range ledger {
		if a.N == success.N {
			q.ServedModel = a.ServedModel
			q.Repaired = a.Kind == jobs.RepairAttempt
		}
	}
	if q.Degraded {
		q.Reasons = Reasons(ledger, success.Tier)
		if success.DropFaulty && !slices.Contains(q.Reasons, string(ClassUngrounded)) {
			q.Reasons = append(q.Reasons, string(ClassUngrounded))
		}
	}
	return q
}

// Reasons says why a job did not end on the tiers above the given one, most
// important first: for each tier what made the ladder leave it, then what else
// went wrong there. For a job that no tier answered, give 4.
func Reasons(ledger []jobs.Attempt, tier int) []string {
	var out []string
	for above := 1; above < tier; above++ {
		var words []string
		for _, a := range ledger {
			if a.Tier == above {
				words = append(words, reason(a, true))
			}
		}
		slices.Reverse(words) // the last word made the ladder leave
		for _, w := range words {
			if w != "" && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// reason is the word for an attempt that did not answer the job; empty for one
// that counts against nobody. left says that the ladder went on below its
// tier: then a good model answer was lost, else it would have ended the job.
func reason(a jobs.Attempt, left bool) string {
	switch a.Outcome {
	case jobs.AttemptError:
		return string(a.Class)
	case jobs.AttemptSkipped:
		return a.Why
	case jobs.AttemptOpen, jobs.AttemptLost:
		return string(ClassLost)
	case jobs.AttemptOK:
		if left && a.Tier <= 2 {
			return string(ClassLost)
		}
		return ""
	case jobs.AttemptCancelled:
		return ""
	default:
		return ""
	}
}

// Usage sums what the attempts of a ledger used up, abandoned ones included.
func Usage(ledger []jobs.Attempt) jobs.Usage {
	var sum jobs.Usage
	for _, a := range ledger {
		sum = sum.Add(a.Usage)
	}
	return sum
}
