package jobstest

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func closeBehaviours() []behaviour {
	return []behaviour{
		{name: "an engine closes twice", test: closeTwice},
		{name: "closing ends what waits", test: closeEndsWaits},
		{name: "a closed engine answers that it is closed", test: closeAnswers},
		{name: "an ended context ends every call", test: contextEnds},
	}
}

func closeTwice(f *fixture) {
	f.closing = true
	for range 2 {
		if err := f.Close(); err != nil {
			f.t.Errorf("close: %v", err)
		}
	}
}

func closeEndsWaits(f *fixture) {
	f.closing = true
	a, b := f.await(f.ctx(), "patient-a", longWait), f.await(f.ctx(), "patient-b", longWait)
	if err := f.Close(); err != nil {
		f.t.Fatalf("close: %v", err)
	}
	for _, answer := range []<-chan lent{a, b} {
		f.wantKind("a lend that waited", f.take(answer).err, jobs.ErrClosed)
	}
}

// everyCall makes each call that an engine has, with arguments that would do
// something to the job that l lends.
func everyCall(ctx context.Context, e jobs.Engine, s jobs.Submission, l jobs.Lease) map[string]error {
	errs := make(map[string]error)
	_, errs["accept"] = e.Accept(ctx, []jobs.Submission{s})
	_, errs["lend"] = e.Lend(ctx, request(1))
	_, errs["extend"] = e.Extend(ctx, []jobs.Lease{l}, time.Minute)
	errs["put attempts"] = e.PutAttempts(ctx, l, call(1, s.DeadlineAt))
	_, errs["apply"] = e.Apply(ctx, cancel(l.Job))
	_, errs["finish"] = e.Finish(ctx, l, succeed())
	_, errs["sweep"] = e.Sweep(ctx)
	errs["set bulkheads"] = e.SetBulkheads(ctx, jobs.Bulkhead{Tenant: "acme"})
	_, errs["get"] = e.Get(ctx, "", l.Job)
	_, errs["by key"] = e.ByKey(ctx, "acme", "k")
	_, errs["document"] = e.Document(ctx, "", l.Job)
	_, errs["attempts"] = e.Attempts(ctx, "", l.Job)
	_, errs["history"] = e.History(ctx, "", l.Job, 0)
	_, errs["list"] = e.List(ctx, jobs.Filter{}, jobs.Page{})
	_, errs["stats"] = e.Stats(ctx)
	_, errs["put record"] = e.Records().Put(ctx, jobs.Record{Kind: "k", ID: "r", Version: jobs.AnyVersion})
	_, errs["get record"] = e.Records().Get(ctx, "k", "r")
	_, errs["list records"] = e.Records().List(ctx, jobs.RecordQuery{Kind: "k"})
	errs["delete record"] = e.Records().Delete(ctx, "k", "r", jobs.AnyVersion)
	return errs
}

// everyCall makes each call that the engine of the test has.
func (f *fixture) everyCall(ctx context.Context, s jobs.Submission, l jobs.Lease) map[string]error {
	errs := everyCall(ctx, f.Engine, s, l)
	_, errs["count"] = f.archive.Count(ctx, jobs.Filter{})
	_, errs["groups"] = f.archive.Groups(ctx, jobs.Filter{})
	_, errs["spent"] = f.archive.Spent(ctx, "acme", s.DeadlineAt)
	_, errs["retain"] = f.archive.Retain(ctx, jobs.Retention{})
	return errs
}

func closeAnswers(f *fixture) {
	f.closing = true
	j := f.bring(jobs.Running, key("k"))
	s := f.submission()
	if err := f.Close(); err != nil {
		f.t.Fatalf("close: %v", err)
	}
	for what, err := range f.everyCall(f.ctx(), s, loanOf(j).Lease) {
		f.wantKind(what, err, jobs.ErrClosed)
	}
}

func contextEnds(f *fixture) {
	j := f.bring(jobs.Running, key("k"))
	s := f.submission()
	ctx, cancel := context.WithCancel(f.ctx())
	cancel()
	f.unchanged(j.ID, func() {
		for what, err := range f.everyCall(ctx, s, loanOf(j).Lease) {
			if !errors.Is(err, context.Canceled) {
				f.t.Errorf("%s: got %v, want the context's error", what, err)
			}
		}
	})
	f.same("the jobs", []jobs.ID{j.ID}, f.list(jobs.Filter{}, jobs.Page{}))
	for what, err := range f.everyCall(f.ctx(), f.accepted(s), loanOf(j).Lease) {
		if err != nil {
			f.t.Errorf("%s: %v", what, err)
		}
	}
}

// accepted notes that a test accepts s by itself.
func (f *fixture) accepted(s jobs.Submission) jobs.Submission {
	f.ids = append(f.ids, s.ID)
	return s
}
