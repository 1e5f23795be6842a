package tiers_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestEachPartOfAKeyTellsAnswersApart(t *testing.T) {
	t.Parallel()
	seen := map[string]tiers.AnswerKey{}
	for _, k := range []tiers.AnswerKey{
		{}, {Tenant: "a"}, {Document: "a"}, {Schema: "a"}, {Prompt: "a"}, {Route: "a"}, {Class: "a"},
		{Tenant: "ab"}, {Tenant: "a", Document: "b"}, {Tenant: "\x00"}, {Document: "ab"},
	} {
		if other, twice := seen[k.Hash()]; twice {
			t.Errorf("%+v and %+v share a hash", k, other)
		}
		seen[k.Hash()] = k
	}
}

func TestHowLongAnAnswerStandsFollowsItsDataClass(t *testing.T) {
	t.Parallel()
	p := tiers.CachePolicy{TTL: map[string]time.Duration{"": time.Minute, "public": time.Hour, "secret": 0}, StaleFor: time.Minute}
	job := func(class string, risk jobs.Risk) jobs.Job {
		j := jobs.Job{Spec: jobs.Spec{Risk: risk}}
		if class != "" {
			j.Labels = map[string]string{tiers.DataClassLabel: class}
		}
		return j
	}
	fresh, stale, none := tiers.Cached{Fresh: true}, tiers.Cached{Stale: true}, tiers.Cached{}
	for _, c := range []struct {
		job  jobs.Job
		age  time.Duration
		want tiers.Cached
	}{
		{job("", ""), 0, fresh},
		{job("", ""), time.Minute, stale},
		{job("", ""), 2 * time.Minute, none},
		{job("public", ""), time.Hour - 1, fresh},
		{job("secret", ""), 0, none},
		{job("unheard-of", ""), 0, none},
		{job("public", jobs.RiskHigh), 0, none},
		{job("", ""), -time.Second, none},
	} {
		if diff := cmp.Diff(c.want, p.Judge(c.job, c.age)); diff != "" {
			t.Errorf("class %v, risk %q, age %v: %s", c.job.Labels, c.job.Spec.Risk, c.age, diff)
		}
	}
	if (tiers.CachePolicy{}).Judge(job("", ""), 0) != none {
		t.Error("the zero policy keeps something")
	}
	for _, bad := range []tiers.CachePolicy{{StaleFor: -1}, {StaleFor: 1 << 60}, {TTL: map[string]time.Duration{"x": -1}}, {TTL: map[string]time.Duration{"x": 1 << 60}}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is let through", bad)
		}
	}
}

func TestOnlyAFullAnswerOfTheModelItselfIsKept(t *testing.T) {
	t.Parallel()
	if !tiers.MayKeep(jobs.Quality{Tier: 1, Repaired: true}) {
		t.Error("a full answer is not kept")
	}
	for _, q := range []jobs.Quality{{Tier: 2}, {Tier: 3}, {Tier: 4}, {Tier: 1, Degraded: true}, {Tier: 1, Cached: true}, {Tier: 1, Lost: []string{"/x"}}} {
		if tiers.MayKeep(q) {
			t.Errorf("%+v is kept", q)
		}
	}
}

func TestResidencyIsNeverRelaxed(t *testing.T) {
	t.Parallel()
	eu := jobs.Job{Labels: map[string]string{tiers.ResidencyLabel: "eu"}}
	for _, c := range []struct {
		job     jobs.Job
		regions []string
		want    string
	}{
		{eu, []string{"us", "eu"}, ""}, {eu, []string{"us"}, tiers.WhyResidency}, {eu, nil, tiers.WhyResidency}, {jobs.Job{}, nil, ""},
	} {
		if got := tiers.Refusal(c.job, c.regions); got != c.want {
			t.Errorf("%v in %v: %q, want %q", c.job.Labels, c.regions, got, c.want)
		}
	}
}

func TestAPriceIsRoundedUp(t *testing.T) {
	t.Parallel()
	p := tiers.Price{InputUSD: 0.15, OutputUSD: 0.6}
	for tokens, want := range map[[2]int]int64{{0, 0}: 0, {1, 0}: 1, {20, 0}: 3, {1000, 100}: 210, {-5, -5}: 0} {
		if got := p.Of(tokens[0], tokens[1]); got != want {
			t.Errorf("%v tokens cost %d, want %d", tokens, got, want)
		}
	}
}
