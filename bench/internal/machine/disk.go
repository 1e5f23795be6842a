//go:build linux

package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// RefuseMemory is an error when dir is on a file system that lives in memory,
// where an fsync costs nothing and a benchmark of durable writes says nothing.
func RefuseMemory(dir string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("file system of %s: %w", dir, err)
	}
	if inMemory(int64(s.Type)) {
		return fmt.Errorf("%s is on a file system in memory, where nothing is durable: name a directory on a disk with -dir", dir)
	}
	return nil
}

func inMemory(magic int64) bool { return magic == unix.TMPFS_MAGIC || magic == unix.RAMFS_MAGIC }

// fsyncs is how often the disk is asked. The median of as many is steady
// enough to compare disks.
const fsyncs = 31

// Fsync is the median time of an fsync after 4 KiB were appended to a file in
// dir: what one commit costs at least.
func Fsync(dir string) (_ time.Duration, err error) {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 4<<10)
	times := make([]time.Duration, 0, fsyncs)
	for range fsyncs {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// Evict asks the kernel to forget what it holds in memory of the files in dir,
// so that the next reader waits for the disk.
func Evict(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			if err := evict(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func evict(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// Pages that are not written yet are not given up.
	if err := f.Sync(); err != nil {
		return err
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return fmt.Errorf("evict %s: %w", path, err)
	}
	return nil
}
