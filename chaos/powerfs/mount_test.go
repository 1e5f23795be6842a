package powerfs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/chaos/powerfs"
)

// sector is the unit that lands or does not.
const sector = powerfs.SectorSize

// mount mounts a disk until the test ends.
func mount(t *testing.T, d *powerfs.Disk) string {
	t.Helper()
	dir := t.TempDir()
	m, err := d.Mount(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Unmount(); err != nil {
			t.Errorf("unmount: %v", err)
		}
		if mounts(t, dir) {
			t.Errorf("%s is still mounted", dir)
		}
	})
	return dir
}

func mounts(t *testing.T, dir string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), " "+dir+" ")
}

// check fails the test on an error.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a file for reading and writing, and makes it when it is missing.
func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	check(t, err)
	t.Cleanup(func() { _ = f.Close() }) // the power may be off
	return f
}

func writeAt(t *testing.T, f *os.File, off int64, b []byte) {
	t.Helper()
	_, err := f.WriteAt(b, off)
	check(t, err)
}

// syncDir makes the entries of a directory durable.
func syncDir(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	check(t, err)
	check(t, f.Sync())
	check(t, f.Close())
}

// durable makes a file that no cut can harm.
func durable(t *testing.T, path string, b []byte) *os.File {
	t.Helper()
	f := open(t, path)
	writeAt(t, f, 0, b)
	check(t, f.Sync())
	syncDir(t, filepath.Dir(path))
	return f
}

// filled is n sectors of one letter.
func filled(letter byte, n int) []byte { return bytes.Repeat([]byte{letter}, n*sector) }

// seeds is how many cuts of one disk the tests look at.
const seeds = 300

// cuts calls f with what is on the disk after each of many cuts: the contents
// of all files by path, and directories with a slash at their end.
func cuts(t *testing.T, d *powerfs.Disk, f func(found map[string]string)) {
	t.Helper()
	for seed := range uint64(seeds) {
		after, _ := d.Cut(seed)
		f(contents(t, after))
	}
}

func contents(t *testing.T, d *powerfs.Disk) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for path, b := range d.Contents() {
		found[path] = string(b)
	}
	return found
}

// tally counts what happened in many cuts.
type tally map[string]int

// want fails the test unless exactly the given things happened, each at least
// once.
func (c tally) want(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if c[name] == 0 {
			t.Errorf("%q never happened in %d cuts", name, seeds)
		}
		delete(c, name)
	}
	for name, n := range c {
		t.Errorf("%q happened %d times", name, n)
	}
}
