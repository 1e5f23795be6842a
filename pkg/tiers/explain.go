package tiers

import (
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Explain tells in a few words how a job came to where it stands, from the
// attempts of its current generation; rows of earlier ones are passed over. It
// uses only the words of the ledger and never text from upstream.
func Explain(job jobs.Job, attempts []jobs.Attempt) string {
	var tiers [5][]jobs.Attempt // by tier; 0 and 4 stay empty
	lowest := 0
	for _, a := range attempts {
		if ours := a.Generation == job.Generation || a.Generation == 0; ours && 0 < a.Tier && a.Tier < 4 {
			tiers[a.Tier] = append(tiers[a.Tier], a)
			lowest = max(lowest, a.Tier)
		}
	}
	var sentences []string
	told := false // that the answer is this tier's
	for tier, rows := range tiers {
		sentence, answered := explainTier(tier, rows, tier < lowest)
		if sentence != "" {
			sentences = append(sentences, sentence)
		}
		told = told || answered && job.State == jobs.Succeeded && job.Tier == tier
	}
	if !told {
		sentences = append(sentences, explainEnd(job))
	}
	return strings.Join(sentences, " ")
}

// explainTier is the sentence about one tier, and whether it says that the
// tier answered; empty when nothing happened on it.
func explainTier(tier int, rows []jobs.Attempt, left bool) (sentence string, answered bool) {
	var parts []string
	seen := map[jobs.Class]int{}
	var order []jobs.Class
	skipped, repaired := "", false
	for _, a := range rows {
		switch word := jobs.Class(reason(a, left)); {
		case a.Kind == jobs.SkipAttempt:
			skipped = a.Why
		case word != "":
			if seen[word]++; seen[word] == 1 {
				order = append(order, word)
			}
		case a.Outcome == jobs.AttemptOK:
			answered, repaired = true, a.Kind == jobs.RepairAttempt
		}
	}
	for _, c := range order {
		parts = append(parts, classPhrase(c)+times(seen[c]))
	}
	switch {
	case skipped != "" && len(parts) == 0:
		parts = append(parts, "was skipped ("+whyPhrase(skipped)+")")
	case skipped != "":
		parts = append(parts, "was left ("+whyPhrase(skipped)+")")
	case repaired:
		parts = append(parts, "answered after one repair")
	case answered:
		parts = append(parts, "answered")
	}
	if len(parts) == 0 {
		return "", false
	}
	return fmt.Sprintf("Tier %d %s.", tier, enumerate(parts)), answered
}

// explainEnd is the last sentence.
func explainEnd(job jobs.Job) string {
	switch job.State {
	case jobs.Succeeded:
		switch {
		case job.Tier == 4:
			return "A person completed it."
		case job.Result != nil && job.Result.Quality.Cached && job.Result.Quality.Degraded:
			return "An earlier answer for the same document was used, past its time."
		case job.Result != nil && job.Result.Quality.Cached:
			return "An earlier answer for the same document was used."
		}
		return fmt.Sprintf("The answer is from tier %d.", job.Tier)
	case jobs.InReview:
		return "A person decides (" + whyPhrase(job.Reason) + ")."
	case jobs.Failed, jobs.Expired:
		if job.Failure == nil {
			return "It ended without an answer."
		}
		return "It ended without an answer: " + Describe(job.Failure.Class) + "."
	case jobs.Cancelled:
		return "It was cancelled."
	case jobs.Parked:
		return "It waits (" + whyPhrase(job.Reason) + ")."
	case jobs.Queued, jobs.Running:
		return "It is not finished."
	default:
		return "It is not finished."
	}
}

func times(n int) string {
	switch n {
	case 1:
		return ""
	case 2:
		return " twice"
	default:
		return fmt.Sprintf(" %d times", n)
	}
}

func enumerate(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}

// classPhrase completes "tier n …" or "the job …".
func classPhrase(c jobs.Class) string {
	if phrase, ok := classPhrases[c]; ok {
		return phrase
	}
	return "failed (" + spaced(string(c)) + ")"
}

// whyPhrase stands in brackets.
func whyPhrase(why string) string {
	if phrase, ok := whyPhrases[why]; ok {
		return phrase
	}
	return spaced(why)
}

func spaced(word string) string { return strings.ReplaceAll(word, "_", " ") }

// classPhrases is read only.
var classPhrases = map[jobs.Class]string{
	ClassNetPresend:      "could not be reached",
	ClassNetConfig:       "could not be reached (address or certificate)",
	ClassNetStale:        "lost a pooled connection",
	ClassNetAmbiguous:    "gave no answer in time",
	ClassNetCut:          "broke off its answer",
	ClassDeadline:        "ran out of time",
	ClassLost:            "lost a worker during a try",
	ClassTooLong:         "could not take so long a document",
	ClassTooBig:          "could not take so large a request",
	ClassTooBigTPM:       "could not take so large a request within its rate limit",
	ClassBadRequest:      "refused the request",
	ClassPolicy:          "stopped at a content policy",
	ClassRefusal:         "declined to answer",
	ClassAuth:            "refused the credential",
	ClassBilling:         "refused for billing",
	ClassQuota:           "had no quota left",
	ClassNoModel:         "did not know the model",
	ClassRate:            "was rate-limited",
	ClassRamp:            "asked to slow down",
	ClassOverload:        "was overloaded",
	ClassSrv:             "had a server error",
	ClassGwAmbiguous:     "gave no answer through its gateway",
	ClassNotAPI:          "answered with a page instead of data",
	ClassEmpty:           "gave an empty answer",
	ClassTruncated:       "ran out of output tokens",
	ClassBadJSON:         "gave invalid JSON",
	ClassBadSchema:       "gave an answer that did not fit the schema",
	ClassUngrounded:      "gave values that are not in the document",
	ClassSwapped:         "answered with another model",
	ClassIncomplete:      "could not prove every required field",
	ClassMaxTier:         "allows no lower tier",
	ClassEncrypted:       "has an encrypted document",
	ClassCorrupt:         "has a document that cannot be read",
	ClassTooLarge:        "has a document that is too large",
	ClassTooManyPages:    "has a document with too many pages",
	ClassDocumentTimeout: "has a document that takes too long to read",
	ClassUnsupportedType: "has a document of a type that is not supported",
	ClassEmptyDocument:   "has a document without text",
	ClassNeedsOCR:        "has a document that is only pictures",

	jobs.ClassCrashedWorkers: "lost too many workers",
	jobs.ClassRejected:       "was rejected by a person",
}

// whyPhrases is read only.
var whyPhrases = map[string]string{
	WhyGated:        "its provider asked for a pause",
	WhyBreakerOpen:  "it failed too often lately",
	WhyDeadline:     "too little time left",
	WhyWaitTooLong:  "the wait it asked for does not fit the deadline",
	WhyRetryBudget:  "retries were withheld, the retry budget is used up",
	WhyCost:         "the job's money is spent",
	WhyMaxTier:      "the job forbids it",
	WhyFullRequired: "the job takes no degraded answer",
	WhyHighRisk:     "high-risk jobs do not complete there",
	WhyWindow:       "the document is too long for the model",
	WhyResidency:    "the job's data must stay elsewhere",
	WhyBusy:         "our own limits left no room",
	WhyUnproven:     "it was down and had not been seen to work again",
	WhyTenantCost:   "the tenant's money for today is spent",
	WhyProbe:        "it was asked whether it works again",
	WhyStale:        "an earlier answer past its time",
	ReviewNeedsOCR:  "the document is only pictures",

	string(ClassRate):      "its provider asked for a pause",
	string(ClassRamp):      "its provider asked for a pause",
	string(ClassOverload):  "its provider asked for a pause",
	string(ClassAuth):      "its credential is refused",
	string(ClassBilling):   "its account is not paid",
	string(ClassQuota):     "its quota is used up",
	string(ClassNoModel):   "its model is not known",
	string(ClassNetConfig): "its address or certificate is wrong",
}
