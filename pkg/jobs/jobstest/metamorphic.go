package jobstest

import (
	"context"
	"flag"
	"os"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// Sequences is how many sequences a metamorphic run has: normal, or what the
// environment variable SLUICE_METAMORPHIC says.
func Sequences(tb testing.TB, normal int) int {
	tb.Helper()
	s := os.Getenv("SLUICE_METAMORPHIC")
	if s == "" {
		return normal
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		tb.Fatalf("SLUICE_METAMORPHIC is %q, want a number of sequences, at least 1", s)
	}
	return n
}

// steps is how many operations a sequence has on average.
const steps = 60

// Metamorphic does random sequences of operations on an engine of each
// harness, side by side, and wants the same answers: the same values, and
// errors of the same kind. It knows no right answers, so one side should be
// the [Reference]. Seq, tokens and the ends of leases in stored jobs are for
// the engines to choose; tokens must belong to the same loans. Where both
// engines persist, restarts are among the operations, and where both have an
// archive, all that belongs to it.
//
// A failure is shrunk to a short sequence and says how to repeat it. The test
// that calls Metamorphic must not run in parallel with others: it sets flags
// of package rapid.
func Metamorphic(t testing.TB, a, b Harness, seqs int) {
	t.Helper()
	if a.Features.Persistent && b.Features.Persistent && a.Features.HoldersDieWithStore != b.Features.HoldersDieWithStore {
		t.Fatalf("the features differ: %+v and %+v", a.Features, b.Features)
	}
	checks := seqs
	if testing.Short() {
		checks *= 5 // rapid divides by as much
	}
	setFlag(t, "rapid.checks", checks)
	setFlag(t, "rapid.steps", steps)
	base, ran := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		s := &scope{TB: t, rt: rt, base: base}
		defer s.end()
		newDuel(s, a, b).fight()
		ran++
	})
	if ran < seqs {
		t.Errorf("%d of %d sequences ran: the test's time was up, give it more with -timeout", ran, seqs)
	}
}

// setFlag sets a flag for the rest of the test.
func setFlag(t testing.TB, name string, value int) {
	t.Helper()
	f := flag.Lookup(name)
	if f == nil {
		t.Fatalf("there is no flag %s", name)
	}
	old := f.Value.String()
	if err := f.Value.Set(strconv.Itoa(value)); err != nil {
		t.Fatalf("set flag %s: %v", name, err)
	}
	t.Cleanup(func() {
		if err := f.Value.Set(old); err != nil {
			t.Errorf("set flag %s back: %v", name, err)
		}
	})
}

// scope is one sequence seen as a test: what it arranges for the end is done
// when the sequence ends, and its failures can be shrunk.
type scope struct {
	testing.TB

	rt       *rapid.T
	base     string
	cleanups []func()
}

func (s *scope) end() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}

func (s *scope) Cleanup(f func())                  { s.cleanups = append(s.cleanups, f) }
func (s *scope) Context() context.Context          { return s.TB.Context() }
func (s *scope) Helper()                           { s.rt.Helper() }
func (s *scope) Log(args ...any)                   { s.rt.Log(args...) }
func (s *scope) Logf(format string, args ...any)   { s.rt.Logf(format, args...) }
func (s *scope) Error(args ...any)                 { s.rt.Error(args...) }
func (s *scope) Errorf(format string, args ...any) { s.rt.Errorf(format, args...) }
func (s *scope) Fatal(args ...any)                 { s.rt.Fatal(args...) }
func (s *scope) Fatalf(format string, args ...any) { s.rt.Fatalf(format, args...) }
func (s *scope) Fail()                             { s.rt.Fail() }
func (s *scope) FailNow()                          { s.rt.FailNow() }
func (s *scope) Failed() bool                      { return s.rt.Failed() }

func (s *scope) TempDir() string {
	dir, err := os.MkdirTemp(s.base, "")
	if err != nil {
		s.Fatalf("make a directory: %v", err)
	}
	s.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			s.Errorf("remove a directory: %v", err)
		}
	})
	return dir
}
