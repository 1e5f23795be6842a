package jobs_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// stays are the events that leave a job in its state.
var stays = []jobs.EventType{
	jobs.EventMoved, jobs.EventCancelAsked, jobs.EventClaimed, jobs.EventDrafted, jobs.EventUnclaimed,
}

// walker does random transitions of one job and watches it.
type walker struct {
	job  jobs.Job
	now  time.Time
	ends int // in this generation, not by a person
}

func TestRandomWalksKeepToTheTable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := jobs.Policy{MaxLoans: rapid.IntRange(1, 3).Draw(rt, "max loans")}
		all := transitions(p)
		w := &walker{now: noon}
		var first jobs.Event
		w.job, first = jobs.NewJob(sound(), 7, noon)
		if first.Version != 1 || first.Type != jobs.EventQueued || w.job.Version != 1 {
			rt.Fatalf("a new job begins with %+v", first)
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(rt, "ms")) * time.Millisecond)
			w.step(rt, rapid.SampledFrom(all).Draw(rt, "transition"), p)
		}
	})
}

func (w *walker) step(rt *rapid.T, tr transition, p jobs.Policy) {
	before := w.job
	ev, changed, err := tr.do(&w.job, w.now)
	after := w.job
	if err != nil || !changed {
		if after.Version != before.Version || after.State != before.State {
			rt.Fatalf("%s changed nothing, and the job went from %s (%d) to %s (%d)",
				tr.name, before.State, before.Version, after.State, after.Version)
		}
		return
	}
	switch {
	case after.Version != before.Version+1 || ev.Version != after.Version || ev.State != after.State || ev.Generation != after.Generation:
		rt.Fatalf("%s: from version %d to %d with %+v", tr.name, before.Version, after.Version, ev)
	case before.State != after.State && !before.State.CanBecome(after.State):
		rt.Fatalf("%s goes from %s to %s", tr.name, before.State, after.State)
	case before.State == after.State && !slices.Contains(stays, ev.Type):
		rt.Fatalf("%s stays %s with event %s", tr.name, after.State, ev.Type)
	}
	w.count(rt, before, ev)
	w.wellFormed(rt, p)
}

// count wants each generation to end once, but for a person who completes it.
func (w *walker) count(rt *rapid.T, before jobs.Job, ev jobs.Event) {
	rerun := ev.Type == jobs.EventRequeued || ev.Type == jobs.EventSentBack
	if grown := w.job.Generation - before.Generation; grown != 0 && !rerun || grown != 1 && rerun {
		rt.Fatalf("%s goes from generation %d to %d", ev.Type, before.Generation, w.job.Generation)
	}
	if rerun {
		w.ends = 0
	}
	if w.job.State.Terminal() && w.job.State != jobs.Erased && (!before.State.Terminal() || w.job.Tier != 4) {
		w.ends++
	}
	if w.ends > 1 {
		rt.Fatalf("generation %d ends twice", w.job.Generation)
	}
}

// wellFormed wants the parts of the job to fit its state.
func (w *walker) wellFormed(rt *rapid.T, p jobs.Policy) {
	j := w.job
	waits := j.State == jobs.Parked
	for what, ok := range map[string]bool{
		"a result exactly when succeeded":          (j.Result != nil) == (j.State == jobs.Succeeded),
		"a failure exactly when failed or expired": (j.Failure != nil) == j.State.DeadLetter() || j.State == jobs.Erased,
		"a review exactly when in review":          (j.Review != nil) == (j.State == jobs.InReview),
		"an end exactly when terminal":             j.EndedAt.IsZero() != j.State.Terminal(),
		"a gate and a time exactly when parked":    (j.Gate != "") == waits && j.ParkedUntil.IsZero() != waits,
		"a worker and an end of the lease exactly when running": (j.Lease.Worker != "") == (j.State == jobs.Running) &&
			j.Lease.Until.IsZero() != (j.State == jobs.Running),
		"asked to stop only while running": !j.CancelAsked || j.State == jobs.Running,
		"a reason of cancelling only when told or cancelled": j.CancelReason == "" ||
			j.State == jobs.Running || j.State == jobs.Cancelled || j.State == jobs.Erased,
		"nothing of a document when erased": j.State != jobs.Erased || len(j.Labels) == 0 && j.Document == jobs.Document{},
		"a review's claim in full or none":  j.Review == nil || (j.Review.ClaimedBy != "") == !j.Review.ClaimedUntil.IsZero(),
		"loans within the limit":            j.Loans >= 0 && j.Loans <= p.MaxLoans,
		"a start before any loan":           !j.StartedAt.IsZero() || j.Loans == 0,
	} {
		if !ok {
			rt.Fatalf("want %s: %+v", what, j)
		}
	}
}
