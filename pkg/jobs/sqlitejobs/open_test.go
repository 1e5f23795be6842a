package sqlitejobs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// refused wants Open to fail with an error that says each of want, and to hold
// nothing afterwards.
func refused(t *testing.T, c sqlitejobs.Config, want ...string) {
	t.Helper()
	e, err := sqlitejobs.Open(t.Context(), c)
	if err == nil {
		t.Fatalf("it opened; close: %v", e.Close())
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error is %q, want it to say %q", err, w)
		}
	}
}

func TestOneEngineAtATimeHasADirectory(t *testing.T) {
	t.Parallel()
	c := sqlitejobs.Config{Dir: filepath.Join(t.TempDir(), "data", "deep")}
	first, err := sqlitejobs.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, c, "is open in another process", c.Dir)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, c)
}

func TestBadConfigurationIsRefusedByField(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for field, c := range map[string]sqlitejobs.Config{
		"dir":            {},
		"readers":        {Dir: dir, Readers: 65},
		"cache_bytes":    {Dir: dir, CacheBytes: 1},
		"blob_threshold": {Dir: dir, BlobThreshold: 2 << 20},
	} {
		refused(t, c, field)
	}
	if _, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{}); !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("got %v, want it invalid", err)
	}
	c := sqlitejobs.Config{Dir: dir}
	c.Scheduler.OverdueEvery = -1
	refused(t, c, "overdue_every")
}

func TestADirectoryThatCannotBeWrittenIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// Others may pass through the test's directory, to find that they may not
	// write in this one.
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o555)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		asNobody(t)
		refused(t, sqlitejobs.Config{Dir: dir}, dir, "cannot be written", "permissions")
		refused(t, sqlitejobs.Config{Dir: filepath.Join(dir, "below")}, "make data directory", dir)
	}()
	<-done
}

// asNobody gives up root's right to write anywhere, for this goroutine and its
// thread, which ends with it.
func asNobody(t *testing.T) {
	runtime.LockOSThread()
	if os.Geteuid() != 0 {
		return
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
		t.Errorf("give up root: %v", errno)
	}
}

// filled makes a data directory with jobs in it and returns its database file.
func filled(t *testing.T) (c sqlitejobs.Config, database string) {
	t.Helper()
	c = sqlitejobs.Config{Dir: t.TempDir()}
	e, err := sqlitejobs.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, e, submissions(200, "job_")...)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return c, filepath.Join(c.Dir, "sluice.db")
}

func TestADatabaseCutShortIsRefused(t *testing.T) {
	t.Parallel()
	for _, keep := range []int64{1, 2, 3} { // quarters
		c, path := filled(t)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, info.Size()*keep/4/8192*8192); err != nil {
			t.Fatal(err)
		}
		refused(t, c, c.Dir, "cut short", "restore")
		if after, err := os.Stat(path); err != nil || after.Size() >= info.Size() {
			t.Errorf("the refused file was mended: %v, %v", after.Size(), err)
		}
	}
	c, path := filled(t)
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	refused(t, c, "not a Sluice database")
}

func TestAFileThatIsNotOursIsRefusedUntouched(t *testing.T) {
	t.Parallel()
	c := sqlitejobs.Config{Dir: t.TempDir()}
	path := filepath.Join(c.Dir, "sluice.db")
	text := strings.Repeat("my diary\n", 1000)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, c, c.Dir, "not a Sluice database", "move")
	if b, err := os.ReadFile(path); err != nil || string(b) != text {
		t.Errorf("the file was changed: %d bytes, %v", len(b), err)
	}
}

func TestADatabaseOfAnotherProgramIsRefused(t *testing.T) {
	t.Parallel()
	c, path := filled(t)
	edit(t, path, "PRAGMA application_id = 7")
	refused(t, c, "not a Sluice database")
}

func TestADatabaseOfANewerProgramIsRefused(t *testing.T) {
	t.Parallel()
	c, path := filled(t)
	edit(t, path, "PRAGMA user_version = 1000")
	refused(t, c, "version 1000", "newer program")
}

func TestADatabaseWithoutTheRowsOfItsJobsIsRefused(t *testing.T) {
	t.Parallel()
	c, path := filled(t)
	edit(t, path, "DELETE FROM jobs WHERE num = 7")
	refused(t, c, "200 jobs wait", "199")
}

func TestOpeningEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := sqlitejobs.Config{Dir: t.TempDir()}
	e, err := sqlitejobs.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, e, submission("a"))
	lend(t, e, 1)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlitejobs.Open(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	open(t, c) // and nothing holds the directory
}

// TestADirectoryIsForItsOwnerOnly guards documents from others on the machine.
func TestADirectoryIsForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	c := sqlitejobs.Config{Dir: filepath.Join(t.TempDir(), "data"), BlobThreshold: 1}
	accept(t, open(t, c), submission("a"))
	err := filepath.Walk(c.Dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.IsDir() && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
