package sqlitejobs_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// files are the documents that are files of their own.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(dir, "documents"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wantDocument(t *testing.T, e *sqlitejobs.Engine, id jobs.ID, want string) {
	t.Helper()
	got, err := e.Document(t.Context(), "acme", id)
	if err != nil || string(got) != want {
		t.Errorf("document of %s has %d bytes, %v; want %d", id, len(got), err, len(want))
	}
}

func TestLargeDocumentsAreFilesAndSmallOnesAreNot(t *testing.T) {
	t.Parallel()
	c := sqlitejobs.Config{Dir: t.TempDir(), BlobThreshold: 100}
	e := open(t, c)
	small, large := strings.Repeat("s", 100), strings.Repeat("l", 101)
	accept(t, e, submission("small", body(small)), submission("large", body(large)), submission("empty", body("")))
	wantDocument(t, e, "small", small)
	wantDocument(t, e, "large", large)
	wantDocument(t, e, "empty", "")
	if n := len(files(t, c.Dir)); n != 1 {
		t.Errorf("%d files, want 1", n)
	}
	if _, err := e.Document(t.Context(), "globex", "large"); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("another tenant's document: %v", err)
	}
	if err := os.Remove(files(t, c.Dir)[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Document(t.Context(), "acme", "large"); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("a document whose file is gone: %v, want it unavailable", err)
	}
}

func TestASubmissionThatMakesNoJobLeavesNoFile(t *testing.T) {
	t.Parallel()
	c := sqlitejobs.Config{Dir: t.TempDir(), BlobThreshold: 1}
	e := open(t, c)
	first := submission("a")
	accept(t, e, first)
	other := first
	other.Fingerprint = "another"
	full := submission("b")
	full.MaxQueued = 1
	as, err := e.Accept(t.Context(), []jobs.Submission{first, other, full})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []jobs.AcceptStatus{jobs.Existing, jobs.KeyReused, jobs.TenantFull} {
		if as[i].Status != want {
			t.Errorf("submission %d is %s, want %s", i, as[i].Status, want)
		}
	}
	if n := len(files(t, c.Dir)); n != 1 {
		t.Errorf("%d files, want 1", n)
	}
	wantDocument(t, e, "a", string(first.Body))
}

func TestAStartSweepsFilesThatNoJobNeeds(t *testing.T) {
	t.Parallel()
	c := sqlitejobs.Config{Dir: t.TempDir(), BlobThreshold: 1}
	e, err := sqlitejobs.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, e, submission("a"))
	e.FailCommits(errDiskFull)
	if _, err := e.Accept(t.Context(), []jobs.Submission{submission("b")}); !errors.Is(err, jobs.ErrUnavailable) {
		t.Fatalf("accept: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	all := files(t, c.Dir)
	if len(all) != 2 {
		t.Fatalf("%d files, want the one in use and the one left behind", len(all))
	}
	foreign := filepath.Join(filepath.Dir(all[0]), "README")
	if err := os.WriteFile(foreign, []byte("not ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	hourAgo := time.Now().Add(-time.Hour)
	for _, f := range append(all, foreign) {
		if err := os.Chtimes(f, hourAgo, hourAgo); err != nil {
			t.Fatal(err)
		}
	}
	e, err = sqlitejobs.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	e.AwaitFileSweep()
	wantDocument(t, e, "a", "document of a")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(files(t, c.Dir)); n != 2 {
		t.Errorf("%d files, want the one in use and the foreign one", n)
	}
}

func TestErasingRemovesEveryByteOfADocument(t *testing.T) {
	t.Parallel()
	const secret = "a secret nobody else writes 4711"
	c := sqlitejobs.Config{Dir: t.TempDir(), BlobThreshold: 1000}
	e, err := sqlitejobs.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	label := func(s *jobs.Submission) { s.Labels = map[string]string{"who": secret} }
	accept(t, e, submission("row", body(secret), label), submission("file", body(strings.Repeat(secret, 100)), label))
	for _, l := range lend(t, e, 2) {
		o := succeed()
		o.Result.Data = []byte(`{"who":"` + secret + `"}`)
		finish(t, e, l, o)
		j := apply(t, e, jobs.Command{Kind: jobs.Erase, Job: l.Job.ID})
		if j.State != jobs.Erased || j.Result != nil || len(j.Labels) != 0 || j.Document != (jobs.Document{}) {
			t.Errorf("an erased job: %+v", j)
		}
		if _, err := e.Document(t.Context(), "", j.ID); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("an erased document: %v", err)
		}
	}
	jobstest.CheckHistories(t, e, []jobs.ID{"row", "file"})
	verify(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(c.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), secret) {
			t.Errorf("%s still has the erased text", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAFileWhoseCommitFailedGoesWithTheNextCommit does not wait for a restart:
// on a full disk every repeated submission would leave one more.
func TestAFileWhoseCommitFailedGoesWithTheNextCommit(t *testing.T) {
	t.Parallel()
	clock := jobstest.NewClock()
	c := sqlitejobs.Config{Dir: t.TempDir(), BlobThreshold: 1, Clock: clock.Now}
	e := open(t, c)
	e.FailCommits(errDiskFull)
	for range 5 { // the later ones are refused without a trial
		if _, err := e.Accept(t.Context(), []jobs.Submission{submission("a")}); !errors.Is(err, jobs.ErrUnavailable) {
			t.Fatalf("accept: %v", err)
		}
	}
	if n := len(files(t, c.Dir)); n > 2 {
		t.Errorf("%d files while commits fail, want none of those that were refused at once", n)
	}
	e.FailCommits(nil)
	clock.Advance(time.Minute)
	accept(t, e, submission("b"))
	if n := len(files(t, c.Dir)); n != 1 {
		t.Errorf("%d files after a commit, want the one in use", n)
	}
	wantDocument(t, e, "b", "document of b")
}

// TestCallersThatLeaveLeaveNoFile has callers leave before the writer takes
// their calls, and while it has them.
func TestCallersThatLeaveLeaveNoFile(t *testing.T) {
	t.Parallel()
	c := sqlitejobs.Config{Dir: t.TempDir(), BlobThreshold: 1}
	e := open(t, c)
	accept(t, e, submission("a"))
	submit := func(ctx context.Context, s jobs.Submission) <-chan error {
		before, left := e.Waiting(), make(chan error, 1)
		go func() {
			_, err := e.Accept(ctx, []jobs.Submission{s})
			left <- err
		}()
		for e.Waiting() == before {
			runtime.Gosched()
		}
		return left
	}
	full := submission("full")
	full.MaxQueued = 1
	release := e.Hold()
	ctx, cancel := context.WithCancel(t.Context())
	refused, made := submit(ctx, full), submit(ctx, submission("b"))
	held := e.HoldNext()
	release()
	<-held.Reached
	early := submit(ctx, submission("c")) // not taken before its caller leaves
	cancel()
	for _, left := range []<-chan error{refused, made, early} {
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("accept: %v, want the context's error", err)
		}
	}
	held.Release()
	for len(files(t, c.Dir)) != 2 && t.Context().Err() == nil {
		runtime.Gosched()
	}
	wantDocument(t, e, "a", "document of a")
	wantDocument(t, e, "b", "document of b")
}

// TestTheSweepOfFilesLeavesThoseThatAreAboutToBeCommitted has a file that looks
// older than the engine, as after the clock was set back.
func TestTheSweepOfFilesLeavesThoseThatAreAboutToBeCommitted(t *testing.T) {
	t.Parallel()
	c := sqlitejobs.Config{Dir: t.TempDir(), BlobThreshold: 1}
	e := open(t, c)
	e.AwaitFileSweep()
	release := e.Hold()
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		accept(t, e, submission("a"))
	}()
	for e.Waiting() == 0 {
		runtime.Gosched()
	}
	hourAgo := time.Now().Add(-time.Hour)
	if err := os.Chtimes(files(t, c.Dir)[0], hourAgo, hourAgo); err != nil {
		t.Fatal(err)
	}
	e.SweepFiles()
	release()
	<-accepted
	wantDocument(t, e, "a", "document of a")
}
