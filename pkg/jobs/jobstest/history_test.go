package jobstest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

// lived is an engine with one job that failed, was requeued, was lent with two
// attempts and succeeded.
func lived(t *testing.T) jobs.Engine {
	t.Helper()
	e, err := memjobs.New(memjobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	_, err = e.Accept(t.Context(), []jobs.Submission{{
		ID: "job", Tenant: "acme", Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: "p",
		DeadlineAt: now.Add(time.Hour),
	}})
	must(err)
	finish := func(o jobs.Outcome) {
		t.Helper()
		loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
		must(err)
		_, err = e.Finish(t.Context(), loans[0].Lease, o)
		must(err)
	}
	finish(jobs.Outcome{Kind: jobs.Fail, Failure: &jobs.Failure{Class: "corrupt"}})
	_, err = e.Apply(t.Context(), jobs.Command{Kind: jobs.Requeue, Job: "job"})
	must(err)
	finish(jobs.Outcome{
		Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{}`)},
		Attempts: []jobs.Attempt{{N: 1, Kind: jobs.CallAttempt}, {N: 2, Kind: jobs.CallAttempt}},
	})
	return e
}

func TestASoundHistoryIsNotFaulted(t *testing.T) {
	if got := watch(t, func(tb testing.TB) { jobstest.CheckHistories(tb, lived(t), []jobs.ID{"job"}) }); got != "" {
		t.Errorf("got %s", got)
	}
}

func TestEachBreachOfTheInvariantsIsFound(t *testing.T) {
	events := func(change func(es []jobs.Event) []jobs.Event) bent { return bent{history: change} }
	event := func(i int, change func(*jobs.Event)) bent {
		return events(func(es []jobs.Event) []jobs.Event {
			es = slices.Clone(es)
			change(&es[i])
			return es
		})
	}
	// The history: queued, started, failed, requeued, started, succeeded.
	for name, c := range map[string]struct {
		as   bent
		want string
	}{
		"a lost event":     {events(func(es []jobs.Event) []jobs.Event { return slices.Delete(slices.Clone(es), 1, 2) }), "has version 3"},
		"no history":       {events(func([]jobs.Event) []jobs.Event { return nil }), "has no history"},
		"a doubled event":  {events(func(es []jobs.Event) []jobs.Event { return append(slices.Clone(es), es[5]) }), "has version 6"},
		"a lost end":       {events(func(es []jobs.Event) []jobs.Event { return es[:5] }), "not what its last event says"},
		"a lost beginning": {events(func(es []jobs.Event) []jobs.Event { return es[1:] }), "begins with started"},
		"another's event":  {event(2, func(e *jobs.Event) { e.Job = "other" }), "another job"},
		"a wrong move":     {event(1, func(e *jobs.Event) { e.State = jobs.Parked }), "goes from queued to parked"},
		"a wrong type":     {event(2, func(e *jobs.Event) { e.Type = jobs.EventExpired }), "leaves the job failed"},
		"an old event":     {event(2, func(e *jobs.Event) { e.At = e.At.Add(-time.Hour) }), "older than"},
		"a generation not counted": {
			event(3, func(e *jobs.Event) { e.Generation = 1 }), "goes from generation 1 to 1",
		},
		"a generation from nowhere": {event(2, func(e *jobs.Event) { e.Generation = 2 }), "goes from generation 1 to 2"},
		"a second end": {
			event(3, func(e *jobs.Event) {
				e.Type, e.State, e.Generation, e.Tier = jobs.EventSucceeded, jobs.Succeeded, 1, 1
			}), "ends its generation twice",
		},
		"a job accepted twice": {
			event(3, func(e *jobs.Event) { e.Type, e.Generation = jobs.EventQueued, 1 }), "accepted twice",
		},
		"a result that is gone":    {bent{get: func(j jobs.Job) jobs.Job { j.Result = nil; return j }}, "has result: false"},
		"a version not counted":    {bent{get: func(j jobs.Job) jobs.Job { j.Version--; return j }}, "not what its last event says"},
		"a state that is none":     {bent{get: func(j jobs.Job) jobs.Job { j.State = "gone"; return j }}, "no state"},
		"an attempt counted twice": {bent{attempts: func(as []jobs.Attempt) []jobs.Attempt { return append(as, as[0]) }}, "attempt 2.1 follows 2.2"},
		"an attempt of the future": {bent{attempts: func(as []jobs.Attempt) []jobs.Attempt { as[0].Generation = 3; return as }}, "generation 3 of 2"},
		"books that do not balance": {
			bent{stats: func(s jobs.Stats) jobs.Stats { s.Accepted++; return s }}, "stats differ",
		},
		"a queue that is not empty": {
			bent{stats: func(s jobs.Stats) jobs.Stats { s.Queues = append(s.Queues, jobs.QueueStats{}); return s }}, "stats differ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			as := c.as
			as.Engine = lived(t)
			got := watch(t, func(tb testing.TB) { jobstest.CheckHistories(tb, as, []jobs.ID{"job"}) })
			if !strings.Contains(got, c.want) {
				t.Errorf("got %q, want it to say %q", got, c.want)
			}
		})
	}
	t.Run("a lost job", func(t *testing.T) {
		got := watch(t, func(tb testing.TB) { jobstest.CheckHistories(tb, lived(t), []jobs.ID{"other"}) })
		if !strings.Contains(got, "lost") {
			t.Errorf("got %q", got)
		}
	})
}
