package powerfs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sluicehq/sluice/chaos/powerfs"
)

func fdatasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

func TestWithoutPowerEverythingFails(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	dir := mount(t, d)
	f := durable(t, filepath.Join(dir, "f"), []byte("x"))
	d.PowerOff()
	select {
	case <-d.Off():
	default:
		t.Error("Off is open")
	}
	_, writeErr := f.WriteAt([]byte("y"), 0)
	_, statErr := os.Stat(filepath.Join(dir, "unknown"))
	_, listErr := os.ReadDir(dir)
	for name, err := range map[string]error{
		"write": writeErr, "stat": statErr, "list": listErr, "fsync": f.Sync(), "truncate": f.Truncate(0),
		"make": os.Mkdir(filepath.Join(dir, "d"), 0o700), "remove": os.Remove(filepath.Join(dir, "f")),
		"rename": os.Rename(filepath.Join(dir, "f"), filepath.Join(dir, "g")),
	} {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v, want an I/O error", name, err)
		}
	}
	cuts(t, d, func(found map[string]string) {
		if found["f"] != "x" || len(found) != 1 {
			t.Fatalf("on the disk: %v", found)
		}
	})
}

func TestThePowerGoesOffWithTheChangeThatWasNamed(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 6; n++ {
		t.Run(fmt.Sprint("change ", n), func(t *testing.T) {
			t.Parallel()
			d := powerfs.New()
			dir := mount(t, d)
			f := durable(t, filepath.Join(dir, "f"), []byte("old"))
			d.PowerOffAfter(n)
			var errs []error
			for range 3 {
				_, err := f.WriteAt([]byte("new"), 0)
				errs = append(errs, err, f.Sync())
			}
			for i, err := range errs {
				if failed := i+1 >= n; failed != errors.Is(err, syscall.EIO) {
					t.Errorf("change %d: %v", i+1, err)
				}
			}
			seen := tally{}
			cuts(t, d, func(found map[string]string) { seen[found["f"]]++ })
			if n == 1 {
				seen.want(t, "old", "new")
			} else { // the fsync that got no answer happened
				seen.want(t, "new")
			}
		})
	}
}

func TestThePowerGoesOffWithAChangeOfTheKindThatWasNamed(t *testing.T) {
	t.Parallel()
	for kind, last := range map[powerfs.Change]int{
		powerfs.Made: 0, powerfs.Written: 1, powerfs.Synced: 2, powerfs.Resized: 3, powerfs.Renamed: 4, powerfs.Removed: 5,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			d := powerfs.New()
			path := filepath.Join(mount(t, d), "f")
			durable(t, path, []byte("x"))
			d.PowerOffAfter(1, kind)
			var f *os.File
			for i, do := range []func() error{
				func() (err error) { f, err = os.Create(path + "2"); return err },
				func() error { _, err := f.Write([]byte("y")); return err },
				func() error { return f.Sync() },
				func() error { return os.Truncate(path, 0) },
				func() error { return os.Rename(path, path+"3") },
				func() error { return os.Remove(path + "3") },
			} {
				if err := do(); errors.Is(err, syscall.EIO) != (i == last) {
					t.Errorf("step %d: %v", i, err)
				}
				if i == last {
					break
				}
			}
			if f != nil {
				_ = f.Close()
			}
		})
	}
}

func TestAFailedFsyncLosesWhatItWasAskedToKeep(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	f := durable(t, filepath.Join(mount(t, d), "f"), filled('a', 3))
	d.FailSyncAfter(2)
	writeAt(t, f, 0, filled('b', 1))
	check(t, f.Sync())
	writeAt(t, f, sector, filled('c', 1))
	if err := f.Sync(); !errors.Is(err, syscall.EIO) || !d.SyncFailed() {
		t.Fatalf("the second fsync: %v", err)
	}
	writeAt(t, f, 2*sector, filled('d', 1))
	check(t, f.Sync())
	b, err := os.ReadFile(f.Name())
	check(t, err)
	if want := string(filled('b', 1)) + string(filled('c', 1)) + string(filled('d', 1)); string(b) != want {
		t.Errorf("programs see %q, want %q", b, want)
	}
	cuts(t, d, func(found map[string]string) {
		if want := string(filled('b', 1)) + string(filled('a', 1)) + string(filled('d', 1)); found["f"] != want {
			t.Fatalf("the disk holds %q, want %q", found["f"], want)
		}
	})
}

func TestADiskIsMountedAgainAfterACut(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	durable(t, filepath.Join(mount(t, d), "f"), []byte("one"))
	for i := range uint64(3) {
		d, _ = d.Cut(i)
		path := filepath.Join(mount(t, d), "f")
		b, err := os.ReadFile(path)
		check(t, err)
		want := []string{"one", "one+", "one++"}[i]
		if string(b) != want {
			t.Fatalf("after %d cuts the file holds %q, want %q", i+1, b, want)
		}
		f := open(t, path)
		writeAt(t, f, int64(len(want)), []byte("+"))
		check(t, f.Sync())
	}
	if n := d.Bytes(); n != 6 {
		t.Errorf("%d bytes, want 6", n)
	}
}

func TestADiskIsWrittenIntoAPlainDirectory(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	dir, plain := mount(t, d), t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, "a/b"), 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "a/b/f"), []byte("f"), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "a-b"), nil, 0o600))
	check(t, d.WriteTo(plain))
	for path, want := range map[string]string{"a/b/f": "f", "a-b": ""} {
		b, err := os.ReadFile(filepath.Join(plain, path))
		check(t, err)
		if string(b) != want {
			t.Errorf("%s holds %q, want %q", path, b, want)
		}
	}
}

func TestSharedMappingsSeeWritesAndAreWrittenBack(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	f := durable(t, filepath.Join(mount(t, d), "f"), filled('a', 8))
	// Populated at once: a fault of a page could wait for this very process.
	m, err := unix.Mmap(int(f.Fd()), 0, 8*sector, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	check(t, err)
	writeAt(t, f, 0, []byte("written"))
	if got := string(m[:7]); got != "written" {
		t.Errorf("the mapping holds %q", got)
	}
	copy(m[sector:], "mapped")
	b := make([]byte, 6)
	_, err = f.ReadAt(b, sector)
	check(t, err)
	if string(b) != "mapped" {
		t.Errorf("the file holds %q", b)
	}
	check(t, unix.Msync(m, unix.MS_SYNC))
	check(t, unix.Munmap(m))
	cuts(t, d, func(found map[string]string) {
		if got := found["f"]; got[:7] != "written" || got[sector:sector+6] != "mapped" {
			t.Fatalf("on the disk: %.20q, %.20q", got, got[sector:])
		}
	})
}

func TestLocksExclude(t *testing.T) {
	t.Parallel()
	path := filepath.Join(mount(t, powerfs.New()), "f")
	a, b := open(t, path), open(t, path)
	for name, lock := range map[string]func(f *os.File, on bool) error{
		"flock": func(f *os.File, on bool) error {
			if on {
				return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
			}
			return unix.Flock(int(f.Fd()), unix.LOCK_UN)
		},
		"record lock": func(f *os.File, on bool) error {
			l := unix.Flock_t{Type: unix.F_UNLCK, Start: 100, Len: 10}
			if on {
				l.Type = unix.F_WRLCK
			}
			return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l)
		},
	} {
		check(t, lock(a, true))
		if err := lock(b, true); !errors.Is(err, syscall.EAGAIN) {
			t.Errorf("%s: the second got %v", name, err)
		}
		check(t, lock(a, false))
		check(t, lock(b, true))
	}
}

func TestUnmountingWhileFilesAreOpenEndsTheMount(t *testing.T) {
	t.Parallel()
	d, dir := powerfs.New(), t.TempDir()
	m, err := d.Mount(dir)
	check(t, err)
	f := open(t, filepath.Join(dir, "f"))
	check(t, m.Unmount())
	check(t, m.Unmount())
	if _, err := f.Write([]byte("x")); err == nil {
		t.Error("a write still works")
	}
	if mounts(t, dir) {
		t.Error("still mounted")
	}
}
