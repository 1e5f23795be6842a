//go:build linux

package child

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/sluicehq/sluice/bench/internal/machine"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// Reopened is what a process that opened a data directory found.
type Reopened struct {
	// Open is the time the engine took to open, and FirstLoan that from the
	// start of the process to the first loan.
	Open, FirstLoan time.Duration
	// Queued is how many jobs wait, the one that was lent not among them.
	Queued int64
	// Heap is what the program's own data take in memory, and Resident what
	// the process holds of memory in all, both when the engine is at rest. Peak
	// is the most it held. All in bytes.
	Heap, Resident, Peak int64
}

// Reopen opens the directory in a process of its own, lends one job if there
// is any, and answers what that took. The job is given back.
func Reopen(dir string) (_ Reopened, err error) {
	began := time.Now()
	l, err := start(reopenArg, "-dir", dir)
	if err != nil {
		return Reopened{}, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var r Reopened
	if err := l.ask("", &r); err != nil {
		return Reopened{}, err
	}
	r.FirstLoan = time.Since(began)
	var memory Reopened
	if err := l.ask("memory", &memory); err != nil {
		return Reopened{}, err
	}
	r.Heap, r.Resident, r.Peak = memory.Heap, memory.Resident, memory.Peak
	return r, nil
}

func reopen(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	f := flag.NewFlagSet(reopenArg, flag.ContinueOnError)
	dir := f.String("dir", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	began := time.Now()
	e, err := sqlitejobs.Open(ctx, sqlitejobs.Config{Dir: *dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	r := Reopened{Open: time.Since(began)}
	loans, err := e.Lend(ctx, jobs.LendRequest{Worker: "bench", Max: 1, Slots: 1})
	if err != nil {
		return err
	}
	stats, err := e.Stats(ctx)
	if err != nil {
		return err
	}
	r.Queued = stats.States[jobs.Queued]
	if err := answer(out, r); err != nil {
		return err
	}
	for _, l := range loans {
		if _, err := e.Finish(ctx, l.Lease, jobs.Outcome{Kind: jobs.Release, Reason: "shutdown"}); err != nil {
			return err
		}
	}
	questions := bufio.NewScanner(in)
	for questions.Scan() {
		m, err := memory()
		if err != nil {
			return err
		}
		if err := answer(out, m); err != nil {
			return err
		}
	}
	return questions.Err()
}

// memory is what the process holds once it has collected its garbage.
func memory() (r Reopened, err error) {
	if r.Resident, r.Peak, err = machine.Resident(os.Getpid()); err != nil {
		return r, err
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.Heap = int64(m.HeapAlloc) //nolint:gosec // no heap is that large
	r.Resident, _, err = machine.Resident(os.Getpid())
	return r, err
}
