package sqlitejobs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// TestTheLogStaysShortWhileReadsOverlap has a read under way at each commit, as
// on a server that is asked for lists all the time.
func TestTheLogStaysShortWhileReadsOverlap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := open(t, sqlitejobs.Config{Dir: dir})
	const limit = 256 << 10
	if err := e.ShortenLogAt(t.Context(), limit); err != nil {
		t.Fatal(err)
	}
	var reads sync.WaitGroup
	read := func() (_, _ chan struct{}) {
		begun, release := make(chan struct{}), make(chan struct{})
		reads.Go(func() {
			if err := e.HoldRead(t.Context(), begun, release); err != nil {
				t.Errorf("read: %v", err)
			}
		})
		return begun, release
	}
	begun, release := read()
	longest := int64(0)
	for i := range 100 {
		<-begun
		accept(t, e, submission(fmt.Sprintf("job%03d", i)))
		next, nextRelease := read() // may have to wait until the log begins anew
		close(release)
		begun, release = next, nextRelease
		info, err := os.Stat(filepath.Join(dir, "sluice.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, info.Size())
	}
	close(release)
	reads.Wait()
	if longest > 4*limit {
		t.Errorf("the log grew to %d KiB, want it to begin anew at %d KiB", longest>>10, limit>>10)
	}
}

// TestReadsThatWaitComeAfterTheLog has reads wait for a place before the writer
// does.
func TestReadsThatWaitComeAfterTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, sqlitejobs.Config{Dir: t.TempDir(), Readers: 1})
		first, others := make(chan struct{}), make(chan struct{})
		var reads sync.WaitGroup
		read := func(release <-chan struct{}) {
			begun := make(chan struct{})
			reads.Go(func() {
				if err := e.HoldRead(t.Context(), begun, release); err != nil {
					t.Errorf("read: %v", err)
				}
			})
			synctest.Wait()
		}
		read(first)
		for range 5 {
			read(others)
		}
		var held sync.WaitGroup
		held.Go(func() {
			release, ok := e.HoldReads(time.Second)
			if !ok {
				t.Error("reads that had to wait came first")
			}
			release()
		})
		synctest.Wait()
		close(first)
		held.Wait()
		close(others)
		reads.Wait()
	})
}
