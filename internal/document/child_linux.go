package document

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// limitStart bounds a child before it reads anything: no core dumps, few
// files, no file larger than the compilation cache (19 MB), and processor time
// for its whole life, which ends it even if nobody is left to kill it.
func limitStart(cpuSeconds uint64) {
	setLimit(unix.RLIMIT_CORE, 0)
	setLimit(unix.RLIMIT_NOFILE, 64)
	setLimit(unix.RLIMIT_FSIZE, 64<<20)
	setLimit(unix.RLIMIT_CPU, cpuSeconds)
	_ = os.WriteFile("/proc/self/comm", []byte("sluice-document"), 0) // for people who look at top
}

// limitRunning takes away what only the start needed: writing files, and
// opening more of them than are open now.
func limitRunning() {
	setLimit(unix.RLIMIT_FSIZE, 0)
	setLimit(unix.RLIMIT_NOFILE, 16)
}

// setLimit lowers a limit for good. A system that refuses leaves the parent's
// own limits on time and memory.
func setLimit(resource int, value uint64) {
	_ = unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value})
}

// cpuTime is the processor time this process has used.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// childAttributes makes a child die with the thread that starts it, and keeps
// it out of the terminal's process group: a Ctrl-C is the parent's to handle.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// residentMemory is the memory of a process in bytes, 0 when unknown.
func residentMemory(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// selfPath is this program's own file, even if it has been replaced since.
func selfPath() (string, error) {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return self, nil
	}
	return os.Executable()
}
