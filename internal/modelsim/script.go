package modelsim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// Rule is one line of a script: for calls that match, one of the faults by
// its share. When the shares sum to less than 1 the rest of the matching calls
// goes on to the next rule.
type Rule struct {
	Match  Match
	Faults FaultMix
	// PerDocument makes one draw for a document instead of one for a call: a
	// document that is hit once is hit on every call, whatever the model and
	// tenant. This makes poison documents and correlated failures.
	PerDocument bool
}

// FaultMix is a list of replies with their shares.
type FaultMix []Fault

// Fault is one reply of a [FaultMix].
type Fault struct {
	// Share of the matching calls, from 0 to 1. A negative share counts as 0;
	// whatever would bring the sum above 1 is never drawn.
	Share float64
	Reply Reply
}

// Match says which calls a rule is for. Unset fields match everything.
type Match struct {
	API    API
	Model  string
	Tenant string
	// Key is a [KeyName].
	Key string
	// Document is a [DocumentHash].
	Document string
	// From and To bound the call number of the call's (model, tenant,
	// document), both inclusive and counted from 1. 0 is unbounded.
	From, To int
	// ModelFrom and ModelTo bound the number of the call among all calls to
	// its model, likewise.
	ModelFrom, ModelTo int
	// Contains must occur in the request body, byte for byte.
	Contains string
	// During limits the rule to a part of the time.
	During During
}

// During is a span of time, measured from the server's start or last Reset.
// The zero value is all the time.
type During struct {
	// From is inclusive, Until exclusive; Until 0 has no end.
	From, Until time.Duration
	// Every repeats the span with this period. 0 does not repeat.
	Every time.Duration
}

// Always returns the rule that gives r to every call that m matches.
func Always(m Match, r Reply) Rule {
	return Rule{Match: m, Faults: FaultMix{{Share: 1, Reply: r}}}
}

// Sometimes returns the rule that gives r to a share (0 to 1) of the calls that
// m matches; the others go on to the next rule.
func Sometimes(m Match, share float64, r Reply) Rule {
	return Rule{Match: m, Faults: FaultMix{{Share: share, Reply: r}}}
}

// KeyName stands for an API key in scripts and records: the first 8 hex digits
// of its SHA-256, empty for none.
func KeyName(apiKey string) string {
	if apiKey == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(apiKey))
	return hex.EncodeToString(sum[:4])
}

// DocumentHash is the identity of a document in scripts and records: the
// SHA-256, in hex, of the text of the request's first user message. Retries and
// repairs of one prompt share it.
func DocumentHash(userMessage string) string {
	sum := sha256.Sum256([]byte(userMessage))
	return hex.EncodeToString(sum[:])
}

// arrival is what rules look at.
type arrival struct {
	api                     API
	model, tenant, document string
	key                     string
	number, modelNumber     int
	body                    string
	since                   time.Duration
}

// choose returns the reply of the first rule that takes a. It is a pure
// function of its arguments.
func choose(seed uint64, rules []Rule, a arrival) Reply {
	for i, rule := range rules {
		if !rule.Match.takes(a) {
			continue
		}
		if r, ok := rule.Faults.pick(draw(seed, i, rule.PerDocument, a)); ok {
			return r
		}
	}
	return Good()
}

func (m Match) takes(a arrival) bool {
	return (m.API == "" || m.API == a.api) &&
		(m.Model == "" || m.Model == a.model) &&
		(m.Key == "" || m.Key == a.key) &&
		(m.Tenant == "" || m.Tenant == a.tenant) &&
		(m.Document == "" || m.Document == a.document) &&
		within(a.number, m.From, m.To) &&
		within(a.modelNumber, m.ModelFrom, m.ModelTo) &&
		m.During.holds(a.since) &&
		strings.Contains(a.body, m.Contains)
}

func within(n, from, to int) bool { return n >= from && (to == 0 || n <= to) }

func (d During) holds(since time.Duration) bool {
	if d.Every > 0 {
		since %= d.Every
	}
	return since >= d.From && (d.Until == 0 || since < d.Until)
}

// pick returns the reply whose share covers u, a number in [0,1).
func (m FaultMix) pick(u float64) (Reply, bool) {
	var sum float64
	for _, f := range m {
		sum += max(f.Share, 0)
		if u < sum {
			return f.Reply, true
		}
	}
	return Reply{}, false
}

// draw returns a number in [0,1) that depends on nothing but its arguments.
func draw(seed uint64, rule int, perDocument bool, a arrival) float64 {
	h := sha256.New()
	var nums [24]byte
	binary.BigEndian.PutUint64(nums[0:], seed)
	binary.BigEndian.PutUint64(nums[8:], uint64(rule))
	if !perDocument {
		binary.BigEndian.PutUint64(nums[16:], uint64(a.number))
	}
	h.Write(nums[:])
	h.Write([]byte(a.document))
	if !perDocument {
		h.Write([]byte("\x00" + a.model + "\x00" + a.tenant))
	}
	return float64(binary.BigEndian.Uint64(h.Sum(nil))>>11) / (1 << 53)
}
