package jobstest

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func commandBehaviours() []behaviour {
	return []behaviour{
		{name: "a command fits the states of the table and no others", test: commandStates},
		{name: "a command compares the version", test: commandVersion},
		{name: "a command of another tenant finds nothing", test: commandTenant},
		{name: "a malformed command is refused", test: commandInvalid},
		{name: "a job completed by a person succeeds on tier 4", test: commandCompletes},
		{name: "a rejected job fails", test: commandRejects},
		{name: "a requeued job runs anew at the end of its queue", test: commandRequeues},
		{name: "a job sent back runs anew with what the command says", test: commandSendsBack},
		{name: "a new generation has the time of the one before it", test: commandDeadline},
		{name: "a moved job keeps its place", test: commandMoves},
		{name: "a parked job moved wakes in its new lane", test: commandMovesParked},
	}
}

// commands are one of each kind for a job that can be moved to critical.
func commands(id jobs.ID) []jobs.Command {
	to := jobs.Critical
	return []jobs.Command{
		{Kind: jobs.Cancel, Job: id},
		{Kind: jobs.Requeue, Job: id},
		{Kind: jobs.Complete, Job: id, Result: result()},
		{Kind: jobs.Reject, Job: id},
		{Kind: jobs.SendBack, Job: id},
		{Kind: jobs.Move, Job: id, Lane: &to},
	}
}

// commands are one of each kind.
func (f *fixture) commands(id jobs.ID) []jobs.Command {
	return append(commands(id), f.claim(id, "person", time.Hour), draft(id, "person", `{}`), unclaim(id, "person"), erase(id))
}

func commandStates(f *fixture) {
	// What a command leads to from each state where it fits; a running job
	// that is cancelled goes on running. A draft fits none without a claim.
	table := map[jobs.CommandKind]map[jobs.State]jobs.State{
		jobs.Cancel: {
			jobs.Queued: jobs.Cancelled, jobs.Parked: jobs.Cancelled, jobs.InReview: jobs.Cancelled,
			jobs.Running: jobs.Running, jobs.Cancelled: jobs.Cancelled,
		},
		jobs.Requeue: {jobs.Failed: jobs.Queued, jobs.Expired: jobs.Queued, jobs.Cancelled: jobs.Queued},
		jobs.Complete: {
			jobs.InReview: jobs.Succeeded, jobs.Failed: jobs.Succeeded,
			jobs.Expired: jobs.Succeeded, jobs.Cancelled: jobs.Succeeded,
		},
		jobs.Reject:   {jobs.InReview: jobs.Failed},
		jobs.SendBack: {jobs.InReview: jobs.Queued},
		jobs.Move:     {jobs.Queued: jobs.Queued, jobs.Parked: jobs.Parked},
		jobs.Claim:    {jobs.InReview: jobs.InReview},
		jobs.Unclaim:  {jobs.InReview: jobs.InReview},
		jobs.Erase: {
			jobs.Succeeded: jobs.Erased, jobs.Failed: jobs.Erased, jobs.Cancelled: jobs.Erased,
			jobs.Expired: jobs.Erased, jobs.Erased: jobs.Erased,
		},
	}
	// What it fits and changes nothing of.
	idle := map[jobs.CommandKind]jobs.State{
		jobs.Cancel: jobs.Cancelled, jobs.Unclaim: jobs.InReview, jobs.Erase: jobs.Erased,
	}
	for _, from := range jobs.States() {
		for _, c := range f.commands("") {
			f.run(fmt.Sprintf("%s/%s", from, c.Kind), func() {
				name := "t_" + string(from) + "_" + string(c.Kind)
				j := f.bring(from, tenant(name))
				defer f.bulkheads(jobs.Bulkhead{Tenant: name, Paused: true}) // out of the way of the others
				c.Job, c.Actor = j.ID, "person"
				want, fits := table[c.Kind][from]
				if !fits {
					f.unchanged(j.ID, func() {
						_, err := f.Apply(f.ctx(), c)
						f.wantKind("the command", err, jobs.ErrConflict)
					})
					return
				}
				got := f.apply(c)
				if got.State != want {
					f.t.Errorf("it became %s, want %s", got.State, want)
				}
				f.same("the stored job", got, f.get(j.ID))
				if idle[c.Kind] == from {
					f.same("a job that should not change", j, got)
					return
				}
				events := f.history(j.ID)
				if last := events[len(events)-1]; got.Version != j.Version+1 || last.Actor != "person" {
					f.t.Errorf("version %d follows %d with event %+v", got.Version, j.Version, last)
				}
			})
		}
	}
}

func commandVersion(f *fixture) {
	for kind, from := range map[jobs.CommandKind]jobs.State{
		jobs.Cancel: jobs.Running, jobs.Requeue: jobs.Expired, jobs.Complete: jobs.Failed,
		jobs.Reject: jobs.InReview, jobs.SendBack: jobs.InReview, jobs.Move: jobs.Parked,
		jobs.Claim: jobs.InReview, jobs.Erase: jobs.Succeeded,
	} {
		name := "t_" + string(kind)
		j := f.bring(from, lane(jobs.Batch), tenant(name))
		for _, c := range f.commands(j.ID) {
			if c.Kind != kind {
				continue
			}
			for _, v := range []int64{j.Version - 1, j.Version + 1, -1} {
				c.Version = v
				f.unchanged(j.ID, func() {
					_, err := f.Apply(f.ctx(), c)
					f.wantKind(fmt.Sprintf("%s with version %d", kind, v), err, jobs.ErrConflict)
				})
			}
			c.Version = j.Version
			f.apply(c)
			_, err := f.Apply(f.ctx(), c)
			f.wantKind(string(kind)+" repeated", err, jobs.ErrConflict)
		}
		f.bulkheads(jobs.Bulkhead{Tenant: name, Paused: true}) // out of the way of the others
	}
}

func commandTenant(f *fixture) {
	j := f.submit()
	for _, c := range f.commands(j.ID) {
		c.Tenant = "globex"
		f.unchanged(j.ID, func() {
			_, err := f.Apply(f.ctx(), c)
			f.wantKind(string(c.Kind), err, jobs.ErrNotFound)
			c.Version = 99
			_, err = f.Apply(f.ctx(), c)
			f.wantKind(string(c.Kind)+" with a version", err, jobs.ErrNotFound)
		})
	}
	for _, c := range f.commands("no_such_job") {
		_, err := f.Apply(f.ctx(), c)
		f.wantKind(string(c.Kind)+" of no job", err, jobs.ErrNotFound)
	}
	c := cancel(j.ID)
	c.Tenant = "acme"
	f.apply(c)
}

func commandInvalid(f *fixture) {
	j := f.bring(jobs.InReview)
	beyond := jobs.Lane(jobs.NumLanes)
	f.unchanged(j.ID, func() {
		for name, c := range map[string]jobs.Command{
			"no kind":         {Job: j.ID},
			"unknown kind":    {Kind: "vanish", Job: j.ID},
			"no job":          {Kind: jobs.Cancel},
			"ill-formed job":  {Kind: jobs.Cancel, Job: "a/b"},
			"long reason":     {Kind: jobs.Cancel, Job: j.ID, Reason: string(make([]byte, jobs.MaxReasonBytes+1))},
			"no lane":         {Kind: jobs.Move, Job: j.ID},
			"unknown lane":    {Kind: jobs.SendBack, Job: j.ID, Lane: &beyond},
			"no result":       {Kind: jobs.Complete, Job: j.ID},
			"result not JSON": {Kind: jobs.Complete, Job: j.ID, Result: &jobs.Result{Data: []byte("nul")}},
		} {
			_, err := f.Apply(f.ctx(), c)
			f.wantKind(name, err, jobs.ErrInvalid)
		}
	})
}

func commandCompletes(f *fixture) {
	for _, from := range []jobs.State{jobs.InReview, jobs.Failed, jobs.Expired, jobs.Cancelled} {
		want := f.bring(from)
		f.clock.Advance(time.Second)
		now := f.clock.Now()
		r := result()
		got := f.apply(jobs.Command{Kind: jobs.Complete, Job: want.ID, Actor: "ada", Reason: "read by hand", Result: r})
		r.Data[0] = 'X'
		want.State, want.Tier, want.Result, want.EndedAt, want.UpdatedAt = jobs.Succeeded, 4, result(), now, now
		want.Version++
		want.Failure, want.Review, want.Reason, want.CancelReason = nil, nil, "", ""
		f.same("the answer from "+string(from), want, got)
		f.same("the stored job", want, f.get(want.ID))
		events := f.history(want.ID)
		f.same("the event", jobs.Event{
			Job: want.ID, Tenant: "acme", Version: want.Version, Type: jobs.EventSucceeded, At: now, State: jobs.Succeeded,
			Lane: jobs.Standard, Generation: 1, Tier: 4, Reason: "read by hand", Actor: "ada",
		}, events[len(events)-1])
	}
}

func commandRejects(f *fixture) {
	for _, class := range []jobs.Class{"", "illegible"} {
		j := f.bring(jobs.InReview)
		got := f.apply(jobs.Command{Kind: jobs.Reject, Job: j.ID, Class: class, Reason: "blank page"})
		want := class
		if want == "" {
			want = jobs.ClassRejected
		}
		if got.State != jobs.Failed || got.Failure == nil || got.Failure.Class != want || got.Tier != 4 || got.Review != nil {
			f.t.Errorf("a rejected job: %+v", got)
		}
		f.same("the stored job", got, f.get(j.ID))
	}
}

func commandRequeues(f *fixture) {
	j := f.submit()
	next := f.submit()
	l := f.lendOne()
	f.putAttempts(l, call(1, f.clock.Now()))
	want := f.finish(l, fail())
	f.clock.Advance(10 * time.Minute)
	now := f.clock.Now()
	got := f.apply(jobs.Command{Kind: jobs.Requeue, Job: j.ID})
	if got.Seq <= next.Seq {
		f.t.Errorf("the requeued job has seq %d, the one to go before it %d", got.Seq, next.Seq)
	}
	want.State, want.Generation, want.Seq, want.EnqueuedAt, want.UpdatedAt = jobs.Queued, 2, got.Seq, now, now
	want.Version++
	want.DeadlineAt = now.Add(time.Hour)
	want.Failure, want.Tier, want.Loans, want.Lease = nil, 0, 0, jobs.Lease{}
	want.StartedAt, want.EndedAt = time.Time{}, time.Time{}
	f.same("the answer", want, got)
	f.same("the stored job", want, f.get(j.ID))
	f.same("its events", []jobs.EventType{
		jobs.EventQueued, jobs.EventStarted, jobs.EventFailed, jobs.EventRequeued,
	}, f.types(j.ID))
	f.same("lent", []jobs.ID{next.ID, j.ID}, f.lendAll())
	if n := len(f.attempts(j.ID)); n != 1 {
		f.t.Errorf("the ledger has %d rows, want the 1 of the first generation", n)
	}
}

func commandSendsBack(f *fixture) {
	j := f.bring(jobs.InReview)
	to, deadline := jobs.Interactive, f.clock.Now().Add(5*time.Minute)
	got := f.apply(jobs.Command{
		Kind: jobs.SendBack, Job: j.ID, Version: j.Version, Actor: "ada", Reason: "try again",
		Lane: &to, DeadlineAt: deadline.Add(999),
	})
	if got.State != jobs.Queued || got.Generation != 2 || got.Lane != to || !got.DeadlineAt.Equal(deadline) || got.Review != nil {
		f.t.Errorf("a job sent back: %+v", got)
	}
	f.same("its event", jobs.Event{
		Job: j.ID, Tenant: "acme", Version: 4, Type: jobs.EventSentBack, At: f.clock.Now(), State: jobs.Queued,
		Lane: to, Generation: 2, Reason: "try again", Actor: "ada",
	}, f.history(j.ID)[3])
	f.same("lent", []jobs.ID{j.ID}, f.lendAll())
}

func commandDeadline(f *fixture) {
	j := f.bring(jobs.Expired)
	for range 2 {
		f.clock.Advance(time.Minute)
		got := f.apply(jobs.Command{Kind: jobs.Requeue, Job: j.ID})
		if want := f.clock.Now().Add(time.Millisecond); !got.DeadlineAt.Equal(want) {
			f.t.Errorf("the deadline is %s, want %s", got.DeadlineAt, want)
		}
		f.clock.Advance(time.Second)
		f.same("a sweep", jobs.Swept{Expired: 1}, f.sweep())
	}
	f.apply(jobs.Command{Kind: jobs.Requeue, Job: j.ID, DeadlineAt: f.clock.Now().Add(time.Minute)})
	f.clock.Advance(time.Minute - time.Millisecond)
	f.same("a sweep before the deadline", jobs.Swept{}, f.sweep())
	f.clock.Advance(time.Millisecond)
	f.same("a sweep at the deadline", jobs.Swept{Expired: 1}, f.sweep())
}

func move(id jobs.ID, to jobs.Lane) jobs.Command {
	return jobs.Command{Kind: jobs.Move, Job: id, Lane: &to, Actor: "ops", Reason: "urgent"}
}

func commandMoves(f *fixture) {
	old := f.submit()
	young := f.submitMany(2, lane(jobs.Interactive))
	f.clock.Advance(time.Second)
	want := old
	want.Lane, want.Version, want.UpdatedAt = jobs.Interactive, 2, f.clock.Now()
	f.same("the answer", want, f.apply(move(old.ID, jobs.Interactive)))
	f.same("the event", jobs.Event{
		Job: old.ID, Tenant: "acme", Version: 2, Type: jobs.EventMoved, At: f.clock.Now(), State: jobs.Queued,
		Lane: jobs.Interactive, Generation: 1, Reason: "urgent", Actor: "ops",
	}, f.history(old.ID)[1])
	f.unchanged(old.ID, func() { f.same("a move to its own lane", want, f.apply(move(old.ID, jobs.Interactive))) })
	f.same("lent", append([]jobs.ID{old.ID}, young...), f.lendAll())
}

func commandMovesParked(f *fixture) {
	j := f.bring(jobs.Parked)
	f.submit(lane(jobs.Critical))
	if got := f.apply(move(j.ID, jobs.Critical)); got.State != jobs.Parked || got.Lane != jobs.Critical || got.Gate == "" {
		f.t.Errorf("a parked job moved: %+v", got)
	}
	f.clock.Advance(time.Minute)
	f.sweep()
	if got := f.lendOne(); got.Job.ID != j.ID || got.Job.Lane != jobs.Critical {
		f.t.Errorf("lent %s in lane %s, want the woken job at the head of its new lane", got.Job.ID, got.Job.Lane)
	}
}
