//go:build !linux

package document

import (
	"os"
	"syscall"
	"time"
)

// Other systems than Linux have no parent death signal and no cheap way to
// watch another process's memory. Sluice runs there for development: children
// still end with their standard input, and time limits hold.

func limitStart(uint64) {}

func limitRunning() {}

func cpuTime() time.Duration { return 0 }

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func residentMemory(int) int64 { return 0 }

func selfPath() (string, error) { return os.Executable() }
