package sqlitejobs_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// edit changes a database file behind an engine's back.
func edit(t *testing.T, path, sql string) {
	t.Helper()
	if err := sqlitejobs.Edit(path, sql); err != nil {
		t.Fatalf("edit: %v", err)
	}
}

var errDiskFull = errors.New("the disk is full")

func TestAfterAFailedCommitMemoryIsWhatTheRowsSay(t *testing.T) {
	t.Parallel()
	clock := jobstest.NewClock()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir(), Clock: clock.Now})
	due := func(s *jobs.Submission) { s.DeadlineAt = clock.Now().Add(time.Hour) }
	accept(t, e, submissions(6, "job_", due)...)
	if err := e.SetBulkheads(t.Context(), jobs.Bulkhead{Tenant: "acme", MaxRunning: 4}); err != nil {
		t.Fatal(err)
	}
	loans := lend(t, e, 3)
	parked := finish(t, e, loans[2], jobs.Outcome{Kind: jobs.Park, Until: clock.Now().Add(time.Minute)})
	if _, err := e.Extend(t.Context(), []jobs.Lease{loans[0].Lease}, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	before := stats(t, e)

	for what, call := range map[string]func() error{
		"accept": func() error {
			_, err := e.Accept(t.Context(), []jobs.Submission{submission("new", due, tenant("newcomer"))})
			return err
		},
		"lend": func() error {
			_, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
			return err
		},
		"finish": func() error { _, err := e.Finish(t.Context(), loans[0].Lease, succeed()); return err },
		"apply": func() error {
			_, err := e.Apply(t.Context(), jobs.Command{Kind: jobs.Cancel, Job: parked.ID})
			return err
		},
		"put attempts": func() error {
			return e.PutAttempts(t.Context(), loans[1].Lease, jobs.Attempt{N: 1, StartedAt: clock.Now()})
		},
		"put a record": func() error { _, err := e.Records().Put(t.Context(), jobs.Record{Kind: "k", ID: "r"}); return err },
	} {
		e.FailCommits(errDiskFull)
		if err := call(); !errors.Is(err, jobs.ErrUnavailable) || !errors.Is(err, errDiskFull) {
			t.Errorf("%s: got %v, want it unavailable because %v", what, err, errDiskFull)
		}
		e.FailCommits(nil)
		verify(t, e)
		// A commit that succeeds tells the engine that its store is well again.
		if _, err := e.Records().Put(t.Context(), jobs.Record{Kind: "k", ID: "well", Version: jobs.AnyVersion}); err != nil {
			t.Errorf("%s: a write after it: %v", what, err)
		}
		after := stats(t, e)
		ignore := cmpopts.IgnoreFields(jobs.Stats{}, "Workers", "Slots")
		if diff := cmp.Diff(before, after, ignore); diff != "" {
			t.Errorf("%s that failed changed the counts (-before +after):\n%s", what, diff)
		}
	}

	// Loans, their extensions and the bulkheads have survived.
	clock.Advance(jobs.DefaultLease)
	if s, err := e.Sweep(t.Context()); err != nil || s.Reaped != 1 {
		t.Errorf("a sweep reaped %d, %v; want the loan that was not extended", s.Reaped, err)
	}
	if n := len(lend(t, e, 10)); n != 3 {
		t.Errorf("lent %d jobs, want 3 beside the one that runs, by the cap of 4", n)
	}
	finish(t, e, loans[0], succeed())
}

func TestWhileCommitsFailNothingIsServedFromMemory(t *testing.T) {
	t.Parallel()
	clock := jobstest.NewClock()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir(), Clock: clock.Now})
	accept(t, e, submission("a"))
	e.FailCommits(errDiskFull)
	for range 3 {
		if _, err := e.Accept(t.Context(), []jobs.Submission{submission("b")}); !errors.Is(err, jobs.ErrUnavailable) {
			t.Fatalf("accept: %v", err)
		}
	}
	// The clock stands still, so the engine does not try the store again.
	if _, err := e.Stats(t.Context()); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("stats: %v, want it unavailable", err)
	}
	if _, err := e.Extend(t.Context(), nil, time.Second); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("extend: %v, want it unavailable", err)
	}
	// Rows can be read all the time.
	if j, err := e.Get(t.Context(), "", "a"); err != nil || j.State != jobs.Queued {
		t.Errorf("get: %s, %v", j.State, err)
	}
	if _, err := e.Get(t.Context(), "", "b"); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("the job that was refused: %v", err)
	}
	clock.Advance(time.Minute) // it tries, and the store still fails
	if _, err := e.Stats(t.Context()); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("stats: %v, want it unavailable", err)
	}
	e.FailCommits(nil)
	clock.Advance(time.Minute)
	accept(t, e, submission("b"))
	verify(t, e)
}

// TestACallThatTheDatabaseRefusesFailsAlone puts it in one group with others.
func TestACallThatTheDatabaseRefusesFailsAlone(t *testing.T) {
	t.Parallel()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir()})
	accept(t, e, submissions(2, "first")...)
	release := e.Hold()
	var wg sync.WaitGroup
	nonsense := make(chan error, 1)
	for i := range 5 {
		wg.Go(func() { accept(t, e, submission(fmt.Sprint("job", i))) })
	}
	wg.Go(func() { nonsense <- e.WriteNonsense(t.Context()) })
	for i := range 5 {
		wg.Go(func() { accept(t, e, submission(fmt.Sprint("later", i))) })
	}
	for e.Waiting() < 11 {
		runtime.Gosched()
	}
	release()
	wg.Wait()
	if err := <-nonsense; !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("nonsense: %v", err)
	}
	if n := stats(t, e).States[jobs.Queued]; n != 12 {
		t.Errorf("%d jobs are queued, want 12", n)
	}
	verify(t, e)
}

func TestVerifySeesEachDifference(t *testing.T) {
	t.Parallel()
	for n := 0; ; n++ {
		e, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		accept(t, e, submissions(3, "job_")...)
		finish(t, e, lend(t, e, 1)[0], jobs.Outcome{Kind: jobs.Park, Until: time.Now().Add(time.Minute)})
		lend(t, e, 1)
		verify(t, e)
		ok, err := e.Forget(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Verify(t.Context()); ok == (err == nil) {
			t.Errorf("difference %d: verify says %v", n, err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if !ok {
			return
		}
	}
}

func TestAHogDelaysAnotherTenantNoMoreThanTheSchedulerSays(t *testing.T) {
	t.Parallel()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir()})
	for i := range 20 {
		accept(t, e, submissions(500, fmt.Sprintf("hog%02d_", i), tenant("hog"))...)
	}
	for i := range 5 { // the hog is well served when the other comes
		for _, l := range lend(t, e, 10) {
			finish(t, e, l, succeed())
		}
		_ = i
	}
	accept(t, e, submission("calm", tenant("calm")))
	picks := 0
	for {
		picks++
		l := lend(t, e, 1)[0]
		if l.Job.ID == "calm" {
			break
		}
		finish(t, e, l, succeed())
	}
	// In its lane two tenants have work, so the head of each is at most two
	// picks away, and one pick in ten may go to a late head.
	if picks > 3 {
		t.Errorf("the calm tenant's job went as pick %d behind 10,000 of the hog", picks)
	}
}

func TestAThousandLeasesEndAndEveryPermitIsFree(t *testing.T) {
	t.Parallel()
	clock := jobstest.NewClock()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir(), Clock: clock.Now})
	due := func(s *jobs.Submission) { s.DeadlineAt = clock.Now().Add(24 * time.Hour) }
	const n = 1000
	if err := e.SetBulkheads(t.Context(), jobs.Bulkhead{Tenant: "acme", MaxRunning: n}); err != nil {
		t.Fatal(err)
	}
	accept(t, e, submissions(n+5, "job_", due)...)
	for range 3 {
		var lent []jobs.Loan
		for len(lent) < n {
			lent = append(lent, lend(t, e, jobs.MaxLend)...)
		}
		if len(lent) != n || len(lend(t, e, 1)) != 0 {
			t.Fatalf("lent %d jobs, want the cap of %d and no more", len(lent), n)
		}
		clock.Advance(jobs.DefaultLease)
		s, err := e.Sweep(t.Context())
		if err != nil || s.Reaped != n || s.More {
			t.Fatalf("a sweep: %+v, %v", s, err)
		}
		got := stats(t, e)
		if got.States[jobs.Running] != 0 || got.States[jobs.Queued] != n+5 || got.Lane(jobs.Standard).Running != 0 {
			t.Errorf("after the sweep: %+v", got)
		}
		verify(t, e)
	}
}

func TestALongHistoryStaysExact(t *testing.T) {
	t.Parallel()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir()})
	accept(t, e, submission("a"))
	var want []jobs.EventType
	add := func(types ...jobs.EventType) { want = append(want, types...) }
	add(jobs.EventQueued)
	reason := string(slices.Repeat([]byte("long reason "), 40))
	n := 0
	for i := range 60 {
		for _, l := range []jobs.Lane{jobs.Batch, jobs.Standard} {
			apply(t, e, jobs.Command{Kind: jobs.Move, Job: "a", Lane: &l, Reason: reason, Actor: "ops"})
			add(jobs.EventMoved)
		}
		l := lend(t, e, 1)[0]
		if len(l.Attempts) != n {
			t.Fatalf("loan %d has %d attempts, want %d", i, len(l.Attempts), n)
		}
		n++
		a := jobs.Attempt{N: n, Tier: 1, Kind: jobs.CallAttempt, Why: reason, StartedAt: time.Now()}
		if err := e.PutAttempts(t.Context(), l.Lease, a); err != nil {
			t.Fatal(err)
		}
		a.Outcome = jobs.AttemptError
		finish(t, e, l, jobs.Outcome{Kind: jobs.Release, Reason: "shutdown", Attempts: []jobs.Attempt{a}})
		add(jobs.EventStarted, jobs.EventReleased)
	}
	jobstest.CheckHistories(t, e, []jobs.ID{"a"})
	for _, after := range []int64{0, 1, 100, 240, 1000} {
		events, err := e.History(t.Context(), "", "a", after)
		if err != nil {
			t.Fatal(err)
		}
		var got []jobs.EventType
		for _, ev := range events {
			got = append(got, ev.Type)
		}
		if diff := cmp.Diff(want[min(int(after), len(want)):], got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("history after %d (-want +got):\n%s", after, diff)
		}
	}
	rows, err := e.Attempts(t.Context(), "", "a")
	if err != nil || len(rows) != n {
		t.Fatalf("%d attempts, %v; want %d", len(rows), err, n)
	}
	for i, a := range rows {
		if a.N != i+1 || a.Outcome != jobs.AttemptError || a.Why != reason {
			t.Errorf("attempt %d is %+v", i, a)
		}
	}
}

// TestALendThatWaitsIsServedByItsOwnGroup puts a call that waits before the
// call that makes work for it, in one group.
func TestALendThatWaitsIsServedByItsOwnGroup(t *testing.T) {
	t.Parallel()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir()})
	release := e.Hold()
	lent := make(chan []jobs.Loan, 1)
	go func() {
		loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1, Wait: time.Minute})
		if err != nil {
			t.Errorf("lend: %v", err)
		}
		lent <- loans
	}()
	for e.Waiting() < 1 {
		runtime.Gosched()
	}
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		accept(t, e, submission("a"))
	}()
	for e.Waiting() < 2 {
		runtime.Gosched()
	}
	release()
	<-accepted
	if loans := <-lent; len(loans) != 1 || loans[0].Job.ID != "a" {
		t.Errorf("lent %v, want job a", loans)
	}
}

// TestALoanWhoseCallerLeftIsGivenBack ends a caller's context while the writer
// has its call.
func TestALoanWhoseCallerLeftIsGivenBack(t *testing.T) {
	t.Parallel()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir()})
	accept(t, e, submission("a"))
	release := e.Hold()
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := e.Lend(ctx, jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
		left <- err
	}()
	for e.Waiting() < 1 {
		runtime.Gosched()
	}
	held := e.HoldNext() // the writer takes the call, and stops before its answer
	release()
	<-held.Reached
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("lend: %v, want the context's error", err)
	}
	held.Release()
	for {
		j, err := e.Get(t.Context(), "", "a")
		if err != nil {
			t.Fatal(err)
		}
		if j.State == jobs.Queued && j.Version == 3 {
			break
		}
		runtime.Gosched()
	}
	events, err := e.History(t.Context(), "", "a", 2)
	if err != nil || len(events) != 1 || events[0].Type != jobs.EventReleased || events[0].Reason != "caller_left" {
		t.Errorf("history: %+v, %v", events, err)
	}
}

// TestWhatCanBeReadIsReadWhileTheMemoryCannotBeFilled fails a commit, and then
// the reading of the tenants after it.
func TestWhatCanBeReadIsReadWhileTheMemoryCannotBeFilled(t *testing.T) {
	t.Parallel()
	clock := jobstest.NewClock()
	dir := t.TempDir()
	e := open(t, sqlitejobs.Config{Dir: dir, Clock: clock.Now})
	accept(t, e, submission("a"))
	database := filepath.Join(dir, "sluice.db")
	edit(t, database, "ALTER TABLE tenants RENAME TO hidden")
	e.FailCommits(errDiskFull)
	if _, err := e.Accept(t.Context(), []jobs.Submission{submission("b")}); !errors.Is(err, jobs.ErrUnavailable) {
		t.Fatalf("accept: %v", err)
	}
	if j, err := e.Get(t.Context(), "acme", "a"); err != nil || j.Tenant != "acme" {
		t.Errorf("get: job of tenant %q, %v", j.Tenant, err)
	}
	if found, err := e.List(t.Context(), jobs.Filter{Tenant: "acme"}, jobs.Page{}); err != nil || len(found) != 1 {
		t.Errorf("list: %d jobs, %v; want 1", len(found), err)
	}
	edit(t, database, "ALTER TABLE hidden RENAME TO tenants")
	e.FailCommits(nil)
	clock.Advance(time.Minute)
	accept(t, e, submission("b"))
}

func TestAKeyIsLookedUpForItsOwnTenantWhateverItsNumber(t *testing.T) {
	t.Parallel()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir()})
	accept(t, e, submission("a", func(s *jobs.Submission) { s.Tenant, s.Key = "owner", "key" }))
	e.Misnumber("other", "owner")
	if j, err := e.ByKey(t.Context(), "other", "key"); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("another tenant's key found job %q, %v", j.ID, err)
	}
	if j, err := e.ByKey(t.Context(), "owner", "key"); err != nil || j.ID != "a" {
		t.Errorf("the owner's key found job %q, %v", j.ID, err)
	}
}
