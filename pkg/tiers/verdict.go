package tiers

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Verdict is what [Classifier.Classify] makes of a call. It holds words of a
// fixed vocabulary and numbers, never text from upstream, and may be logged.
type Verdict struct {
	// Class is empty when the answer stands.
	Class  jobs.Class
	Action Action
	// RetryMax is how many more tries the same route gets in one tier.
	RetryMax int
	Scope    Scope
	// Effect is what the breaker of the route learns.
	Effect Effect
	// Cost is what a further try takes from the retry budget.
	Cost   int
	Billed jobs.Billed
	// Wait is the shortest time that the server asked for, or the default of
	// an overload that lasts minutes; 0 when none. At most [MaxHint].
	Wait time.Duration
	// GateFor is how long the gate of Scope closes from now; 0 closes none.
	GateFor time.Duration
	// Why is [WhyNoRetry] or [WhyRetryAllowed] when the server itself said
	// whether to retry, else empty.
	Why string
	// Flags are the classes of an answer that stands with a remark:
	// [ClassNoUsage], [ClassSwapped].
	Flags []jobs.Class
}

// OK reports whether the answer stands so far.
func (v Verdict) OK() bool { return v.Class == "" }

// verdictOf starts a verdict from the row of a class.
func verdictOf(c jobs.Class) Verdict {
	r := RuleOf(c)
	return Verdict{
		Class: c, Action: r.Action, RetryMax: r.RetryMax, Scope: r.Scope, Effect: r.Effect,
		Cost: r.Cost, Billed: r.Billed, GateFor: r.GateFor,
	}
}

// DocumentVerdict is the verdict on a document that could not be read, by the
// reason that the document reader gave, such as "encrypted" or "timeout". A
// reason that is not known counts as [ClassCorrupt].
func DocumentVerdict(reason string) Verdict {
	c := jobs.Class(reason)
	switch c {
	case "timeout":
		c = ClassDocumentTimeout
	case "empty":
		c = ClassEmptyDocument
	case ClassEncrypted, ClassCorrupt, ClassTooLarge, ClassTooManyPages, ClassDocumentTimeout,
		ClassUnsupportedType, ClassNeedsOCR, ClassEmptyDocument:
	default:
		c = ClassCorrupt
	}
	return verdictOf(c)
}
