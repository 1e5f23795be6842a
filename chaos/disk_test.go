package chaos_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// TestFullDiskRefusesJobsAndLosesNone accepts jobs until the disk is full, and
// goes on when there is room again, in the same life of the engine.
func TestFullDiskRefusesJobsAndLosesNone(t *testing.T) {
	disk := smallDisk(t, 16<<20)
	ballast := filepath.Join(disk, "ballast")
	must(t, os.WriteFile(ballast, make([]byte, 6<<20), 0o600))
	dir := filepath.Join(disk, "data")
	var ahead atomic.Int64 // of the clock, so that the test need not wait for the engine's next try
	e := openEngine(t, sqlitejobs.Config{Dir: dir, Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})

	l := newLedger()
	must(t, accept(t, e, l, 1))
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 4, Lease: 24 * time.Hour})
	must(t, err)
	n := fillUp(t, e, l)
	t.Logf("full with %d jobs", len(l.accepted))

	o := jobs.Outcome{Kind: jobs.Succeed, Result: &jobs.Result{Data: fmt.Appendf(nil, "%q", strings.Repeat("x", 100<<10))}}
	_, finishErr := e.Finish(t.Context(), loans[0].Lease, o)
	checkFull(t, "finish", finishErr)
	for i := range l.accepted {
		if b, err := e.Document(t.Context(), "", jobID(i)); err != nil || !bytes.Equal(b, document(i)) {
			t.Errorf("on the full disk the document of job %d has %d bytes, %v", i, len(b), err)
		}
	}

	must(t, os.Remove(ballast))
	ahead.Add(int64(time.Minute))
	j, err := e.Finish(t.Context(), loans[0].Lease, o)
	if err != nil || j.State != jobs.Succeeded {
		t.Errorf("with room again, finish: %s, %v", j.State, err)
	}
	l.add(note{Job: j.ID, Version: j.Version, State: j.State})
	for i := range 20 {
		if err := accept(t, e, l, n+i); err != nil {
			t.Errorf("with room again: %v", err)
		}
	}
	must(t, e.Close())
	for _, fault := range l.judge(t, dir) {
		t.Error(fault)
	}
}

// accept hands in job n and notes it when it is accepted.
func accept(t *testing.T, e jobs.Engine, l *ledger, n int) error {
	t.Helper()
	answers, err := e.Accept(t.Context(), []jobs.Submission{submission(n)})
	if err != nil {
		return err
	}
	if answers[0].Status != jobs.Created {
		t.Fatalf("job %d: %s", n, answers[0].Status)
	}
	l.add(note{Accepted: n})
	return nil
}

// fillUp accepts jobs from number 2 until many in a row are refused, small ones
// too, and returns the next number.
func fillUp(t *testing.T, e jobs.Engine, l *ledger) int {
	t.Helper()
	n := 2
	for refused := 0; refused < 40; n++ {
		if n > 20_000 {
			t.Fatal("the disk does not fill")
		}
		if err := accept(t, e, l, n); err != nil {
			checkFull(t, "accept", err)
			refused++
		} else {
			refused = 0
		}
	}
	return n
}

// checkFull wants an error that callers can act on and people can read.
func checkFull(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, jobs.ErrUnavailable) {
		t.Fatalf("%s on a full disk: %v, want ErrUnavailable", what, err)
	}
	if s := err.Error(); !strings.Contains(s, "full") && !strings.Contains(s, "no space left") {
		t.Errorf("%s on a full disk does not say so: %v", what, err)
	}
}

// TestAStartOnAFullDiskSaysSo starts on a disk without a free byte: it works,
// or it says what is the matter, and either way harms nothing.
func TestAStartOnAFullDiskSaysSo(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string) *ledger{
		"on an empty directory": func(t *testing.T, dir string) *ledger {
			must(t, os.Mkdir(dir, 0o700))
			return newLedger()
		},
		"with jobs": func(t *testing.T, dir string) *ledger { return someJobs(t, dir, 40) },
	} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t, 8<<20)
			dir := filepath.Join(disk, "data")
			l := prepare(t, dir)
			ballast := filepath.Join(disk, "ballast")
			f, err := os.Create(ballast)
			must(t, err)
			for block := make([]byte, 4<<10); err == nil; {
				_, err = f.Write(block)
			}
			must(t, f.Close())
			e, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: dir})
			if err == nil {
				t.Log("it starts")
				checkFull(t, "accept", accept(t, e, l, 1000))
				must(t, e.Close())
			} else {
				t.Log(err)
				wantRefusal(t, err, dir)
				wantRefusal(t, err, "free space", "no space left on device")
			}
			must(t, os.Remove(ballast))
			for _, fault := range l.judge(t, dir) {
				t.Error(fault)
			}
		})
	}
}

func TestAReadOnlyDiskIsRefused(t *testing.T) {
	for name, sub := range map[string]string{"with jobs": "data", "without a directory": "missing"} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t, 8<<20)
			l := someJobs(t, filepath.Join(disk, "data"), 40)
			setReadOnly(t, disk, true)
			dir := filepath.Join(disk, sub)
			e, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: dir})
			if err == nil {
				_ = e.Close()
				t.Fatal("it starts")
			}
			t.Log(err)
			wantRefusal(t, err, dir)
			wantRefusal(t, err, "read-only")
			setReadOnly(t, disk, false)
			for _, fault := range l.judge(t, filepath.Join(disk, "data")) {
				t.Error(fault)
			}
		})
	}
}

// TestADamagedDatabaseIsRefused damages the file as people and disks do, when
// the engine was stopped and when it was killed, so that a log is beside it. The
// engine must not start with less than it had: it says which file it is and
// what to do, and leaves the file as it is for whoever repairs it.
func TestADamagedDatabaseIsRefused(t *testing.T) {
	const n = 400
	live, stopped, killed := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "data")
	l := someJobs(t, live, n/2)
	e := openEngine(t, sqlitejobs.Config{Dir: live})
	for i := n/2 + 1; i <= n; i++ {
		must(t, accept(t, e, l, i))
	}
	must(t, os.CopyFS(killed, os.DirFS(live))) // the last half of the jobs is in the log
	must(t, e.Close())
	must(t, os.CopyFS(stopped, os.DirFS(live)))
	for state, from := range map[string]string{"stopped": stopped, "killed": killed} {
		for name, damage := range damages() {
			t.Run(state+"/"+name, func(t *testing.T) {
				t.Parallel()
				judgeDamage(t, l, from, damage)
			})
		}
	}
}

// damages are things that happen to a database file of size bytes.
func damages() map[string]func(f *os.File, size int64) error {
	const page = 8 << 10
	junk := func(n int64) []byte { return bytes.Repeat([]byte("junk"), int(n/4)+1)[:n] }
	write := func(f *os.File, off int64, b []byte) error {
		_, err := f.WriteAt(b, off)
		return err
	}
	return map[string]func(f *os.File, size int64) error{
		"emptied":                    func(f *os.File, _ int64) error { return f.Truncate(0) },
		"cut inside its header":      func(f *os.File, _ int64) error { return f.Truncate(50) },
		"cut to its header":          func(f *os.File, _ int64) error { return f.Truncate(100) },
		"cut after its first page":   func(f *os.File, _ int64) error { return f.Truncate(page) },
		"cut in the middle":          func(f *os.File, size int64) error { return f.Truncate(size / 2) },
		"cut inside a page":          func(f *os.File, size int64) error { return f.Truncate(size/2 + 1000) },
		"its last byte cut off":      func(f *os.File, size int64) error { return f.Truncate(size - 1) },
		"overwritten with junk":      func(f *os.File, size int64) error { return write(f, 0, junk(size)) },
		"overwritten with zeros":     func(f *os.File, size int64) error { return write(f, 0, make([]byte, size)) },
		"overwritten but its header": func(f *os.File, size int64) error { return write(f, 100, junk(size-100)) },
		"its header overwritten":     func(f *os.File, _ int64) error { return write(f, 0, junk(100)) },
		"half a page of zeros":       func(f *os.File, _ int64) error { return write(f, page/2, make([]byte, page/2)) },
		"junk after its first page":  func(f *os.File, size int64) error { return write(f, page, junk(size-page)) },
		"zeros after its first page": func(f *os.File, size int64) error { return write(f, page, make([]byte, size-page)) },
		"replaced by a short text": func(f *os.File, _ int64) error {
			return errors.Join(f.Truncate(0), write(f, 0, []byte("hello")))
		},
	}
}

// judgeDamage damages a copy of a directory and starts an engine on it.
func judgeDamage(t *testing.T, l *ledger, from string, damage func(f *os.File, size int64) error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	must(t, os.CopyFS(dir, os.DirFS(from)))
	path := filepath.Join(dir, "sluice.db")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	if info.Size() < 1<<20 {
		t.Fatalf("the database has %d bytes only", info.Size())
	}
	must(t, damage(f, info.Size()))
	must(t, f.Close())
	before, err := os.ReadFile(path)
	must(t, err)
	e, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: dir})
	if err == nil {
		must(t, e.Close())
		faults := l.judge(t, dir)
		if len(faults) > 0 {
			t.Errorf("it starts with %d faults, such as: %s", len(faults), faults[0])
		}
		return
	}
	t.Log(err)
	wantRefusal(t, err, "sluice.db")
	wantRefusal(t, err, "restore", "another data directory")
	if _, err := os.Stat(filepath.Join(from, "sluice.db-wal")); err == nil && len(before) == int(info.Size()) {
		return // only reading all of it would tell before the log is moved into it
	}
	after, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %d bytes before, %d after", len(before), len(after))
	}
}

// wantRefusal wants an error that says one of these.
func wantRefusal(t *testing.T, err error, anyOf ...string) {
	t.Helper()
	for _, part := range anyOf {
		if strings.Contains(err.Error(), part) {
			return
		}
	}
	t.Errorf("the refusal does not say %q: %v", anyOf, err)
}

// someJobs makes a data directory with n jobs, half of them finished, and the
// engine closed again.
func someJobs(t *testing.T, dir string, n int) *ledger {
	t.Helper()
	l := newLedger()
	e := openEngine(t, sqlitejobs.Config{Dir: dir})
	for i := 1; i <= n; i++ {
		must(t, accept(t, e, l, i))
	}
	for range n / 2 {
		loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 4})
		must(t, err)
		j, err := e.Finish(t.Context(), loans[0].Lease, jobs.Outcome{Kind: jobs.Succeed, Result: &jobs.Result{Data: []byte("{}")}})
		must(t, err)
		l.add(note{Job: j.ID, Version: j.Version, State: j.State})
	}
	must(t, e.Close())
	if _, err := os.Stat(filepath.Join(dir, "sluice.db-wal")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a closed engine leaves its log: %v", err)
	}
	return l
}

func openEngine(t *testing.T, c sqlitejobs.Config) *sqlitejobs.Engine {
	t.Helper()
	e, err := sqlitejobs.Open(t.Context(), c)
	must(t, err)
	t.Cleanup(func() { _ = e.Close() }) // again, when the test ended early
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
