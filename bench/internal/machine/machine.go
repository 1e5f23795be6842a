//go:build linux

// Package machine describes the machine that a benchmark runs on and reads
// what processes use of it. It reads /proc, so it needs Linux.
package machine

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is what a reader must know to judge figures.
type Machine struct {
	CPU string
	// Cores is how many processors the process may use.
	Cores int
	// Memory is in bytes.
	Memory int64
	Kernel string
}

// Describe reads the machine.
func Describe() (Machine, error) {
	m := Machine{Cores: runtime.GOMAXPROCS(0)}
	cpu, err := field("/proc/cpuinfo", "model name")
	if err != nil {
		cpu = runtime.GOARCH // other architectures name no model
	}
	m.CPU = cpu
	total, err := field("/proc/meminfo", "MemTotal")
	if err != nil {
		return m, err
	}
	if m.Memory, err = kilobytes(total); err != nil {
		return m, fmt.Errorf("/proc/meminfo: %w", err)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return m, fmt.Errorf("uname: %w", err)
	}
	m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	return m, nil
}

// field is the value of the first line "name : value" of a file.
func field(path, name string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range bytes.Lines(data) {
		key, value, ok := strings.Cut(string(line), ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("%s has no %s", path, name)
}

// kilobytes reads "123 kB" as a number of bytes.
func kilobytes(s string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSuffix(s, " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of kilobytes", s)
	}
	return n << 10, nil
}
