package jobstest

import (
	"github.com/sluicehq/sluice/pkg/jobs"
)

func operationBehaviours() []behaviour {
	return []behaviour{
		{name: "an operation is carried out once on a job", test: operationOnce},
		{name: "an operation stays done whatever people do besides", test: operationBesides},
		{name: "another operation is carried out", test: operationOther},
		{name: "an operation that did nothing left no mark", test: operationNoMark},
		{name: "an operation shows on its job", test: operationShown},
		{name: "an operation of another tenant finds nothing", test: operationTenant},
		{name: "who repeats an unclear operation has it once", test: operationRepeated},
	}
}

// of makes a command a part of an operation.
func of(operation jobs.ID, c jobs.Command) jobs.Command {
	c.Operation = operation
	return c
}

func operationOnce(f *fixture) {
	for kind, from := range map[jobs.CommandKind]jobs.State{
		jobs.Cancel: jobs.Queued, jobs.Requeue: jobs.Failed, jobs.Complete: jobs.Expired, jobs.Reject: jobs.InReview,
		jobs.SendBack: jobs.InReview, jobs.Move: jobs.Parked, jobs.Claim: jobs.InReview, jobs.Erase: jobs.Succeeded,
	} {
		name := "t_" + string(kind)
		j := f.bring(from, tenant(name))
		for _, c := range f.commands(j.ID) {
			if c.Kind != kind {
				continue
			}
			c.Version = j.Version
			c = of("op_1", c)
			if got := f.apply(c); got.Version != j.Version+1 || got.Operation != "op_1" {
				f.t.Errorf("%s by an operation: version %d after %d, operation %q", kind, got.Version, j.Version, got.Operation)
			}
			f.ignores(c) // with a version that is no longer current
			c.Version = 0
			f.ignores(c)
		}
		f.ignores(of("op_1", cancel(j.ID))) // an operation does one thing to a job
		f.bulkheads(jobs.Bulkhead{Tenant: name, Paused: true})
	}
}

func operationBesides(f *fixture) {
	j := f.bring(jobs.Failed)
	again := of("op_1", requeue(j.ID))
	f.apply(again)
	f.ignores(again) // queued
	l := f.lendOne()
	f.ignores(again) // running
	f.finish(l, fail())
	f.ignores(again) // failed anew: a person may requeue it, the operation has
	f.apply(requeue(j.ID))
	f.finish(f.lendOne(), review())
	f.apply(f.claim(j.ID, "ada", lease))
	f.ignores(again)
	f.apply(jobs.Command{Kind: jobs.Reject, Job: j.ID, Actor: "ada"})
	f.ignores(again)
	f.apply(erase(j.ID))
	f.ignores(again)
	if got := f.get(j.ID); got.Operation != "op_1" || got.Generation != 3 {
		f.t.Errorf("operation %q in generation %d", got.Operation, got.Generation)
	}
}

func operationOther(f *fixture) {
	j := f.bring(jobs.Failed)
	first := of("op_1", requeue(j.ID))
	first.Version = j.Version
	f.apply(first)
	second := of("op_2", cancel(j.ID))
	if got := f.apply(second); got.State != jobs.Cancelled || got.Operation != "op_2" {
		f.t.Errorf("after the second operation: %s by %q", got.State, got.Operation)
	}
	f.ignores(second)
	f.refuses(first) // it names its version, so it is not done twice
}

func operationNoMark(f *fixture) {
	cancelled, succeeded := f.bring(jobs.Cancelled), f.bring(jobs.Succeeded)
	f.ignores(of("op_1", cancel(cancelled.ID)))
	f.refuses(of("op_1", requeue(succeeded.ID)))
	for _, id := range []jobs.ID{cancelled.ID, succeeded.ID} {
		if got := f.get(id).Operation; got != "" {
			f.t.Errorf("an operation that did nothing left %q", got)
		}
	}
	if got := f.apply(of("op_1", requeue(cancelled.ID))); got.State != jobs.Queued {
		f.t.Errorf("after that it is %s", got.State)
	}
}

func operationShown(f *fixture) {
	j := f.bring(jobs.Failed, key("k"))
	want := f.apply(of("op_1", requeue(j.ID)))
	f.same("the stored job", want, f.get(j.ID))
	f.same("the listed job", want, f.listed(j.ID))
	if got, err := f.ByKey(f.ctx(), "acme", "k"); err != nil || got.Operation != "op_1" {
		f.t.Errorf("by key: operation %q, %v", got.Operation, err)
	}
	l := f.lendOne()
	if l.Job.Operation != "op_1" {
		f.t.Errorf("the loan has operation %q", l.Job.Operation)
	}
	if got := f.finish(l, succeed()); got.Operation != "op_1" {
		f.t.Errorf("the outcome has operation %q", got.Operation)
	}
}

func operationTenant(f *fixture) {
	j := f.bring(jobs.Failed)
	c := of("op_1", requeue(j.ID))
	c.Tenant = "globex"
	_, err := f.Apply(f.ctx(), c)
	f.wantKind("another tenant's", err, jobs.ErrNotFound)
	c.Tenant = "acme"
	f.apply(c)
	c.Tenant = "globex"
	_, err = f.Apply(f.ctx(), c)
	f.wantKind("another tenant's, repeated", err, jobs.ErrNotFound)
}

func operationRepeated(f *fixture) {
	faulty := &Faulty{Engine: f.Engine, Plan: Seeded(5, 0.5, ErrorBefore, ErrorAfter, Doubled)}
	for range 20 {
		j := f.bring(jobs.Cancelled)
		err := again(func() error { _, err := faulty.Apply(f.ctx(), of("op_1", requeue(j.ID))); return err })
		if err != nil {
			f.t.Errorf("a requeue repeated: %v", err)
		}
		if got := f.get(j.ID); got.Version != j.Version+1 || got.Generation != 2 {
			f.t.Errorf("a requeue repeated led to version %d, generation %d", got.Version, got.Generation)
		}
	}
	if len(faulty.Injected()) != 3 {
		f.t.Errorf("only these faults came up: %v", faulty.Injected())
	}
}
