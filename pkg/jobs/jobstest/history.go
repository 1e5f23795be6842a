package jobstest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// CheckHistories judges an engine after any test, when nothing is under way:
//   - each of ids, the jobs that were answered as accepted, is there in a state
//     of the table, or was removed: no more are missing than Stats.Removed
//     counts (none is lost);
//   - its history has no gap, makes only moves of the table, counts
//     generations where jobs run anew and nowhere else, ends each generation
//     once, and agrees with the job; a result is final until it is erased, and
//     an erased job stays so, with nothing left of document, result and labels
//     (no effect is doubled or undone);
//   - its ledger numbers each attempt once;
//   - the counts of Stats are those of the jobs there are (the books balance):
//     with those of Stats.Removed they make up all that were ever accepted.
//
// It reports all it finds by tb.Errorf.
func CheckHistories(tb testing.TB, e jobs.Engine, ids []jobs.ID) {
	tb.Helper()
	var removed int64
	for _, n := range checkBooks(tb, e).Removed {
		removed += n
	}
	checkHistories(tb, e, ids, removed)
}

// checkHistories judges ids, of which some may have been removed.
func checkHistories(tb testing.TB, e jobs.Engine, ids []jobs.ID, removed int64) {
	tb.Helper()
	var missing []jobs.ID
	for _, id := range ids {
		j, err := e.Get(tb.Context(), "", id)
		if errors.Is(err, jobs.ErrNotFound) {
			missing = append(missing, id)
			continue
		}
		if err != nil {
			tb.Errorf("job %s: %v", id, err)
			continue
		}
		for _, fault := range judge(tb, e, j) {
			tb.Errorf("job %s: %s", id, fault)
		}
	}
	slices.Sort(missing)
	if missing = slices.Compact(missing); int64(len(missing)) > removed {
		tb.Errorf("%d jobs are lost: %d of %v were removed", int64(len(missing))-removed, removed, missing)
	}
}

func judge(tb testing.TB, e jobs.Engine, j jobs.Job) []string {
	ctx, id := tb.Context(), j.ID
	events, err := e.History(ctx, "", id, 0)
	if err != nil {
		return []string{fmt.Sprintf("no history: %v", err)}
	}
	attempts, err := e.Attempts(ctx, "", id)
	if err != nil {
		return []string{fmt.Sprintf("no ledger: %v", err)}
	}
	faults := append(judgeEvents(j, events), judgeAttempts(j, attempts)...)
	_, err = e.Document(ctx, "", id)
	switch erased := j.State == jobs.Erased; {
	case !erased && err != nil:
		faults = append(faults, fmt.Sprintf("no document: %v", err))
	case erased && !errors.Is(err, jobs.ErrNotFound):
		faults = append(faults, fmt.Sprintf("is erased, and its document is answered with error %v", err))
	case erased && (j.Document != jobs.Document{} || len(j.Labels) > 0 || len(j.Spec.SchemaJSON) > 0):
		faults = append(faults, "is erased, and kept document, labels or schema")
	}
	return faults
}

// judgeEvents returns what is wrong with a job's history.
func judgeEvents(j jobs.Job, events []jobs.Event) []string {
	if len(events) == 0 {
		return []string{"has no history"}
	}
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !j.State.Valid() {
		fault("is %q, which is no state", j.State)
	}
	for i, ev := range events {
		if ev.Job != j.ID || ev.Tenant != j.Tenant {
			fault("event %d is of another job or tenant", i+1)
		}
		if ev.Version != int64(i+1) {
			fault("event %d has version %d", i+1, ev.Version)
		}
		if i == 0 {
			if ev.Type != jobs.EventQueued || ev.State != jobs.Queued || ev.Generation != 1 {
				fault("begins with %s (%s, generation %d)", ev.Type, ev.State, ev.Generation)
			}
			continue
		}
		if why := illegal(events[i-1], ev); why != "" {
			fault("event %d, %s: %s", ev.Version, ev.Type, why)
		}
	}
	last := events[len(events)-1]
	if j.Version != last.Version || j.State != last.State || j.Lane != last.Lane ||
		j.Generation != last.Generation || j.Tier != last.Tier || !j.UpdatedAt.Equal(last.At) {
		fault("is not what its last event says: %+v", last)
	}
	if (j.State == jobs.Succeeded) != (j.Result != nil) {
		fault("is %s and has result: %t", j.State, j.Result != nil)
	}
	return faults
}

// illegal says why ev may not follow prev, or nothing.
func illegal(prev, ev jobs.Event) string {
	rerun := ev.Type == jobs.EventRequeued || ev.Type == jobs.EventSentBack
	switch generation := prev.Generation; {
	case rerun && ev.Generation != generation+1, !rerun && ev.Generation != generation:
		return fmt.Sprintf("goes from generation %d to %d", generation, ev.Generation)
	case ev.At.Before(prev.At):
		return "is older than the event before it"
	case ev.Type == jobs.EventQueued:
		return "is accepted twice"
	case stays(ev.Type):
		if ev.State != prev.State {
			return fmt.Sprintf("goes from %s to %s", prev.State, ev.State)
		}
		if ev.Type != jobs.EventMoved && ev.Type != jobs.EventCancelAsked && ev.State != jobs.InReview {
			return "is of a review, and the job is " + string(ev.State)
		}
		return ""
	case !prev.State.CanBecome(ev.State):
		return fmt.Sprintf("goes from %s to %s", prev.State, ev.State)
	case prev.State.Terminal() && !rerun && ev.State != jobs.Erased && (ev.State != jobs.Succeeded || ev.Tier != 4):
		return "ends its generation twice, and not by a person"
	case stateOf(ev.Type) != ev.State:
		return fmt.Sprintf("leaves the job %s", ev.State)
	}
	return ""
}

// stays reports whether an event changes no state.
func stays(t jobs.EventType) bool { return stateOf(t) == "" }

// stateOf is the state that an event of a change of state leads to.
func stateOf(t jobs.EventType) jobs.State {
	switch t {
	case jobs.EventQueued, jobs.EventWoken, jobs.EventReleased, jobs.EventLeaseEnded,
		jobs.EventRequeued, jobs.EventSentBack:
		return jobs.Queued
	case jobs.EventStarted:
		return jobs.Running
	case jobs.EventParked:
		return jobs.Parked
	case jobs.EventInReview:
		return jobs.InReview
	case jobs.EventSucceeded:
		return jobs.Succeeded
	case jobs.EventFailed:
		return jobs.Failed
	case jobs.EventCancelled:
		return jobs.Cancelled
	case jobs.EventExpired:
		return jobs.Expired
	case jobs.EventErased:
		return jobs.Erased
	case jobs.EventMoved, jobs.EventCancelAsked,
		jobs.EventClaimed, jobs.EventDrafted, jobs.EventUnclaimed: // change no state
	}
	return ""
}

func judgeAttempts(j jobs.Job, attempts []jobs.Attempt) []string {
	var faults []string
	for i, a := range attempts {
		if a.Generation < 1 || a.Generation > j.Generation {
			faults = append(faults, fmt.Sprintf("attempt %d is of generation %d of %d", i, a.Generation, j.Generation))
		}
		if i == 0 {
			continue
		}
		p := attempts[i-1]
		if a.Generation < p.Generation || a.Generation == p.Generation && a.N <= p.N {
			faults = append(faults, fmt.Sprintf("attempt %d.%d follows %d.%d", a.Generation, a.N, p.Generation, p.N))
		}
	}
	return faults
}

// checkBooks counts all jobs, compares with Stats and returns these.
func checkBooks(tb testing.TB, e jobs.Engine) jobs.Stats {
	tb.Helper()
	stats, err := e.Stats(tb.Context())
	if err != nil {
		tb.Errorf("stats: %v", err)
		return jobs.Stats{}
	}
	got := normalStats(stats)
	want := jobs.Stats{At: stats.At, Slots: stats.Slots, Workers: stats.Workers, Removed: got.Removed}
	count(&want, allJobs(tb, e))
	for i := range got.Queues {
		got.Queues[i].Service = 0 // no job says what it was
	}
	if diff := difference(want, got); diff != "" {
		tb.Errorf("stats differ from the jobs there are (-jobs +stats):\n%s", diff)
	}
	return stats
}

// allJobs pages through all jobs.
func allJobs(tb testing.TB, e jobs.Engine) []jobs.Job {
	tb.Helper()
	var all []jobs.Job
	p := jobs.Page{Limit: jobs.MaxPage}
	for {
		page, err := e.List(tb.Context(), jobs.Filter{}, p)
		if err != nil {
			tb.Fatalf("list: %v", err)
		}
		all = append(all, page...)
		if len(page) < p.Limit {
			return all
		}
		p.Before = page[len(page)-1].ID
	}
}

// count fills in the counts that belong to all.
func count(s *jobs.Stats, all []jobs.Job) {
	s.Accepted = int64(len(all))
	s.States = make(map[jobs.State]int64)
	for _, j := range all {
		s.States[j.State]++
	}
	for _, lane := range jobs.Lanes() {
		tenants := make(map[string]bool)
		for _, j := range all {
			if j.Lane == lane && (j.State == jobs.Queued || j.State == jobs.Running || j.State == jobs.Parked) {
				tenants[j.Tenant] = true
			}
		}
		for _, tenant := range slices.Sorted(maps.Keys(tenants)) {
			s.Queues = append(s.Queues, countQueue(lane, tenant, all))
		}
	}
}

func countQueue(lane jobs.Lane, tenant string, all []jobs.Job) jobs.QueueStats {
	q := jobs.QueueStats{Lane: lane, Tenant: tenant}
	var head jobs.Job
	for _, j := range all {
		if j.Lane != lane || j.Tenant != tenant {
			continue
		}
		switch j.State {
		case jobs.Running:
			q.Running++
		case jobs.Parked:
			q.Parked++
		case jobs.Queued:
			q.Queued++
			if head.ID == "" || j.Seq < head.Seq {
				head = j
			}
		case jobs.InReview, jobs.Succeeded, jobs.Failed, jobs.Cancelled, jobs.Expired, jobs.Erased: // not counted by queue
		}
	}
	q.OldestAt = head.EnqueuedAt
	return q
}

// normalStats is a copy of s without the states that no job is or was in.
func normalStats(s jobs.Stats) jobs.Stats {
	none := func(_ jobs.State, n int64) bool { return n == 0 }
	s.States, s.Removed, s.Queues = maps.Clone(s.States), maps.Clone(s.Removed), slices.Clone(s.Queues)
	maps.DeleteFunc(s.States, none)
	maps.DeleteFunc(s.Removed, none)
	return s
}
