package chaos_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of so many bytes until the test ends.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	guardMounts(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=700", size)); err != nil {
		t.Fatalf("mount tmpfs: this takes root (or root in a user namespace of its own: unshare -rm): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
		if b, err := os.ReadFile("/proc/self/mounts"); err != nil || strings.Contains(string(b), " "+dir+" ") {
			t.Errorf("%s is still mounted (%v)", dir, err)
		}
	})
	return dir
}

// unmountBelow takes away what is mounted below root, and returns 0 when all of
// it went.
func unmountBelow(root string) (failed int) {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return 1
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.HasPrefix(fields[1], root+"/") {
			continue
		}
		if err := unix.Unmount(fields[1], unix.MNT_FORCE|unix.MNT_DETACH); err != nil {
			fmt.Fprintln(os.Stderr, "unmount", fields[1], err)
			failed++
		}
	}
	return failed
}

// setReadOnly makes the disk of smallDisk refuse writes, or take them again.
func setReadOnly(t *testing.T, dir string, on bool) {
	t.Helper()
	flags := uintptr(unix.MS_REMOUNT | unix.MS_NOSUID | unix.MS_NODEV)
	if on {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount("", dir, "", flags, ""); err != nil {
		t.Fatalf("remount %s: %v", dir, err)
	}
}
