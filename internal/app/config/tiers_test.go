package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestTheLimitsRegionsAndCacheOfAFileAreTakenIn(t *testing.T) {
	c, err := config.Load(config.Sources{File: write(t, `
primary: {url: "http://near/v1", model: m, regions: "eu, us", concurrency: 20, requests_per_minute: 500, tokens_per_minute: 100000, eval_share: 0.1}
cache: {ttl: 1h, classes: "public=24h, case=0s", stale_for: 2h}
tiers: {simple_below: 900, high_risk_smaller: agreed}
`)})
	if err != nil {
		t.Fatal(err)
	}
	want := tiers.LimitPolicy{Concurrency: 20, RequestsPerMinute: 500, TokensPerMinute: 100_000, EvalShare: 0.1}
	if diff := cmp.Diff(want, c.Primary.Limits()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"eu", "us"}, c.Primary.RegionList()); diff != "" {
		t.Error(diff)
	}
	policy, err := c.Cache.Policy()
	kept := tiers.CachePolicy{TTL: map[string]time.Duration{"": time.Hour, "public": 24 * time.Hour, "case": 0}, StaleFor: 2 * time.Hour}
	if diff := cmp.Diff(kept, policy); diff != "" || err != nil || !c.Cache.Enabled() {
		t.Errorf("%v, %s", err, diff)
	}
	if p := c.Tiers.Policy(tiers.Policy{}); p.SimpleBelow != 900 || p.HighRiskSmaller != tiers.ValidateAgreed || p.HighRiskRules != "" {
		t.Errorf("got %+v", p)
	}
}

func TestWhatTheTiersCannotMeanIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"tiers: {high_risk_rules: maybe}":                                 "high_risk.rules",
		"tiers: {simple_below: -1}":                                       "simple_below",
		`cache: {classes: "public"}`:                                      "cache.classes",
		"cache: {ttl: 10000h}":                                            "cache.ttl",
		"cache: {stale_for: -1s}":                                         "cache.stale_for",
		"cache: {max_bytes: 5}":                                           "cache.max_bytes",
		`primary: {url: "http://a/v1", model: m, eval_share: 1}`:          "primary: eval_share",
		`fallback: {url: "http://a/v1", model: m, tokens_per_minute: -1}`: "fallback: tokens_per_minute",
		`primary: {url: "http://a/v1", model: m, input_usd: .nan}`:        "primary.input_usd",
		`primary: {url: "http://a/v1", model: m, output_usd: 1e300}`:      "primary.output_usd",
		`fallback: {url: "http://a/v1", model: m, input_usd: -1}`:         "fallback.input_usd",
	} {
		if _, err := config.Load(config.Sources{File: write(t, text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to name %s", text, err, want)
		}
	}
}
