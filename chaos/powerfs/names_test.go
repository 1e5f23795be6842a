package powerfs_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sluicehq/sluice/chaos/powerfs"
)

// names counts the sets of names that are there after many cuts.
func names(t *testing.T, d *powerfs.Disk) tally {
	t.Helper()
	seen := tally{}
	cuts(t, d, func(found map[string]string) {
		seen[strings.Join(slices.Sorted(maps.Keys(found)), " ")]++
	})
	return seen
}

func TestAnFsyncedFileVanishesWhenItsDirectoryWasNotFsynced(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	f := open(t, filepath.Join(mount(t, d), "f"))
	writeAt(t, f, 0, []byte("bytes"))
	check(t, f.Sync())
	seen := tally{}
	cuts(t, d, func(found map[string]string) {
		b, ok := found["f"]
		switch {
		case !ok:
			seen["vanished"]++
		case b == "bytes":
			seen["whole"]++
		default:
			seen["torn"]++
		}
	})
	seen.want(t, "vanished", "whole")
}

func TestARenameIsUndoneUntilTheDirectoryIsFsynced(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	dir := mount(t, d)
	durable(t, filepath.Join(dir, "old"), []byte("x"))
	check(t, os.Rename(filepath.Join(dir, "old"), filepath.Join(dir, "new")))
	names(t, d).want(t, "old", "new")
}

func TestARenameLastsOnceTheDirectoryIsFsynced(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	dir := mount(t, d)
	durable(t, filepath.Join(dir, "old"), []byte("x"))
	check(t, os.Rename(filepath.Join(dir, "old"), filepath.Join(dir, "new")))
	syncDir(t, dir)
	names(t, d).want(t, "new")
}

func TestARenameBetweenDirectoriesHappensWhollyOrNotAtAll(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sync string
		want []string
	}{
		{"", []string{"a/ a/f b/", "a/ b/ b/f"}},
		{"b", []string{"a/ a/f b/ b/f", "a/ b/ b/f"}},
		{"a", []string{"a/ b/", "a/ b/ b/f"}},
	} {
		t.Run("fsync "+c.sync, func(t *testing.T) {
			t.Parallel()
			d := powerfs.New()
			dir := mount(t, d)
			check(t, os.Mkdir(filepath.Join(dir, "a"), 0o700))
			check(t, os.Mkdir(filepath.Join(dir, "b"), 0o700))
			syncDir(t, dir)
			durable(t, filepath.Join(dir, "a/f"), nil)
			check(t, os.Rename(filepath.Join(dir, "a/f"), filepath.Join(dir, "b/f")))
			if c.sync != "" {
				syncDir(t, filepath.Join(dir, c.sync))
			}
			names(t, d).want(t, c.want...)
		})
	}
}

func TestARemovedFileComesBackWithItsBytesUntilTheDirectoryIsFsynced(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	dir := mount(t, d)
	durable(t, filepath.Join(dir, "f"), []byte("bytes"))
	check(t, os.Remove(filepath.Join(dir, "f")))
	seen := tally{}
	cuts(t, d, func(found map[string]string) { seen[found["f"]]++ })
	seen.want(t, "", "bytes")
}

func TestADirectoryThatWasNotFsyncedIntoItsParentTakesItsFilesWithIt(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	dir := mount(t, d)
	check(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	durable(t, filepath.Join(dir, "sub/f"), []byte("x"))
	names(t, d).want(t, "", "sub/ sub/f")
}

func TestEntriesAreLostOneByOne(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	dir := mount(t, d)
	open(t, filepath.Join(dir, "a"))
	open(t, filepath.Join(dir, "b"))
	names(t, d).want(t, "", "a", "b", "a b")
}

func TestADirectoryMovedAroundIsFoundOnce(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	dir := mount(t, d)
	at := func(p string) string { return filepath.Join(dir, p) }
	check(t, os.Mkdir(at("a"), 0o700))
	check(t, os.Mkdir(at("b"), 0o700))
	syncDir(t, dir)
	check(t, os.Rename(at("a"), at("b/a")))
	syncDir(t, at("b"))
	check(t, os.Rename(at("b/a"), at("a")))
	check(t, os.Rename(at("b"), at("a/b")))
	syncDir(t, at("a"))
	names(t, d) // ends, though a may hold b and b may hold a
}

func TestNamesFollowTheRules(t *testing.T) {
	t.Parallel()
	dir := mount(t, powerfs.New())
	at := func(p string) string { return filepath.Join(dir, p) }
	check(t, os.MkdirAll(at("full/inside"), 0o700))
	check(t, os.Mkdir(at("empty"), 0o700))
	check(t, os.WriteFile(at("f"), []byte("f"), 0o600))
	check(t, os.WriteFile(at("g"), []byte("g"), 0o600))
	for name, c := range map[string]struct {
		got  error
		want string
	}{
		"make a directory twice":       {os.Mkdir(at("empty"), 0o700), "file exists"},
		"remove a full directory":      {os.Remove(at("full")), "directory not empty"},
		"rename onto a full directory": {syscall.Rename(at("empty"), at("full")), "directory not empty"},
		"rename a file to a directory": {syscall.Rename(at("f"), at("empty")), "is a directory"},
		"rename into itself":           {os.Rename(at("full"), at("full/inside/x")), "invalid argument"},
		"rename what is not there":     {os.Rename(at("x"), at("y")), "no such file or directory"},
		"a long name":                  {os.Mkdir(at(strings.Repeat("x", 300)), 0o700), "file name too long"},
		"a link":                       {os.Link(at("f"), at("l")), "operation not permitted"},
		"a large file":                 {os.Truncate(at("f"), 1<<40), "file too large"},
	} {
		if c.got == nil || !strings.Contains(c.got.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, c.got, c.want)
		}
	}
	check(t, os.Rename(at("f"), at("g")))
	b, err := os.ReadFile(at("g"))
	check(t, err)
	if string(b) != "f" {
		t.Errorf("a file renamed onto another holds %q", b)
	}
	check(t, os.Remove(at("empty")))
	check(t, os.RemoveAll(at("full")))
	entries, err := os.ReadDir(dir)
	check(t, err)
	if len(entries) != 1 || entries[0].Name() != "g" {
		t.Errorf("what is left: %v", entries)
	}
}
