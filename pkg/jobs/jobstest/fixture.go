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

	archive jobs.Archive // the same one
	t       *testing.T
	h       Harness
	store   Store
	setup   Setup
	clock   *Clock
	heard   *listener
	n       int       // submissions made
	ids     []jobs.ID // accepted and not removed
	gone    []jobs.ID // accepted and removed by retention
	removed map[jobs.State]int64
	closing bool // the test closes the engine itself
}

// newFixture opens an engine with the policy. It closes when the test ends.
func newFixture(t *testing.T, h Harness, p jobs.Policy) *fixture {
	t.Helper()
	f := &fixture{
		t: t, h: h, store: h.NewStore(t), clock: NewClock(), heard: &listener{}, removed: make(map[jobs.State]int64),
	}
	f.setup = Setup{Policy: p, Clock: f.clock.Now, Listener: jobs.Listener{Committed: f.heard.committed}}
	f.open()
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			f.t.Errorf("close: %v", err)
		}
	})
	return f
}

// open opens the engine.
func (f *fixture) open() {
	f.t.Helper()
	f.Engine = f.store.Open(f.t, f.setup)
	f.archive = archiveOf(f.t, f.Engine)
}

// archiveOf is the engine as an archive, which it has to be.
func archiveOf(tb testing.TB, e jobs.Engine) jobs.Archive {
	tb.Helper()
	a, ok := e.(jobs.Archive)
	if !ok {
		tb.Fatalf("%T is no archive", e)
	}
	return a
}

// judge judges all histories, that the listener heard them, and that the books
// hold all jobs that were ever accepted. Every test ends with it.
func (f *fixture) judge() {
	f.t.Helper()
	if f.closing || f.t.Failed() {
		return
	}
	checkHistories(f.t, f.Engine, f.ids, 0)
	f.heard.check(f)
	s := normalStats(checkBooks(f.t, f.Engine))
	if want := int64(len(f.ids)); s.Accepted != want {
		f.t.Errorf("the books have %d jobs, %d were accepted and not removed", s.Accepted, want)
	}
	f.same("removed for ever", f.removed, s.Removed)
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
	f.open()
}

// crash leaves the engine as it is and opens the next on what it left.
func (f *fixture) crash() {
	f.t.Helper()
	f.store.Crash(f.t)
	f.open()
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
