package sqlitejobs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
	lib "modernc.org/sqlite/lib"
)

// The files in a data directory.
const (
	databaseName = "sluice.db" // with -wal and -shm beside it while it is open
	lockName     = "sluice.lock"
	blobsName    = "documents"
)

// directory is a data directory that this process has to itself.
type directory struct {
	path string
	lock *flock.Flock
}

// openDirectory makes the directory when it is missing and locks it.
func openDirectory(path string) (*directory, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	if err := makeDirectory(abs); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	d := &directory{path: abs, lock: flock.New(filepath.Join(abs, lockName), flock.SetPermissions(0o600))}
	locked, err := d.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data directory %s cannot be written: check its owner, its permissions and whether its disk is mounted read-only: %w", path, err)
	}
	if !locked {
		return nil, fmt.Errorf("data directory %s is open in another process%s: stop that one first, or give this one a directory of its own",
			path, d.holder())
	}
	if err := d.sign(); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s cannot be written: %w", path, err), d.unlock())
	}
	return d, nil
}

// makeDirectory makes a directory with all that leads to it, and makes their
// names durable: a directory whose name is not on disk goes, with everything
// in it, when the power fails.
func makeDirectory(abs string) error {
	var missing []string // the innermost first
	for at := abs; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, os.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		missing = append(missing, at)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return err
	}
	for _, made := range missing {
		if err := syncDir(filepath.Dir(made)); err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		// An earlier start may have died before it came to this. Where the
		// parent is not ours to open, the directory was there before us.
		_ = syncDir(filepath.Dir(abs))
	}
	return nil
}

// holder says which process has the lock, if its file tells.
func (d *directory) holder() string {
	b, err := os.ReadFile(d.lock.Path())
	pid, e := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || e != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

// sign writes this process into the lock's file, for those who find it locked.
func (d *directory) sign() error {
	return os.WriteFile(d.lock.Path(), fmt.Appendf(nil, "%d\n", os.Getpid()), 0o600)
}

func (d *directory) unlock() error { return d.lock.Unlock() }

func (d *directory) database() string { return filepath.Join(d.path, databaseName) }

func (d *directory) blobs() string { return filepath.Join(d.path, blobsName) }

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// explain adds to an error of opening a database what its reader can do.
func (d *directory) explain(err error) error {
	var advice string
	switch code := primary(err); {
	case errors.Is(err, errNotOurs):
		advice = "if it was one, it is damaged: restore it from a backup; else move " + databaseName + " elsewhere, or choose another data directory"
	case errors.Is(err, errGone):
		advice = "restore it from a backup, or choose another data directory"
	case code == lib.SQLITE_CORRUPT, code == lib.SQLITE_NOTADB:
		advice = databaseName + " is damaged or was cut short: keep a copy of the directory, then restore " +
			databaseName + " and its -wal file from the same backup"
	case code == lib.SQLITE_FULL, code == lib.SQLITE_IOERR && d.isFull():
		advice = "the disk is full: free space on it"
	case code == lib.SQLITE_IOERR:
		advice = "the disk failed: see the kernel's log"
	case code == lib.SQLITE_READONLY, code == lib.SQLITE_CANTOPEN, code == lib.SQLITE_PERM:
		advice = "check the owner and permissions of the files, and whether the disk is mounted read-only"
	default:
		return err
	}
	return fmt.Errorf("%w (%s)", err, advice)
}

// isFull reports whether the disk has no room for a page.
func (d *directory) isFull() bool {
	trial := filepath.Join(d.path, "trial")
	err := os.WriteFile(trial, make([]byte, pageSize), 0o600)
	return errors.Join(err, os.Remove(trial)) != nil && errors.Is(err, syscall.ENOSPC)
}
