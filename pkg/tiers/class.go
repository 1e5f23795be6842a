package tiers

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// The classes of a model call that failed on its way.
const (
	ClassNetPresend   jobs.Class = "net_presend"   // the provider saw no whole request
	ClassNetConfig    jobs.Class = "net_config"    // the address, scheme or certificate is wrong
	ClassNetStale     jobs.Class = "net_stale"     // a pooled connection was dead
	ClassNetAmbiguous jobs.Class = "net_ambiguous" // the request went out and nothing came back
	ClassNetCut       jobs.Class = "net_cut"       // the answer broke off
	ClassCancelled    jobs.Class = "cancelled"     // we stopped it
	ClassDeadline     jobs.Class = jobs.ClassDeadline
	// ClassLost stands for a try whose answer no longer exists, because the
	// process that held it died.
	ClassLost jobs.Class = "lost"
)

// The classes of an answer that the provider gave instead of content.
const (
	ClassTooLong        jobs.Class = "too_long"    // the document does not fit the model's window
	ClassTooBig         jobs.Class = "too_big"     // the request has too many bytes
	ClassTooBigTPM      jobs.Class = "too_big_tpm" // one request above the rate limit by itself
	ClassBadRequest     jobs.Class = "bad_request" // our mistake, or a parameter the route does not know
	ClassPolicy         jobs.Class = "policy"      // a content filter
	ClassRefusal        jobs.Class = "refusal"     // the model declined
	ClassAuth           jobs.Class = "auth"
	ClassBilling        jobs.Class = "billing"
	ClassQuota          jobs.Class = "quota" // used up; waiting a minute will not help
	ClassNoModel        jobs.Class = "no_model"
	ClassTimeoutSrv     jobs.Class = "timeout_srv" // 408
	ClassConflict       jobs.Class = "conflict"
	ClassDep            jobs.Class = "dep" // something behind the provider failed
	ClassRate           jobs.Class = "rate"
	ClassRamp           jobs.Class = "ramp"      // our rate grew too fast
	ClassFlexFull       jobs.Class = "flex_full" // the cheap service tier is full
	ClassUpstreamCancel jobs.Class = "upstream_cancel"
	ClassSrv            jobs.Class = "srv"
	ClassSrvPerm        jobs.Class = "srv_perm"
	ClassGwAmbiguous    jobs.Class = "gw_ambiguous" // a gateway gave up on a request that may have run
	ClassOverload       jobs.Class = "overload"
	ClassNotAPI         jobs.Class = "not_api" // a login page, a CDN page, a redirect
)

// The classes of content that does not stand, and two flags of content that
// does.
const (
	ClassEmpty      jobs.Class = "empty"
	ClassTruncated  jobs.Class = "truncated"
	ClassOddStop    jobs.Class = "odd_stop"
	ClassBadJSON    jobs.Class = "bad_json"
	ClassBadSchema  jobs.Class = "bad_schema"
	ClassUngrounded jobs.Class = "ungrounded"
	ClassNoUsage    jobs.Class = "no_usage" // flag: the usage is an estimate
	ClassSwapped    jobs.Class = "swapped"  // flag: another model answered
)

// The classes of a document that no model can help.
const (
	ClassEncrypted       jobs.Class = "encrypted"
	ClassCorrupt         jobs.Class = "corrupt"
	ClassTooLarge        jobs.Class = "too_large"
	ClassTooManyPages    jobs.Class = "too_many_pages"
	ClassDocumentTimeout jobs.Class = "document_timeout"
	ClassUnsupportedType jobs.Class = "unsupported_type"
	ClassNeedsOCR        jobs.Class = "needs_ocr"
	ClassEmptyDocument   jobs.Class = "empty_document"
)

// The classes of the lower tiers.
const (
	// ClassIncomplete: the rule parser could not prove every required field.
	ClassIncomplete jobs.Class = "incomplete"
	// ClassMaxTier: the job's own limit forbids the tier it needs.
	ClassMaxTier jobs.Class = "max_tier"
)

// Action says what the ladder does after an attempt of a class.
type Action string

// The actions.
const (
	ActAccept  Action = "accept"  // the answer stands
	ActNow     Action = "now"     // once more at once, for free
	ActBackoff Action = "backoff" // once more after full jitter
	ActAfter   Action = "after"   // once more when the server says, parked if that is long
	ActRepair  Action = "repair"  // one call that shows the model its mistake
	ActRaise   Action = "raise"   // once more with a larger limit on output tokens
	ActSwitch  Action = "switch"  // another route or the next tier
	ActBigger  Action = "bigger"  // only a route with a larger window, else rules
	ActHalt    Action = "halt"    // the credential or configuration is bad: gate and page
	ActRules   Action = "rules"   // straight to the rule parser
	ActReview  Action = "review"  // a person, and no other model
	ActFail    Action = "fail"    // the document's own fault: terminal
	ActStop    Action = "stop"    // release the loan; the try does not count
)

// Effect is what a class tells the circuit breaker of its route.
type Effect string

// The effects. A neutral class is no evidence in either direction.
const (
	EffectNeutral Effect = "neutral"
	EffectFailure Effect = "failure"
	EffectSuccess Effect = "success"
	EffectOpen    Effect = "open" // close the gate at once, without counting
)

// Scope says what a fault belongs to, and so which gate it closes.
type Scope string

// The scopes.
const (
	ScopeNone     Scope = "none"     // ourselves
	ScopeRoute    Scope = "route"    // one model at one provider
	ScopeProvider Scope = "provider" // the provider's address, credential or account
	ScopeAnswer   Scope = "answer"   // this one answer
	ScopeDocument Scope = "document" // this one document
)

// Rule is the row of a class in the table of classes.
type Rule struct {
	Class  jobs.Class
	Action Action
	// RetryMax is how many more tries the same route gets in one tier after
	// failures of this class.
	RetryMax int
	// Share names an allowance that several classes use up together; empty
	// when the class has one of its own.
	Share string
	Scope Scope
	// Effect is what the breaker learns.
	Effect Effect
	// Cost is what a further try on the tier takes from the retry budget.
	Cost int
	// Billed is the usual answer; [Verdict] knows better where the same class
	// can be either.
	Billed jobs.Billed
	// GateFor is how long the gate closes when the server names no time; 0
	// closes none.
	GateFor time.Duration
}

// The shared allowances.
const (
	shareUnsure = "unsure" // may have run or been billed: one retry together
	shareAnswer = "answer" // one repair together
)

// Classes returns the whole table, in the order of the documentation.
func Classes() []Rule { return slices.Clone(classTable) }

// RuleOf returns the row of a class. A class that is not in the table, as from
// a ledger that a later version wrote, is treated as [ClassSrv] under its own
// name.
func RuleOf(c jobs.Class) Rule {
	for _, r := range classTable {
		if r.Class == c {
			return r
		}
	}
	r := RuleOf(ClassSrv)
	r.Class = c
	return r
}
