package tiers

import (
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// StepKind says what the executor does next.
type StepKind string

// The kinds of steps.
const (
	// StepCall calls the model of a route: write the row of [Step.Row] durably
	// first, close it with [Policy.Close] after.
	StepCall StepKind = "call"
	// StepRepair calls the same model once more with its own answer and what
	// is wrong with it. Rows as for a call.
	StepRepair StepKind = "repair"
	// StepRules runs the rule parser. Rows as for a call; it costs nothing.
	StepRules StepKind = "rules"
	// StepAsk asks the retry budget of the route for Cost units and comes back
	// with the answer in [Input.Grant].
	StepAsk StepKind = "ask"
	// StepWait sleeps until Until in the slot, without a provider permit.
	StepWait StepKind = "wait"
	// StepPark ends the loan with the outcome park, until Until or until Gate
	// opens.
	StepPark StepKind = "park"
	// StepSkip writes the row of [Step.Row] and comes back.
	StepSkip StepKind = "skip"
	// StepSucceed ends the job with the answer of attempt N.
	StepSucceed StepKind = "succeed"
	// StepReview hands the job to a person, with every candidate.
	StepReview StepKind = "review"
	// StepFail ends the job as a dead letter of Class.
	StepFail StepKind = "fail"
)

// Step is the next thing to do for a job. Only the fields that the kind names
// are set.
type Step struct {
	Kind StepKind `json:"kind"`
	// Tier is the tier that the step is about; 0 on the failure of a document.
	Tier int `json:"tier,omitempty"`
	// Provider and Model name the route of a call, a repair or an ask.
	Provider string `json:"provider,omitempty"`
	Model    string `json:"model,omitempty"`
	// Timeout bounds a call, a repair or the rules.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Retry is true for every call of a tier but its first. Only first calls
	// earn retry budget.
	Retry bool `json:"retry,omitempty"`
	// RaiseTokens asks a call for a larger limit on output tokens, because an
	// answer was cut at the old one.
	RaiseTokens bool `json:"raise_tokens,omitempty"`
	// Cost is what an ask takes from the retry budget, in units.
	Cost int `json:"cost,omitempty"`
	// Reserve is the most that a call or a repair may use up, or the one that
	// an ask is for. It stands in the open row, so that a call whose end nobody
	// sees counts in full.
	Reserve jobs.Usage `json:"reserve,omitzero"`
	// Cached is true on a success with the answer of [Input.Cached].
	Cached bool `json:"cached,omitempty"`
	// Stale is true on such a success whose answer is past its time; it is
	// degraded.
	Stale bool `json:"stale,omitempty"`
	// N is the attempt that an ask follows, a repair mends or a success uses.
	N int `json:"n,omitempty"`
	// DropFaulty is true on a success whose answer stands only without the
	// optional fields at fault; they are lost, and the answer is degraded.
	DropFaulty bool `json:"drop_faulty,omitempty"`
	// Until ends a wait or a park.
	Until time.Time `json:"until,omitzero"`
	// Gate is the route whose gate a park waits for; empty when it waits for
	// the time alone.
	Gate string `json:"gate,omitempty"`
	// Class is the class of a failure.
	Class jobs.Class `json:"class,omitempty"`
	// Why is the reason of a skip, a wait, a park, a review or a failure.
	Why string `json:"why,omitempty"`
}

// Ends reports whether the step settles the loan.
func (s Step) Ends() bool {
	switch s.Kind {
	case StepSucceed, StepReview, StepFail, StepPark:
		return true
	case StepCall, StepRepair, StepRules, StepAsk, StepWait, StepSkip:
		return false
	default:
		return false
	}
}

// Route names the step's route as gates and budgets do.
func (s Step) Route() string { return routeName(s.Provider, s.Model) }

// String is the step on one line, for logs and scenario files.
func (s Step) String() string {
	var b strings.Builder
	b.WriteString(string(s.Kind))
	word := func(format string, args ...any) { fmt.Fprintf(&b, " "+format, args...) }
	if s.Tier != 0 {
		word("tier=%d", s.Tier)
	}
	if s.Model != "" {
		word("route=%s", s.Route())
	}
	if s.Timeout != 0 {
		word("timeout=%v", s.Timeout)
	}
	if s.Retry {
		word("retry")
	}
	if s.RaiseTokens {
		word("raise_tokens")
	}
	if s.Cost != 0 {
		word("cost=%d", s.Cost)
	}
	if s.N != 0 {
		word("n=%d", s.N)
	}
	if s.DropFaulty {
		word("drop_faulty")
	}
	if s.Cached {
		word("cached")
	}
	if s.Stale {
		word("stale")
	}
	if s.Gate != "" {
		word("gate=%s", s.Gate)
	}
	if s.Class != "" {
		word("class=%s", s.Class)
	}
	if s.Why != "" {
		word("why=%s", s.Why)
	}
	return b.String()
}
