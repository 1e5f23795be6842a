package jobs_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func sound() jobs.Submission {
	return jobs.Submission{
		ID: "job_1", Tenant: "acme", Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice@1"},
		Fingerprint: "print", DeadlineAt: noon.Add(time.Hour), Cost: 2 * time.Second,
	}
}

var result = &jobs.Result{Data: []byte(`{}`)}

// outcomes are one of each kind.
func outcomes() []jobs.Outcome {
	return []jobs.Outcome{
		{Kind: jobs.Succeed, Tier: 1, Result: result},
		{Kind: jobs.Fail, Tier: 1, Failure: &jobs.Failure{Class: "corrupt"}},
		{Kind: jobs.ToReview, Tier: 3, Reason: "all_tiers_failed"},
		{Kind: jobs.Park, Until: noon.Add(time.Minute), Gate: "primary", Reason: "gated"},
		{Kind: jobs.Release, Reason: "shutdown"},
		{Kind: jobs.Stopped},
	}
}

// commands are one of each kind by the same actor; a move goes to critical.
func commands() []jobs.Command {
	to := jobs.Critical
	all := []jobs.Command{
		{Kind: jobs.Cancel, Reason: "sent twice"}, {Kind: jobs.Requeue}, {Kind: jobs.Complete, Result: result},
		{Kind: jobs.Reject}, {Kind: jobs.SendBack}, {Kind: jobs.Move, Lane: &to},
		{Kind: jobs.Claim, Until: noon.Add(time.Hour)}, {Kind: jobs.Draft, Draft: []byte(`{}`)}, {Kind: jobs.Unclaim},
		{Kind: jobs.Erase},
	}
	for i := range all {
		all[i].Actor = "ada"
	}
	return all
}

// transition is a function of the machine with fixed arguments.
type transition struct {
	name string
	do   func(j *jobs.Job, now time.Time) (jobs.Event, bool, error)
}

// lease is the lease that a transition lends and settles under.
var lease = jobs.Lease{Job: "job_1", Token: 5, Worker: "w", Until: noon.Add(time.Minute)}

// transitions are all functions of the machine under the policy.
func transitions(p jobs.Policy) []transition {
	plain := func(name string, do func(j *jobs.Job, now time.Time) (jobs.Event, error)) transition {
		return transition{name, func(j *jobs.Job, now time.Time) (jobs.Event, bool, error) {
			e, err := do(j, now)
			return e, err == nil, err
		}}
	}
	all := []transition{
		plain("lend", func(j *jobs.Job, now time.Time) (jobs.Event, error) { return j.Lend(lease, now) }),
		plain("wake", (*jobs.Job).Wake),
		plain("expire", (*jobs.Job).Expire),
		plain("reap", func(j *jobs.Job, now time.Time) (jobs.Event, error) { return j.Reap(p, now) }),
		plain("backstop", func(j *jobs.Job, now time.Time) (jobs.Event, error) { return j.SendOverdueToReview(p, now) }),
	}
	for _, o := range outcomes() {
		all = append(all, plain(string(o.Kind), func(j *jobs.Job, now time.Time) (jobs.Event, error) {
			return j.Settle(lease, o, p, now)
		}))
	}
	for _, c := range commands() {
		all = append(all, transition{string(c.Kind), func(j *jobs.Job, now time.Time) (jobs.Event, bool, error) {
			return j.Apply(c, j.Seq+100, now)
		}})
	}
	return all
}

// reach is a job led to a state; "told" is a running one that was told to
// stop, "claimed" one in review.
func reach(t *testing.T, state string) jobs.Job {
	t.Helper()
	j, _ := jobs.NewJob(sound(), 7, noon)
	path := map[string][]string{
		"queued": nil, "running": {"lend"}, "told": {"lend", "cancel"}, "parked": {"lend", "park"},
		"in_review": {"lend", "review"}, "succeeded": {"lend", "succeed"}, "failed": {"lend", "fail"},
		"cancelled": {"cancel"}, "expired": {"expire"}, "claimed": {"lend", "review", "claim"},
		"erased": {"lend", "fail", "erase"},
	}[state]
	for _, step := range path {
		for _, tr := range transitions(jobs.Policy{}) {
			if tr.name != step {
				continue
			}
			if _, _, err := tr.do(&j, noon); err != nil {
				t.Fatalf("%s: %v", step, err)
			}
		}
	}
	return j
}

func TestEveryFunctionFitsTheStatesOfTheTableAndNoOthers(t *testing.T) {
	// For each state, what fits and where it leads; "" means that nothing
	// changes and nothing is refused.
	waiting := map[string]string{"lend": "running", "expire": "expired", "cancel": "cancelled", "move": "queued"}
	held := map[string]string{
		"reap": "queued", "backstop": "in_review", "succeed": "succeeded", "fail": "failed", "review": "in_review",
		"park": "parked", "release": "queued", "cancel": "running",
	}
	told := map[string]string{
		"reap": "cancelled", "backstop": "cancelled", "succeed": "succeeded", "fail": "failed", "review": "cancelled",
		"park": "cancelled", "release": "cancelled", "stopped": "cancelled", "cancel": "",
	}
	fits := map[string]map[string]string{
		"queued": waiting, "running": held, "told": told,
		"parked": {"wake": "queued", "expire": "expired", "cancel": "cancelled", "move": "parked"},
		"in_review": {
			"cancel": "cancelled", "complete": "succeeded", "reject": "failed", "send_back": "queued",
			"claim": "in_review", "unclaim": "",
		},
		"claimed": {
			"cancel": "cancelled", "complete": "succeeded", "reject": "failed", "send_back": "queued",
			"claim": "", "draft": "in_review", "unclaim": "in_review",
		},
		"succeeded": {"erase": "erased"},
		"failed":    {"requeue": "queued", "complete": "succeeded", "erase": "erased"},
		"cancelled": {"requeue": "queued", "complete": "succeeded", "cancel": "", "erase": "erased"},
		"expired":   {"requeue": "queued", "complete": "succeeded", "erase": "erased"},
		"erased":    {"erase": ""},
	}
	for from, want := range fits {
		for _, tr := range transitions(jobs.Policy{}) {
			t.Run(fmt.Sprintf("%s/%s", from, tr.name), func(t *testing.T) {
				j := reach(t, from)
				checkMove(t, tr, j, want)
			})
		}
	}
}

// checkMove does one transition of j and wants what the table says of it.
func checkMove(t *testing.T, tr transition, j jobs.Job, want map[string]string) {
	t.Helper()
	before := j
	now := noon.Add(time.Second)
	ev, changed, err := tr.do(&j, now)
	to, fit := want[tr.name]
	switch {
	case !fit:
		if !errors.Is(err, jobs.ErrConflict) && !errors.Is(err, jobs.ErrStaleLease) {
			t.Errorf("got %v, want it refused", err)
		}
		if diff := cmp.Diff(before, j); diff != "" {
			t.Errorf("a refusal changed the job:\n%s", diff)
		}
	case to == "":
		if err != nil || changed {
			t.Errorf("changed %t, %v; want nothing to change", changed, err)
		}
		if diff := cmp.Diff(before, j); diff != "" {
			t.Errorf("the job changed:\n%s", diff)
		}
	default:
		if err != nil || !changed || j.State != jobs.State(to) {
			t.Fatalf("got %s, changed %t, %v; want %s", j.State, changed, err, to)
		}
		checkEvent(t, before, j, ev, now)
	}
}

// checkEvent wants a change to count the version by one and its event to say
// what the job is.
func checkEvent(t testing.TB, before, after jobs.Job, ev jobs.Event, now time.Time) {
	t.Helper()
	want := jobs.Event{
		Job: after.ID, Tenant: after.Tenant, Version: before.Version + 1, Type: ev.Type, At: now, State: after.State,
		Lane: after.Lane, Generation: after.Generation, Tier: after.Tier, Reason: ev.Reason, Actor: ev.Actor,
	}
	if diff := cmp.Diff(want, ev); diff != "" {
		t.Errorf("the event (-want +got):\n%s", diff)
	}
	if after.Version != before.Version+1 || !after.UpdatedAt.Equal(now) {
		t.Errorf("version %d at %s follows %d", after.Version, after.UpdatedAt, before.Version)
	}
}

func TestALoanIsHeldByItsTokenAlone(t *testing.T) {
	j := reach(t, "running")
	if err := j.Holds(jobs.Lease{Token: 5}); err != nil {
		t.Errorf("the holder is refused: %v", err)
	}
	for _, token := range []jobs.Token{0, 4, -5} {
		if err := j.Holds(jobs.Lease{Token: token}); !errors.Is(err, jobs.ErrStaleLease) {
			t.Errorf("token %d: got %v, want ErrStaleLease", token, err)
		}
	}
	if j.Settled(lease) {
		t.Error("a running job's loan is settled")
	}
}

func TestASettledLoanIsRecognisedUntilTheJobIsLentAgain(t *testing.T) {
	for _, o := range outcomes()[:5] {
		j := reach(t, "running")
		if _, err := j.Settle(lease, o, jobs.Policy{}, noon); err != nil {
			t.Fatal(err)
		}
		if !j.Settled(lease) || j.Settled(jobs.Lease{Token: 6}) || j.Settled(jobs.Lease{}) {
			t.Errorf("%s: the settled loan is not the only one recognised", o.Kind)
		}
		if j.State == jobs.Queued {
			if _, err := j.Lend(jobs.Lease{Token: 6}, noon); err != nil {
				t.Fatal(err)
			}
			if j.Settled(lease) {
				t.Errorf("%s: the loan is recognised after the next", o.Kind)
			}
		}
	}
	j := reach(t, "running")
	if _, err := j.Reap(jobs.Policy{}, noon); err != nil {
		t.Fatal(err)
	}
	if j.Settled(lease) {
		t.Error("a loan that was taken back is settled")
	}
}

func TestLoansWithoutAnOutcomeEndTheJob(t *testing.T) {
	j := reach(t, "queued")
	p := jobs.Policy{MaxLoans: 3}
	for n := 1; n <= 3; n++ {
		if _, err := j.Lend(lease, noon); err != nil {
			t.Fatalf("loan %d: %v", n, err)
		}
		if j.Loans != n {
			t.Errorf("loan %d is counted as %d", n, j.Loans)
		}
		if _, err := j.Reap(p, noon); err != nil {
			t.Fatalf("end of loan %d: %v", n, err)
		}
	}
	if j.State != jobs.Failed || j.Failure == nil || j.Failure.Class != jobs.ClassCrashedWorkers {
		t.Errorf("the job is %s with %+v", j.State, j.Failure)
	}
}

func TestAJobRunsAnewWithNothingOfItsLastRun(t *testing.T) {
	to := jobs.Batch
	for from, kind := range map[string]jobs.CommandKind{
		"failed": jobs.Requeue, "expired": jobs.Requeue, "cancelled": jobs.Requeue, "in_review": jobs.SendBack,
		"claimed": jobs.SendBack,
	} {
		j := reach(t, from)
		want, _ := jobs.NewJob(sound(), 9, noon)
		now := noon.Add(10 * time.Minute)
		want.Version, want.Generation, want.EnqueuedAt, want.UpdatedAt = j.Version+1, 2, now, now
		want.DeadlineAt, want.Lane = now.Add(time.Hour), jobs.Batch
		if _, _, err := j.Apply(jobs.Command{Kind: kind, Lane: &to, Actor: "ada"}, 9, now); err != nil {
			t.Fatalf("%s: %v", from, err)
		}
		if diff := cmp.Diff(want, j); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", from, diff)
		}
	}
}

func TestACommandComparesTheVersionBeforeAnythingElse(t *testing.T) {
	j := reach(t, "cancelled")
	for v, want := range map[int64]error{0: nil, j.Version: nil, j.Version - 1: jobs.ErrConflict, j.Version + 1: jobs.ErrConflict} {
		if _, _, err := j.Apply(jobs.Command{Kind: jobs.Cancel, Version: v}, 9, noon); !errors.Is(err, want) {
			t.Errorf("version %d: got %v, want %v", v, err, want)
		}
	}
}

func TestUnknownKindsAreInvalid(t *testing.T) {
	j := reach(t, "running")
	if _, err := j.Settle(lease, jobs.Outcome{Kind: "vanish"}, jobs.Policy{}, noon); !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("outcome: %v", err)
	}
	if _, _, err := j.Apply(jobs.Command{Kind: "vanish"}, 9, noon); !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("command: %v", err)
	}
}

func TestOpenAttemptsAreLostAndMaybeBilled(t *testing.T) {
	open := func(n int, k jobs.AttemptKind) jobs.Attempt {
		return jobs.Attempt{N: n, Kind: k, StartedAt: noon, Billed: jobs.BilledNo}
	}
	ended := open(1, jobs.CallAttempt)
	ended.Outcome = jobs.AttemptOK
	rows := []jobs.Attempt{
		ended, open(2, jobs.CallAttempt), open(3, jobs.RepairAttempt), open(4, jobs.RulesAttempt),
	}
	now := noon.Add(1500 * time.Microsecond)
	got := jobs.MarkLost(rows, now)
	var want []jobs.Attempt
	for i, billed := range []jobs.Billed{jobs.BilledMaybe, jobs.BilledMaybe, jobs.BilledNo} {
		a := open(i+2, []jobs.AttemptKind{jobs.CallAttempt, jobs.RepairAttempt, jobs.RulesAttempt}[i])
		a.Outcome, a.EndedAt, a.Billed = jobs.AttemptLost, noon.Add(time.Millisecond), billed
		want = append(want, a)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the lost rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(append([]jobs.Attempt{ended}, want...), rows); diff != "" {
		t.Errorf("all rows (-want +got):\n%s", diff)
	}
	if again := jobs.MarkLost(rows, now); len(again) != 0 {
		t.Errorf("rows are lost twice: %v", again)
	}
	if took := rows[1].Took(); took != time.Millisecond || open(1, jobs.CallAttempt).Took() != 0 {
		t.Errorf("a lost attempt took %s", took)
	}
}

func TestTokensOfDifferentLoansDiffer(t *testing.T) {
	seen := make(map[jobs.Token]bool)
	for _, epoch := range []int64{0, 1, 2, 1<<20 - 1} {
		for _, n := range []uint32{1, 2, 1 << 31, 1<<32 - 1} {
			token := jobs.NewToken(epoch, n)
			if seen[token] || token <= 0 || token >= 1<<53 {
				t.Errorf("epoch %d, loan %d: token %d", epoch, n, token)
			}
			seen[token] = true
		}
	}
}
