//go:build linux

package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of processor times in /proc. Linux shows them in hundredths
// of a second whatever its own clock is.
const tick = 10 * time.Millisecond

// Self is the processor time that this process has used.
func Self() time.Duration { return rusage(syscall.RUSAGE_SELF) }

// Family is the processor time that this process and those of its children
// that ended have used.
func Family() time.Duration { return Self() + rusage(syscall.RUSAGE_CHILDREN) }

func rusage(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0 // who is one of two constants, so this cannot be
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// stat is what /proc/PID/stat says of a process.
type stat struct {
	pid, parent int
	cpu         time.Duration // its own
	reaped      time.Duration // of its children that ended
}

// readStat reads one process. The program's name, in brackets, may hold
// anything.
func readStat(data []byte) (stat, error) {
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open {
		return stat{}, errors.New("no program name")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data[:open])))
	if err != nil {
		return stat{}, err
	}
	// From here on the fields are state, ppid, …; utime is the 12th.
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("%d fields", len(fields))
	}
	s := stat{pid: pid}
	if s.parent, err = strconv.Atoi(fields[1]); err != nil {
		return stat{}, err
	}
	var ticks [4]int64
	for i := range ticks {
		if ticks[i], err = strconv.ParseInt(fields[11+i], 10, 64); err != nil {
			return stat{}, err
		}
	}
	s.cpu, s.reaped = time.Duration(ticks[0]+ticks[1])*tick, time.Duration(ticks[2]+ticks[3])*tick
	return s, nil
}

// Processors is the processor time that the processes and all that descend
// from them have used.
func Processors(pids ...int) (time.Duration, error) {
	var sum time.Duration
	if len(pids) == 0 {
		return 0, nil
	}
	tree, err := descendants(pids)
	for _, s := range tree {
		sum += s.cpu + s.reaped
	}
	return sum, err
}

// descendants are the processes named and all below them. One that ends
// meanwhile is left out.
func descendants(pids []int) ([]stat, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]stat{}
	byPID := map[int]stat{}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		s, err := readStat(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		byPID[s.pid] = s
		children[s.parent] = append(children[s.parent], s)
	}
	var tree []stat
	for _, pid := range pids {
		s, ok := byPID[pid]
		if !ok {
			return nil, fmt.Errorf("process %d has ended", pid)
		}
		tree = append(tree, s)
	}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i].pid]...)
	}
	return tree, nil
}

// Resident is how many bytes of memory a process holds, and the most it ever
// held.
func Resident(pid int) (now, peak int64, err error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	for name, to := range map[string]*int64{"VmRSS": &now, "VmHWM": &peak} {
		text, err := field(path, name)
		if err != nil {
			return 0, 0, err
		}
		if *to, err = kilobytes(text); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", path, err)
		}
	}
	return now, peak, nil
}

// Split is the processor time of a process alone, and that of all that descend
// from it, those that ended included.
func Split(pid int) (own, below time.Duration, err error) {
	tree, err := descendants([]int{pid})
	for i, s := range tree {
		if i == 0 {
			own = s.cpu
		} else {
			below += s.cpu
		}
		below += s.reaped
	}
	return own, below, err
}

// Children are the processes that descend from one.
func Children(pid int) ([]int, error) {
	tree, err := descendants([]int{pid})
	var pids []int
	for _, s := range tree {
		if s.pid != pid {
			pids = append(pids, s.pid)
		}
	}
	return pids, err
}

// Busy is the processor time that all programs of the machine have used since
// it started.
func Busy() (time.Duration, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return readBusy(string(line))
}

// readBusy sums the first line of /proc/stat without idle and iowait, which
// are the 4th and 5th figure, and without the guests', which user holds.
func readBusy(line string) (time.Duration, error) {
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %.40q", line)
	}
	var sum int64
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}
