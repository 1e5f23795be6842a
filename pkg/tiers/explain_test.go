package tiers_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestExplainSaysWhereAJobStands(t *testing.T) {
	t.Parallel()
	failed := jobs.Attempt{Generation: 2, N: 1, Tier: 1, Kind: jobs.CallAttempt, Outcome: jobs.AttemptError, Class: tiers.ClassOverload}
	old := failed
	old.Generation, old.Class = 1, tiers.ClassAuth
	for _, tc := range []struct {
		job  jobs.Job
		want string
	}{
		{jobs.Job{State: jobs.Queued}, "Tier 1 was overloaded. It is not finished."},
		{jobs.Job{State: jobs.Parked, Reason: tiers.WhyGated}, "Tier 1 was overloaded. It waits (its provider asked for a pause)."},
		{jobs.Job{State: jobs.Cancelled}, "Tier 1 was overloaded. It was cancelled."},
		{jobs.Job{State: jobs.Succeeded, Tier: 4}, "Tier 1 was overloaded. A person completed it."},
		{jobs.Job{State: jobs.InReview, Reason: "deadline_backstop"}, "Tier 1 was overloaded. A person decides (deadline backstop)."},
		{
			jobs.Job{State: jobs.Failed, Failure: &jobs.Failure{Class: jobs.ClassCrashedWorkers}},
			"Tier 1 was overloaded. It ended without an answer: the job lost too many workers.",
		},
		{
			jobs.Job{State: jobs.Expired, Failure: &jobs.Failure{Class: jobs.ClassDeadline}},
			"Tier 1 was overloaded. It ended without an answer: the job ran out of time.",
		},
	} {
		tc.job.Generation = 2
		if diff := cmp.Diff(tc.want, tiers.Explain(tc.job, []jobs.Attempt{old, failed})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.job.State, diff)
		}
	}
}

func TestReasonsNameFirstWhatMadeTheLadderLeaveATier(t *testing.T) {
	t.Parallel()
	row := func(tier int, o jobs.AttemptOutcome, c jobs.Class, why string) jobs.Attempt {
		return jobs.Attempt{Tier: tier, Kind: jobs.CallAttempt, Outcome: o, Class: c, Why: why}
	}
	ledger := []jobs.Attempt{
		row(1, jobs.AttemptError, tiers.ClassRate, ""),
		row(1, jobs.AttemptCancelled, tiers.ClassCancelled, ""),
		row(1, jobs.AttemptError, tiers.ClassNetAmbiguous, ""),
		row(1, jobs.AttemptSkipped, "", tiers.WhyRetryBudget),
		row(2, jobs.AttemptLost, "", ""),
		row(2, jobs.AttemptError, tiers.ClassRate, ""),
		row(3, jobs.AttemptOK, "", ""),
	}
	want := []string{tiers.WhyRetryBudget, "net_ambiguous", "rate", "lost"}
	if diff := cmp.Diff(want, tiers.Reasons(ledger, 3)); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	if got := tiers.Reasons(ledger, 1); got != nil {
		t.Errorf("reasons of a tier 1 answer: %v", got)
	}
}

// TestExplainHasPlainWordsForEveryClass keeps technical names out of the
// summary, except for the few that are rare and say enough by themselves.
func TestExplainHasPlainWordsForEveryClass(t *testing.T) {
	t.Parallel()
	var bare []string
	for _, r := range tiers.Classes() {
		rows := []jobs.Attempt{{Tier: 1, Kind: jobs.CallAttempt, Outcome: jobs.AttemptError, Class: r.Class}}
		if s := tiers.Explain(jobs.Job{}, rows); strings.Contains(s, "failed (") {
			bare = append(bare, string(r.Class))
		}
	}
	want := []string{"cancelled", "timeout_srv", "conflict", "dep", "flex_full", "upstream_cancel", "srv_perm", "odd_stop", "no_usage"}
	if diff := cmp.Diff(want, bare); diff != "" {
		t.Errorf("classes without words (-want +got):\n%s", diff)
	}
}
