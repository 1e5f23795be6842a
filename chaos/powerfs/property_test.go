package powerfs

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestASectorHoldsWhatItOnceHeld compares what lands of random changes with
// what the file was since its last fsync, snapshot by snapshot.
func TestASectorHoldsWhatItOnceHeld(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := New()
		f := d.node(0o600)
		d.root.dir.entries["f"], d.root.dir.durable["f"] = f, f
		snapshots := [][]byte{nil}
		letter := byte(0)
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			off := rapid.Int64Range(0, 5*SectorSize).Draw(t, "off")
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				f.file.sync()
				snapshots = nil
			case 1:
				f.file.resize(off)
			default:
				letter++
				n := rapid.IntRange(0, 3*SectorSize).Draw(t, "length")
				f.file.write(off, bytes.Repeat([]byte{letter}, n))
			}
			snapshots = append(snapshots, bytes.Clone(f.file.data))
		}
		for seed := range uint64(10) {
			after, _ := d.Cut(seed)
			judge(t, after.root.dir.entries["f"].file.data, snapshots)
		}
	})
}

func judge(t *rapid.T, held []byte, snapshots [][]byte) {
	size := false
	for _, s := range snapshots {
		size = size || len(s) == len(held)
	}
	if !size {
		t.Fatalf("the file has %d bytes, which it never had", len(held))
	}
	if len(snapshots) == 1 && !bytes.Equal(held, snapshots[0]) {
		t.Fatalf("what was fsynced is lost")
	}
	for at := 0; at < len(held); at += SectorSize {
		// Zeros are what was cut off, or never landed.
		got := bytes.TrimRight(held[at:min(at+SectorSize, len(held))], "\x00")
		found := false
		for _, s := range snapshots {
			found = found || bytes.HasPrefix(s[min(at, len(s)):], got)
		}
		if !found {
			t.Fatalf("the bytes from %d never were in the file", at)
		}
	}
}
