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

// reviewed is an engine with one job that was claimed, drafted and rejected in
// review, and erased.
func reviewed(t *testing.T) jobs.Engine {
	t.Helper()
	e := newEngine(t)
	if _, err := e.Accept(t.Context(), group("job")); err != nil {
		t.Fatal(err)
	}
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Finish(t.Context(), loans[0].Lease, jobs.Outcome{Kind: jobs.ToReview, Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []jobs.Command{
		{Kind: jobs.Claim, Until: time.Now().Add(time.Hour)}, {Kind: jobs.Draft, Draft: []byte("1")}, {Kind: jobs.Unclaim},
		{Kind: jobs.Reject}, {Kind: jobs.Erase},
	} {
		c.Job, c.Actor = "job", "ada"
		if _, err := e.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func TestEachBreachOfAReviewOrAnErasureIsFound(t *testing.T) {
	event := func(i int, change func(*jobs.Event)) bent {
		return bent{history: func(es []jobs.Event) []jobs.Event {
			es = slices.Clone(es)
			change(&es[i])
			return es
		}}
	}
	get := func(change func(*jobs.Job)) bent {
		return bent{get: func(j jobs.Job) jobs.Job { change(&j); return j }}
	}
	// The history: queued, started, in_review, claimed, drafted, unclaimed,
	// failed, erased.
	for name, c := range map[string]struct {
		as   bent
		want string
	}{
		"a claim that changes the state": {event(3, func(e *jobs.Event) { e.State = jobs.Queued }), "goes from in_review to queued"},
		"a claim outside of review":      {event(7, func(e *jobs.Event) { e.Type, e.State = jobs.EventClaimed, jobs.Failed }), "is of a review, and the job is failed"},
		"a live job erased":              {event(6, func(e *jobs.Event) { e.Type, e.State = jobs.EventErased, jobs.Erased }), "goes from in_review to erased"},
		"a job after its erasure": {bent{history: func(es []jobs.Event) []jobs.Event {
			last := es[7]
			last.Version, last.Type, last.State, last.Generation = 9, jobs.EventRequeued, jobs.Queued, 2
			return append(slices.Clone(es), last)
		}}, "goes from erased to queued"},
		"a document that is there": {bent{document: func([]byte, error) ([]byte, error) { return nil, nil }}, "its document is answered"},
		"a document's description": {get(func(j *jobs.Job) { j.Document.Size = 1 }), "kept document"},
		"labels":                   {get(func(j *jobs.Job) { j.Labels = map[string]string{"a": "b"} }), "kept document, labels"},
		"a schema":                 {get(func(j *jobs.Job) { j.Spec.SchemaJSON = []byte("{}") }), "labels or schema"},
		"a result":                 {get(func(j *jobs.Job) { j.Result = &jobs.Result{} }), "has result: true"},
		"nothing":                  {bent{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			as := c.as
			as.Engine = reviewed(t)
			got := watch(t, func(tb testing.TB) { jobstest.CheckHistories(tb, as, []jobs.ID{"job"}) })
			if !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("got %q, want it to say %q", got, c.want)
			}
		})
	}
	t.Run("a lost document", func(t *testing.T) {
		as := bent{Engine: lived(t), document: func([]byte, error) ([]byte, error) { return nil, jobs.ErrNotFound }}
		got := watch(t, func(tb testing.TB) { jobstest.CheckHistories(tb, as, []jobs.ID{"job"}) })
		if !strings.Contains(got, "no document") {
			t.Errorf("got %q", got)
		}
	})
}

func TestJobsMayBeMissingWhenTheyWereRemoved(t *testing.T) {
	for name, c := range map[string]struct {
		ids  []jobs.ID
		want string
	}{
		"two that were removed":    {[]jobs.ID{"a", "job", "b"}, ""},
		"one, named twice":         {[]jobs.ID{"a", "a", "a", "b"}, ""},
		"one more than was":        {[]jobs.ID{"a", "b", "c"}, "1 jobs are lost"},
		"three more than were":     {[]jobs.ID{"a", "b", "c", "d", "e"}, "3 jobs are lost"},
		"none, and all were there": {[]jobs.ID{"job"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			as := bent{Engine: lived(t), stats: func(s jobs.Stats) jobs.Stats {
				s.Removed = map[jobs.State]int64{jobs.Failed: 1, jobs.Erased: 1}
				return s
			}}
			got := watch(t, func(tb testing.TB) { jobstest.CheckHistories(tb, as, c.ids) })
			if !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("got %q, want it to say %q", got, c.want)
			}
		})
	}
}
