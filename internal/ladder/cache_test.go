package ladder_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func cached(t *testing.T, r *rig, bytes int) *ladder.Cache {
	t.Helper()
	c, err := ladder.NewCache(tiers.CachePolicy{TTL: map[string]time.Duration{"": time.Hour}, StaleFor: time.Hour}, bytes)
	if err != nil {
		t.Fatal(err)
	}
	r.config.Cache, r.config.PromptVersion = c, "1"
	return c
}

// of is a loan of a document and a tenant.
func of(tenant, document string) jobs.Loan {
	l := loan(jobs.Interactive)
	l.Job.Tenant, l.Job.Document.SHA256 = tenant, document
	return l
}

func TestAnAnswerIsUsedAgainForTheSameDocumentAndTenantOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, good)
		cached(t, r, 0)
		first := r.settle(t, of("a", "doc"))
		again := r.settle(t, of("a", "doc"))
		want := *first.Result
		want.Quality.Cached, want.Usage = true, jobs.Usage{}
		if diff := cmp.Diff(&want, again.Result); diff != "" {
			t.Errorf("the answer again (-want +got):\n%s", diff)
		}
		if len(r.script.calls) != 1 {
			t.Errorf("calls: %v", r.script.calls)
		}
		otherSchema := of("a", "doc")
		otherSchema.Job.Spec.Schema = "receipt"
		risky := of("a", "doc")
		risky.Job.Spec.Risk = jobs.RiskHigh
		elsewhere := of("a", "doc")
		elsewhere.Job.Labels = map[string]string{tiers.DataClassLabel: "secret"}
		for i, l := range []jobs.Loan{of("b", "doc"), of("a", "other"), otherSchema, risky, elsewhere} {
			if o := r.settle(t, l); o.Result.Quality.Cached || len(r.script.calls) != i+2 {
				t.Errorf("%d: a cache hit across a border", i)
			}
		}
		time.Sleep(3 * time.Hour)
		if o := r.settle(t, of("a", "doc")); o.Result.Quality.Cached {
			t.Error("an answer outlived its time")
		}
	})
}

func TestAStaleAnswerStandsInWithItsCaveatWhenNoModelCanBeHad(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, good, status(401, ""))
		cached(t, r, 0)
		r.settle(t, of("a", "doc"))
		time.Sleep(90 * time.Minute)
		o := r.settle(t, of("a", "doc"))
		q := o.Result.Quality
		if !q.Cached || !q.Degraded || q.Reasons[len(q.Reasons)-1] != tiers.WhyStale || string(o.Result.Data) != `{"total":1}` {
			t.Errorf("got %+v", q)
		}
		full := of("a", "doc")
		full.Job.Spec.RequireFull = true
		if o := r.settle(t, full); o.Kind != jobs.ToReview {
			t.Errorf("a job that takes no degraded answer ended by %s", o.Kind)
		}
	})
}

func TestADegradedAnswerIsNotKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, status(401, ""), good)
		c := cached(t, r, 0)
		if o := r.settle(t, of("a", "doc")); o.Tier != 2 {
			t.Fatalf("ended on tier %d", o.Tier)
		}
		if n, _ := c.Size(); n != 0 {
			t.Errorf("%d answers kept", n)
		}
	})
}

func TestTheCacheStaysWithinItsBoundAndForgetsWhatIsErased(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, good)
		c := cached(t, r, 5000)
		for i := range 50 {
			l := of("a", fmt.Sprint(i))
			l.Job.ID = jobs.ID(fmt.Sprintf("job_%d", i))
			r.settle(t, l)
			if _, bytes := c.Size(); bytes > 5000 {
				t.Fatalf("%d bytes kept, bound 5000", bytes)
			}
		}
		if n, _ := c.Size(); n < 3 {
			t.Fatalf("%d answers kept", n)
		}
		if o := r.settle(t, of("a", "49")); !o.Result.Quality.Cached {
			t.Error("the last answer is gone")
		}
		c.Forget("job_49")
		if o := r.settle(t, of("a", "49")); o.Result.Quality.Cached {
			t.Error("an erased job's answer is still given")
		}
	})
}

func TestAHighRiskAnswerOfTierTwoIsCheckedTwice(t *testing.T) {
	proven := extract.Extracted{
		Data:   []byte(`{"total":12.50,"lines":[{"a/b":"x"}]}`),
		Fields: map[string]jobs.Field{"/total": {Citations: []jobs.Citation{{Page: 1}}}, "/lines/0/a~1b": {Citations: []jobs.Citation{{Page: 1}}}},
	}
	unproven := proven
	unproven.Fields = map[string]jobs.Field{"/total": {Citations: []jobs.Citation{{Page: 1}}}}
	for name, c := range map[string]struct {
		rule   tiers.Validation
		answer extract.Extracted
		rules  string
		want   jobs.OutcomeKind
	}{
		"proven":                   {tiers.ValidateProven, proven, "", jobs.Succeed},
		"a value without a place":  {tiers.ValidateProven, unproven, "", jobs.ToReview},
		"agreed":                   {tiers.ValidateAgreed, proven, `{"total":12.5}`, jobs.Succeed},
		"another value":            {tiers.ValidateAgreed, proven, `{"total":12.51}`, jobs.ToReview},
		"a value the model misses": {tiers.ValidateAgreed, proven, `{"total":12.5,"date":"2026-01-01"}`, jobs.ToReview},
		"no rule":                  {"", proven, `{"total":12.5}`, jobs.ToReview},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, status(401, ""), func(ctx context.Context) extract.Answer {
					a := good(ctx)
					a.Extracted = c.answer
					return a
				})
				r.config.Policy.HighRiskSmaller = c.rule
				if c.rules != "" {
					r.script.rules = extract.RulesAnswer{Complete: true, Extracted: extracted(c.rules)}
				}
				l := loan(jobs.Interactive)
				l.Job.Spec.Risk = jobs.RiskHigh
				o := r.settle(t, l)
				if o.Kind != c.want {
					t.Fatalf("ended by %s (%s), want %s", o.Kind, o.Reason, c.want)
				}
				if o.Kind == jobs.ToReview && len(o.Candidates) == 0 {
					t.Error("the person gets no candidate")
				}
			})
		})
	}
}
