package powerfs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/chaos/powerfs"
)

func TestAWriteWithoutFsyncIsLostOrTornOrLands(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	f := durable(t, filepath.Join(mount(t, d), "f"), filled('a', 8))
	writeAt(t, f, 0, filled('b', 8))
	seen := tally{}
	torn := 0
	cuts(t, d, func(found map[string]string) {
		pattern := ""
		for i := range 8 {
			switch s := found["f"][i*sector : (i+1)*sector]; s {
			case string(filled('a', 1)):
				pattern += "a"
			case string(filled('b', 1)):
				pattern += "b"
			default:
				t.Fatalf("sector %d is torn: %q", i, s)
			}
		}
		switch {
		case pattern == "aaaaaaaa":
			seen["lost"]++
		case pattern == "bbbbbbbb":
			seen["landed"]++
		case strings.Contains(pattern, "ab"):
			seen["torn and out of order"]++
			torn++
		default:
			seen["torn"]++
			torn++
		}
	})
	seen.want(t, "lost", "landed", "torn", "torn and out of order")
	if torn < seeds/4 {
		t.Errorf("%d of %d cuts tore the write", torn, seeds)
	}
}

func TestAWriteWithFsyncIsNeverLost(t *testing.T) {
	t.Parallel()
	for name, sync := range map[string]func(*os.File) error{
		"fsync":     (*os.File).Sync,
		"fdatasync": fdatasync,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := powerfs.New()
			f := durable(t, filepath.Join(mount(t, d), "f"), filled('a', 4))
			writeAt(t, f, sector+100, filled('b', 6))
			check(t, sync(f))
			want := string(filled('a', 1)) + string(filled('a', 1)[:100]) + string(filled('b', 6))
			cuts(t, d, func(found map[string]string) {
				if diff := cmp.Diff(map[string]string{"f": want}, found); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestClosingAFileMakesNothingDurable(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	f := durable(t, filepath.Join(mount(t, d), "f"), filled('a', 1))
	writeAt(t, f, 0, filled('b', 1))
	check(t, f.Close())
	seen := tally{}
	cuts(t, d, func(found map[string]string) { seen[found["f"][:1]]++ })
	seen.want(t, "a", "b")
}

func TestEachWriteToASectorCanBeTheLastThatLands(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	f := durable(t, filepath.Join(mount(t, d), "f"), []byte("0....."))
	for _, s := range []string{"1", "2", "3"} {
		writeAt(t, f, 0, []byte(s))
	}
	seen := tally{}
	cuts(t, d, func(found map[string]string) { seen[found["f"]]++ })
	seen.want(t, "0.....", "1.....", "2.....", "3.....")
}

func TestAFileThatGrewHasAnyOfItsSizesAndZerosWhereNothingLanded(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	f := durable(t, filepath.Join(mount(t, d), "f"), filled('a', 1))
	writeAt(t, f, sector, filled('b', 1))
	writeAt(t, f, 2*sector, filled('c', 1))
	seen := tally{}
	name := map[string]string{string(filled('a', 1)): "a", string(filled('b', 1)): "b", string(filled('c', 1)): "c", string(filled(0, 1)): "-"}
	cuts(t, d, func(found map[string]string) {
		got := ""
		for s := found["f"]; s != ""; s = s[sector:] {
			got += name[s[:sector]]
		}
		seen[got]++
	})
	seen.want(t, "a", "ab", "a-", "abc", "a-c", "ab-", "a--")
}

func TestALostTruncationBringsTheOldBytesBackAndNothingNewer(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	f := durable(t, filepath.Join(mount(t, d), "f"), filled('a', 3))
	check(t, f.Truncate(sector))
	writeAt(t, f, sector, filled('b', 1))
	seen := tally{}
	cuts(t, d, func(found map[string]string) {
		switch got := found["f"]; got {
		case string(filled('a', 3)):
			seen["lost"]++
		case string(filled('a', 1)):
			seen["shorter"]++
		case string(filled('a', 1)) + string(filled('b', 1)):
			seen["written again"]++
		case string(filled('a', 1)) + string(filled(0, 1)):
			seen["grown again"]++
		default:
			t.Fatalf("%d bytes: %.1q", len(got), strings.ReplaceAll(got, "a", ""))
		}
	})
	seen.want(t, "lost", "shorter", "written again", "grown again")
}

func TestOfTwoTruncationsTheSecondDoesNotLandAlone(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	f := durable(t, filepath.Join(mount(t, d), "f"), filled('a', 4))
	check(t, f.Truncate(0))
	writeAt(t, f, 0, filled('b', 4))
	check(t, f.Truncate(2*sector))
	seen := tally{}
	cuts(t, d, func(found map[string]string) {
		got := found["f"]
		switch n := strings.Count(got, "a"); {
		case n == 4*sector:
			seen["none"]++
		case n > 0:
			t.Fatalf("%d bytes of before the first truncation in %d", n, len(got))
		case len(got) == 2*sector:
			seen["both"]++
		default:
			seen["the first"]++
		}
	})
	seen.want(t, "none", "both", "the first")
}

func TestOpeningWithTruncationIsATruncation(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	path := filepath.Join(mount(t, d), "f")
	durable(t, path, []byte("old"))
	check(t, os.WriteFile(path, []byte("newer"), 0o600))
	seen := tally{}
	cuts(t, d, func(found map[string]string) { seen[strings.ReplaceAll(found["f"], "\x00", "-")]++ })
	seen.want(t, "old", "", "newer", "-----")
}

func TestTheSameSeedGivesTheSameDisk(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	dir := mount(t, d)
	for _, name := range []string{"f", "g", "h"} {
		writeAt(t, open(t, filepath.Join(dir, name)), 0, filled('x', 20))
	}
	for seed := range uint64(20) {
		a, lost := d.Cut(seed)
		b, lostToo := d.Cut(seed)
		if diff := cmp.Diff(contents(t, a), contents(t, b)); diff != "" {
			t.Fatalf("seed %d (-first +second):\n%s", seed, diff)
		}
		if diff := cmp.Diff(lost, lostToo); diff != "" {
			t.Fatalf("seed %d (-first +second):\n%s", seed, diff)
		}
	}
}

func TestLossesSayWhatWasAtStakeAndWhatWasLost(t *testing.T) {
	t.Parallel()
	d := powerfs.New()
	dir := mount(t, d)
	check(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	syncDir(t, dir)
	f := durable(t, filepath.Join(dir, "sub/f"), filled('a', 10))
	writeAt(t, f, 0, filled('b', 4))
	writeAt(t, f, 2*sector, filled('c', 4))
	open(t, filepath.Join(dir, "g"))
	for seed := range uint64(seeds) {
		after, l := d.Cut(seed)
		found := contents(t, after)
		want := powerfs.Losses{Entries: 1, Files: []powerfs.FileLosses{{Path: "sub/f", Sectors: 6, Writes: 2}}}
		if _, ok := found["g"]; !ok {
			want.EntriesLost = 1
		}
		for i, letter := range []byte("bbcccc") {
			if found["sub/f"][i*sector] != letter {
				want.Files[0].SectorsLost++
			}
		}
		want.Files[0].Torn = l.Files[0].Torn // only a look at each write could tell
		if diff := cmp.Diff(want, l); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
		if torn := l.Files[0].Torn; torn < 0 || torn > 2 || torn == 0 && l.Files[0].SectorsLost == 3 {
			t.Fatalf("seed %d: %+v", seed, l.Files[0])
		}
	}
}
