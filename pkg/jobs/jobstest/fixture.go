package jobstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// fixture is an engine under test with all that its test needs.
type fixture struct {
	jobs.Engine // the one that is open now

	t       *testing.T
	h       Harness
	store   Store
	setup   Setup
	clock   *Clock
	heard   *listener
	n       int       // submissions made
	ids     []jobs.ID // accepted
	closing bool      // the test closes the engine itself
}

// newFixture opens an engine with the policy. It closes when the test ends.
func newFixture(t *testing.T, h Harness, p jobs.Policy) *fixture {
	t.Helper()
	f := &fixture{t: t, h: h, store: h.NewStore(t), clock: NewClock(), heard: &listener{}}
	f.setup = Setup{Policy: p, Clock: f.clock.Now, Listener: jobs.Listener{Committed: f.heard.committed}}
	f.Engine = f.store.Open(t, f.setup)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			f.t.Errorf("close: %v", err)
		}
	})
	return f
}

// judge judges all histories, and that the listener heard them. Every test
// ends with it.
func (f *fixture) judge() {
	f.t.Helper()
	if f.closing || f.t.Failed() {
		return
	}
	CheckHistories(f.t, f.Engine, f.ids)
	f.heard.check(f)
}

// run is a part of the test with a name of its own.
func (f *fixture) run(name string, part func()) {
	whole := f.t
	whole.Run(name, func(t *testing.T) {
		f.t = t
		defer func() { f.t = whole }()
		part()
	})
}

// reopen closes the engine and opens the next on the same data.
func (f *fixture) reopen() {
	f.t.Helper()
	if err := f.Close(); err != nil {
		f.t.Fatalf("close: %v", err)
	}
	f.Engine = f.store.Open(f.t, f.setup)
}

// crash leaves the engine as it is and opens the next on what it left.
func (f *fixture) crash() {
	f.t.Helper()
	f.store.Crash(f.t)
	f.Engine = f.store.Open(f.t, f.setup)
}

func (f *fixture) ctx() context.Context { return f.t.Context() }

// wantKind wants err to be of a kind.
func (f *fixture) wantKind(what string, err, kind error) {
	f.t.Helper()
	if !errors.Is(err, kind) {
		f.t.Errorf("%s: got error %v, want %v", what, err, kind)
	}
}

// same compares values.
func (f *fixture) same(what string, want, got any) {
	f.t.Helper()
	if diff := difference(want, got); diff != "" {
		f.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// unchanged runs do and wants the job with its ledger and history as before.
func (f *fixture) unchanged(id jobs.ID, do func()) {
	f.t.Helper()
	type all struct {
		Job      jobs.Job
		Attempts []jobs.Attempt
		Events   []jobs.Event
	}
	read := func() all {
		f.t.Helper()
		a := all{Job: f.get(id), Attempts: f.attempts(id), Events: f.history(id)}
		a.Job.Lease.Until = time.Time{} // an extension is no change
		return a
	}
	before := read()
	do()
	f.same("a job that should not change", before, read())
}
