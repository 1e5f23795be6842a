package tiers

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// LaneDurations holds one duration for each lane, indexed by [jobs.Lane].
type LaneDurations [jobs.NumLanes]time.Duration

// ModelPolicy is the policy of one model tier. The zero value works.
type ModelPolicy struct {
	// Retries is how many calls may follow the first one; 0 means the tier's
	// default (tier 1: 3, tier 2: 1), a negative number means none.
	Retries int
	// Timeout is how long one call may take, for each lane. A zero means the
	// default: 20 s, 45 s, 2 min, 2 min on tier 1; 15 s, 30 s, 1 min, 1 min on
	// tier 2.
	Timeout LaneDurations
}

// Policy says how the ladder spends a job's time. The zero value works and
// stands for the defaults named below.
type Policy struct {
	Primary ModelPolicy // tier 1
	Smaller ModelPolicy // tier 2

	// BackoffBase and BackoffCap bound the full jitter: before retry k the
	// wait is drawn from 0 to min(cap, base × 2^(k-1)). Defaults 500 ms, 20 s.
	BackoffBase, BackoffCap time.Duration
	// MaxSleep is the longest wait that keeps its slot; a longer one parks.
	// Default 1 s.
	MaxSleep time.Duration
	// MinAttempt is the shortest timeout worth a call. Default 2 s; for a
	// short job at most a tenth of its time.
	MinAttempt time.Duration
	// RulesTimeout bounds the rule parser. Default 5 s.
	RulesTimeout time.Duration
	// Commit is the time kept for writing the outcome. Default 2 s.
	Commit time.Duration
	// Patience is the longest wait for the primary when tier 2 could answer
	// at once: critical and interactive jobs wait so long only for a time
	// that a server named to themselves, and not at all for a gate they find
	// closed. Defaults 2 s, 5 s, 10 min; batch waits as long as it can.
	Patience LaneDurations
	// Deadlines are the lanes' default deadlines, counted from acceptance;
	// [Policy.Prove] checks that they leave room for every tier. Defaults
	// 2 min, 5 min, 1 h, 24 h.
	Deadlines LaneDurations
	// StrictModel refuses an answer that another model gave than the one
	// asked. By default such an answer stands and says so.
	StrictModel bool
	// SimpleBelow is the size in tokens, answer included, below which a
	// document is simple: among the routes of a tier it takes the cheapest
	// first. 0 keeps the order of the configuration.
	SimpleBelow int
	// HighRiskSmaller and HighRiskRules name the extra validation under which
	// a high-risk job may complete on tier 2 and on tier 3. Empty, the
	// default, keeps it from completing there.
	HighRiskSmaller, HighRiskRules Validation
}

// Validation names a check beyond those that every answer must pass.
type Validation string

// The extra validations.
const (
	// ValidateProven asks for a place in the document for every value of the
	// answer, and that no optional value was dropped.
	ValidateProven Validation = "proven"
	// ValidateAgreed asks that the model and the rule parser, each by itself,
	// found the same values for all required fields.
	ValidateAgreed Validation = "agreed"
)

func (v Validation) validate(name string) error {
	switch v {
	case "", ValidateProven, ValidateAgreed:
		return nil
	default:
		return fmt.Errorf("%s is %.32q, want %s or %s", name, string(v), ValidateProven, ValidateAgreed)
	}
}

// WithDefaults returns p with every zero field set to its default.
func (p Policy) WithDefaults() Policy {
	p.Primary = p.Primary.withDefaults(3, LaneDurations{20 * time.Second, 45 * time.Second, 2 * time.Minute, 2 * time.Minute})
	p.Smaller = p.Smaller.withDefaults(1, LaneDurations{15 * time.Second, 30 * time.Second, time.Minute, time.Minute})
	setDefault(&p.BackoffBase, 500*time.Millisecond)
	setDefault(&p.BackoffCap, 20*time.Second)
	setDefault(&p.MaxSleep, time.Second)
	setDefault(&p.MinAttempt, 2*time.Second)
	setDefault(&p.RulesTimeout, 5*time.Second)
	setDefault(&p.Commit, 2*time.Second)
	p.Patience = p.Patience.withDefaults(LaneDurations{2 * time.Second, 5 * time.Second, 10 * time.Minute, 365 * 24 * time.Hour})
	p.Deadlines = p.Deadlines.withDefaults(LaneDurations{2 * time.Minute, 5 * time.Minute, time.Hour, 24 * time.Hour})
	return p
}

func (m ModelPolicy) withDefaults(retries int, timeout LaneDurations) ModelPolicy {
	if m.Retries == 0 {
		m.Retries = retries
	}
	m.Timeout = m.Timeout.withDefaults(timeout)
	return m
}

// calls is how many calls the tier makes at most, repairs aside.
func (m ModelPolicy) calls() int { return 1 + max(m.Retries, 0) }

func (d LaneDurations) withDefaults(defaults LaneDurations) LaneDurations {
	for lane := range d {
		setDefault(&d[lane], defaults[lane])
	}
	return d
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

// maxRetries bounds the configured retries: more than a handful is a mistake.
const maxRetries = 10

// Validate returns an error that names every field that cannot be meant, with
// its value and its limit.
func (p Policy) Validate() error {
	p = p.WithDefaults()
	errs := []error{p.Primary.validate("primary"), p.Smaller.validate("smaller")}
	positive := func(name string, d time.Duration) {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s is %v, must not be negative", name, d))
		}
	}
	errs = append(errs, p.HighRiskSmaller.validate("high_risk.smaller"), p.HighRiskRules.validate("high_risk.rules"))
	if p.SimpleBelow < 0 {
		errs = append(errs, fmt.Errorf("simple_below is %d, must not be negative", p.SimpleBelow))
	}
	positive("backoff_base", p.BackoffBase)
	positive("backoff_cap", p.BackoffCap)
	positive("max_sleep", p.MaxSleep)
	positive("min_attempt", p.MinAttempt)
	positive("rules_timeout", p.RulesTimeout)
	positive("commit", p.Commit)
	if p.BackoffBase > p.BackoffCap {
		errs = append(errs, fmt.Errorf("backoff_base is %v, limit is backoff_cap %v", p.BackoffBase, p.BackoffCap))
	}
	if p.RulesTimeout > jobs.Backstop/2 {
		errs = append(errs, fmt.Errorf("rules_timeout is %v, limit %v", p.RulesTimeout, jobs.Backstop/2))
	}
	for _, lane := range jobs.Lanes() {
		positive("patience."+lane.String(), p.Patience[lane])
		positive("deadlines."+lane.String(), p.Deadlines[lane])
	}
	return errors.Join(errs...)
}

func (m ModelPolicy) validate(name string) error {
	if m.Retries > maxRetries {
		return fmt.Errorf("%s.retries is %d, limit %d", name, m.Retries, maxRetries)
	}
	for _, lane := range jobs.Lanes() {
		if m.Timeout[lane] < 0 {
			return fmt.Errorf("%s.timeout.%s is %v, must not be negative", name, lane, m.Timeout[lane])
		}
	}
	return nil
}

// model is the policy of tier 1 or 2.
func (p Policy) model(tier int) ModelPolicy {
	if tier == 1 {
		return p.Primary
	}
	return p.Smaller
}

// maxBackoff is the longest wait before retry k, counted from 1.
func (p Policy) maxBackoff(k int) time.Duration {
	d := p.BackoffBase
	for range k - 1 {
		if d = min(2*d, p.BackoffCap); d == p.BackoffCap {
			break
		}
	}
	return min(d, p.BackoffCap)
}
