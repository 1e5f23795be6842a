package tiers

import (
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Classifier turns signals into verdicts. It never changes after it was made
// and is safe for concurrent use.
type Classifier struct {
	site    patterns // asked first
	builtin patterns
}

// NewClassifier makes a classifier out of the built-in patterns. site is a
// pattern file of one's own, whose rules come before the built-in ones; empty
// for none. An error names the line that cannot be read.
func NewClassifier(site string) (*Classifier, error) {
	own, err := parsePatterns(site)
	if err != nil {
		return nil, fmt.Errorf("site patterns: %w", err)
	}
	builtin, err := parsePatterns(builtinPatterns)
	if err != nil {
		return nil, fmt.Errorf("built-in patterns: %w", err)
	}
	return &Classifier{site: own, builtin: builtin}, nil
}

// Classify says what a call came to. It looks at the transport, then at the
// error that the body names, then at the finish reason, and only when all of
// these are fine at j, the extractor's judgement of the content. The zero
// Judgement asks about the call alone. now is for server hints that name a
// time of day.
func (c *Classifier) Classify(s Signal, j Judgement, now time.Time) Verdict {
	switch {
	case s.Status >= 300 && s.Timeout != BudgetShutdown:
		return c.refused(s, parseErrorBody(s.Body), now)
	case s.Status < 200 || s.Err != nil || s.Phase != PhaseDone:
		return verdictOf(transportClass(s))
	default:
		return c.answered(s, j, now)
	}
}

// refused is the verdict on an answer with an error status, or on an error
// inside a 200. The status that the body names counts before that of the
// response: a gateway's own says less.
func (c *Classifier) refused(s Signal, e errorBody, now time.Time) Verdict {
	status := e.status(s.Status)
	class := c.named(s, e, status)
	if class == "" {
		class = statusClass(status)
	}
	v := verdictOf(class)
	hint := waitHint(s.Header, e, now)
	if class == ClassOverload && hint == 0 && (status == 529 || e.says("overloaded_error")) {
		hint = overloadWait
	}
	v.timed(hint)
	v.hinted(s.Header.Get("x-should-retry"))
	return v
}

// named is the class that the words of an error name: those of the provider
// behind a gateway first. AWS names the type in a header.
func (c *Classifier) named(s Signal, e errorBody, status int) jobs.Class {
	if e.Type == "" {
		e.Type, _, _ = strings.Cut(s.Header.Get("x-amzn-errortype"), ":")
	}
	for _, level := range []*errorBody{e.Inner, &e} {
		if level == nil {
			continue
		}
		for _, ps := range []patterns{c.site, c.builtin} {
			if class := ps.match(*level, status); class != "" {
				return class
			}
		}
	}
	return ""
}

// overloadWait is the wait after a 529 that names none: such windows last
// minutes.
const overloadWait = 30 * time.Second

// minQuotaReset is the shortest reset time believed of an exhausted account:
// gateways put a Retry-After of a second on every 429.
const minQuotaReset = time.Minute

// timed puts the server's hint into the verdict, as far as its action waits.
func (v *Verdict) timed(hint time.Duration) {
	switch v.Action {
	case ActBackoff:
		v.Wait = hint
	case ActAfter:
		v.Wait = hint
		if hint == 0 {
			v.Wait = v.GateFor
		}
		v.GateFor = v.Wait
	case ActHalt:
		if hint >= minQuotaReset {
			v.GateFor = hint
		}
		v.Wait = v.GateFor
	default: // the others do not wait
	}
	if v.GateFor > 0 && v.Class == ClassOverload {
		v.Effect = EffectOpen
	}
}

// hinted lets the server forbid a retry, or allow one where the table has
// none. It cannot allow one on a bad credential, an unpaid account or a
// policy.
func (v *Verdict) hinted(shouldRetry string) {
	retries := v.Action == ActNow || v.Action == ActBackoff || v.Action == ActAfter
	switch strings.ToLower(shouldRetry) {
	case "false":
		if retries {
			v.Why, v.RetryMax, v.Action = WhyNoRetry, 0, ActSwitch
		}
	case "true":
		if v.Action == ActSwitch {
			v.Why, v.RetryMax, v.Action, v.Cost = WhyRetryAllowed, 1, ActBackoff, max(v.Cost, 1)
		}
	}
}

// statusClass is what a status says by itself.
func statusClass(status int) jobs.Class {
	switch status {
	case 401, 403:
		return ClassAuth
	case 402:
		return ClassBilling
	case 404, 410:
		return ClassNoModel
	case 407:
		return ClassNetConfig
	case 408:
		return ClassTimeoutSrv
	case 409:
		return ClassConflict
	case 413:
		return ClassTooBig
	case 424, 425:
		return ClassDep
	case 429:
		return ClassRate
	case 498:
		return ClassFlexFull
	case 499:
		return ClassUpstreamCancel
	case 501, 505:
		return ClassSrvPerm
	case 502, 504, 524:
		return ClassGwAmbiguous
	case 503, 520, 521, 522, 523, 529, 530:
		return ClassOverload
	}
	switch {
	case status < 400:
		return ClassNotAPI // a redirect: an API has none
	case status < 500:
		return ClassBadRequest
	default:
		return ClassSrv
	}
}

// answered is the verdict on a complete answer with a good status.
func (c *Classifier) answered(s Signal, j Judgement, now time.Time) Verdict {
	if s.Content == "" && s.Refusal == "" || strings.EqualFold(s.FinishReason, "error") {
		if v, found := c.insteadOfContent(s, now); found {
			return v
		}
	}
	v := verdictOf(contentClass(s, j))
	if v.Class == "" {
		v = Verdict{Action: ActAccept, Scope: ScopeAnswer, Effect: EffectSuccess}
	}
	if v.Class != ClassEmpty || s.UsageKnown {
		v.Billed = jobs.BilledYes // an answer without content and usage only may be
	}
	if !s.UsageKnown {
		v.Flags = append(v.Flags, ClassNoUsage)
	}
	if !sameModel(s.AskedModel, s.ServedModel) {
		v.Flags = append(v.Flags, ClassSwapped)
	}
	return v
}

// insteadOfContent looks at what came where content was due.
func (c *Classifier) insteadOfContent(s Signal, now time.Time) (Verdict, bool) {
	if len(payload(s.Body)) > 0 && !isJSON(s.Body) {
		return verdictOf(ClassNotAPI), true
	}
	e := parseErrorBody(s.Body)
	if !e.Explicit {
		return Verdict{}, false
	}
	if e.status(0) >= 400 || c.named(s, e, s.Status) != "" {
		v := c.refused(s, e, now)
		if s.Content != "" && v.Billed == jobs.BilledNo {
			v.Billed = jobs.BilledMaybe // it broke off after it had begun
		}
		return v, true
	}
	return verdictOf(ClassEmpty), true
}

// contentClass goes through the stations of an answer in their order: finish
// reason, content, judgement.
func contentClass(s Signal, j Judgement) jobs.Class {
	if s.Refusal != "" {
		return ClassRefusal
	}
	if endedByItself(s.FinishReason) {
		if s.Content == "" {
			return ClassEmpty
		}
		return j.class()
	}
	switch strings.ToLower(s.FinishReason) {
	case "content_filter", "content_filtered", "guardrail_intervened", // AWS says these two
		"safety", "prohibited_content", "blocklist", "spii", "model_armor": // and Google these
		return ClassPolicy
	case "refusal":
		return ClassRefusal
	case "length", "max_tokens", "max_output_tokens":
		return ClassTruncated
	case "model_context_window_exceeded":
		return ClassTooLong
	default:
		if s.Content == "" && s.FinishReason == "" {
			return ClassEmpty
		}
		return ClassOddStop
	}
}

// class is the class of a fault; the zero judgement has none.
func (j Judgement) class() jobs.Class {
	switch j.Fault {
	case FaultNone:
		return ""
	case FaultRefusal:
		return ClassRefusal
	case FaultJSON:
		return ClassBadJSON
	case FaultSchema:
		return ClassBadSchema
	case FaultUngrounded:
		return ClassUngrounded
	default:
		return ClassBadSchema
	}
}

// sameModel reports whether the served model is the asked one. Providers
// answer with a dated snapshot ("gpt-x-2026-01-01"), also for "-latest", and
// servers with or without the path ("org/model"); an answer that names none
// proves nothing.
func sameModel(asked, served string) bool {
	if served == "" || asked == "" {
		return true
	}
	asked, served = strings.TrimSuffix(baseModel(asked), "-latest"), baseModel(served)
	return served == asked || strings.HasPrefix(served, asked+"-") && strings.Trim(served[len(asked):], "-0123456789") == "" ||
		strings.HasPrefix(served, asked+"@")
}

func baseModel(m string) string {
	m = strings.ToLower(m)
	return m[strings.LastIndex(m, "/")+1:]
}
