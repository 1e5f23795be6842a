package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/tiers"
)

// Tiers says what the ladder may do beyond its defaults.
type Tiers struct {
	// SimpleBelow is the size in tokens below which a document takes the
	// cheapest route of a tier first: 0, never.
	SimpleBelow int `koanf:"simple_below"`
	// HighRiskSmaller and HighRiskRules name the validation under which a
	// high-risk job may complete on tier 2 and on tier 3: proven or agreed.
	// Empty keeps it from completing there.
	HighRiskSmaller string `koanf:"high_risk_smaller"`
	HighRiskRules   string `koanf:"high_risk_rules"`
}

// Cache says how long answers may be used again.
type Cache struct {
	// TTL is for jobs that name no data class: 0, never.
	TTL time.Duration `koanf:"ttl"`
	// Classes is for jobs with the label data_class, as
	// "public=24h,internal=1h". A class that is not named is never kept.
	Classes string `koanf:"classes"`
	// StaleFor is for how long after that an answer may stand in when no model
	// can be had: 0, never.
	StaleFor time.Duration `koanf:"stale_for"`
	// MaxBytes bounds the cache in memory: 64 MiB.
	MaxBytes int64 `koanf:"max_bytes"`
}

// Policy is the cache's policy. The error names what cannot be meant.
func (c Cache) Policy() (tiers.CachePolicy, error) {
	p := tiers.CachePolicy{TTL: map[string]time.Duration{}, StaleFor: c.StaleFor}
	if c.TTL != 0 {
		p.TTL[""] = c.TTL
	}
	for entry := range strings.SplitSeq(c.Classes, ",") {
		name, ttl, found := strings.Cut(strings.TrimSpace(entry), "=")
		if name == "" && !found {
			continue
		}
		d, err := time.ParseDuration(ttl)
		if err != nil || name == "" {
			return p, fmt.Errorf("cache.classes: %.64q is not name=duration", entry)
		}
		p.TTL[name] = d
	}
	return p, p.Validate()
}

// Enabled reports whether any answer may be kept.
func (c Cache) Enabled() bool { return c.TTL > 0 || strings.TrimSpace(c.Classes) != "" }

func (c Cache) validate() error {
	_, err := c.Policy()
	return errors.Join(err, within("cache.max_bytes", c.MaxBytes, 1<<20, 1<<34))
}

func (t Tiers) validate() error {
	_, err := t.apply(tiers.Policy{})
	if err != nil {
		return fmt.Errorf("tiers: %w", err)
	}
	return nil
}

// Policy is p with what is configured.
func (t Tiers) Policy(p tiers.Policy) tiers.Policy {
	p, _ = t.apply(p) // validated when it was loaded
	return p
}

func (t Tiers) apply(p tiers.Policy) (tiers.Policy, error) {
	p.SimpleBelow = t.SimpleBelow
	p.HighRiskSmaller, p.HighRiskRules = tiers.Validation(t.HighRiskSmaller), tiers.Validation(t.HighRiskRules)
	return p, p.Validate()
}

// Limits is what the route may carry.
func (r Route) Limits() tiers.LimitPolicy {
	return tiers.LimitPolicy{
		Concurrency: r.Concurrency, RequestsPerMinute: r.RequestsPerMinute, TokensPerMinute: r.TokensPerMinute, EvalShare: r.EvalShare,
	}
}

// RegionList is Regions taken apart.
func (r Route) RegionList() []string {
	var list []string
	for name := range strings.SplitSeq(r.Regions, ",") {
		if name = strings.TrimSpace(name); name != "" {
			list = append(list, name)
		}
	}
	return list
}
