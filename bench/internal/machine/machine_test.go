//go:build linux

package machine

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestTheMachineIsDescribedInFull(t *testing.T) {
	t.Parallel()
	m, err := Describe()
	if err != nil {
		t.Fatal(err)
	}
	if m.CPU == "" || m.Cores < 1 || m.Memory < 64<<20 || !strings.HasPrefix(m.Kernel, "Linux ") {
		t.Errorf("machine is %+v", m)
	}
}

func TestADiskInMemoryIsRefused(t *testing.T) {
	t.Parallel()
	if !inMemory(unix.TMPFS_MAGIC) || !inMemory(unix.RAMFS_MAGIC) || inMemory(unix.EXT4_SUPER_MAGIC) {
		t.Error("file systems in memory are told from others by the wrong numbers")
	}
	if err := RefuseMemory("/dev/shm"); err == nil || !strings.Contains(err.Error(), "-dir") {
		t.Errorf("/dev/shm is answered %v, want an error that names -dir", err)
	}
	if err := RefuseMemory("/nowhere/at/all"); err == nil {
		t.Error("a directory that is not there was let through")
	}
}

func TestAnFsyncTakesTimeAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	took, err := Fsync(dir)
	if err != nil || took <= 0 {
		t.Fatalf("fsync takes %s, error %v", took, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("%d files are left, error %v", len(left), err)
	}
	if err := os.WriteFile(dir+"/file", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Evict(dir); err != nil {
		t.Error(err)
	}
}

func TestAProcessWithAnyNameIsRead(t *testing.T) {
	t.Parallel()
	line := "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 25 5 20 0 1 0 100 1 1"
	got, err := readStat([]byte(line))
	want := stat{pid: 42, parent: 7, cpu: 2 * time.Second, reaped: 300 * time.Millisecond}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(stat{})); diff != "" || err != nil {
		t.Errorf("stat (-want +got):\n%s\nerror %v", diff, err)
	}
	for _, bad := range []string{"", "42", "x (a) S 7", "42 (a) S 7", strings.Replace(line, "150", "much", 1)} {
		if _, err := readStat([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestBusyTimeLeavesOutIdleAndGuests(t *testing.T) {
	t.Parallel()
	got, err := readBusy("cpu  100 20 30 9999 8888 4 5 6 77 88")
	if want := 1650 * time.Millisecond; got != want || err != nil {
		t.Errorf("busy %s, error %v, want %s", got, err, want)
	}
	if _, err := readBusy("intr 1 2"); err == nil {
		t.Error("another line was read")
	}
}

func TestTheProcessorTimeOfAChildIsSeenFromOutside(t *testing.T) {
	t.Parallel()
	// The second shell does the work, below the first.
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "sh -c 'while :; do :; done'; true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}()
	busy, err := Busy()
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.After(10 * time.Second)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		used, err := Processors(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		if used >= 3*tick {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("the child has used %s", used)
		case <-ticker.C:
		}
	}
	if now, err := Busy(); err != nil || now <= busy {
		t.Errorf("the machine was busy for %s and then %s, error %v", busy, now, err)
	}
	if now, peak, err := Resident(cmd.Process.Pid); err != nil || now < 100<<10 || peak < now {
		t.Errorf("the child holds %d bytes, at most %d, error %v", now, peak, err)
	}
	if pids, err := Children(cmd.Process.Pid); err != nil || len(pids) != 1 {
		t.Errorf("the child has the children %v, error %v", pids, err)
	}
	if own, below, err := Split(cmd.Process.Pid); err != nil || below < 3*tick || own >= below {
		t.Errorf("the child has used %s and its child %s, error %v", own, below, err)
	}
	if _, err := Processors(1 << 30); err == nil {
		t.Error("a process that does not exist has a processor time")
	}
}
