//go:build linux

package child

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sluicehq/sluice/bench/internal/queue"
)

// System is what a worker process works for.
type System string

// The systems whose workers run in processes of their own.
const (
	Shared System = "shared" // this project's engine for many machines
	Asynq  System = "asynq"
)

// Work says what a worker process does.
type Work struct {
	System System
	// Addr is the address of Redis. Servers is how many asynq servers the
	// process runs.
	Addr    string
	Servers int
	// Slots is how many jobs the process runs at once, and Takes how long each
	// of them holds its slot.
	Slots int
	Takes time.Duration
	// Starts asks for the moment at which each handler began.
	Starts bool
}

func (w Work) args(name string) []string {
	return []string{
		"-name", name, "-system", string(w.System), "-addr", w.Addr, "-servers", fmt.Sprint(w.Servers),
		"-slots", fmt.Sprint(w.Slots), "-takes", w.Takes.String(), fmt.Sprintf("-starts=%t", w.Starts),
	}
}

// progress is what a worker process tells since it told last.
type progress struct {
	Done int64
	// Starts are the moments, in unix nanoseconds, at which handlers began.
	Starts []int64 `json:",omitempty"`
	// Over says that the process works no more, and Trouble what went wrong.
	Over    bool
	Trouble string `json:",omitempty"`
}

// tellEvery is how often a worker process tells of its progress. In that time
// far fewer jobs are done than are in flight, so callers never wait for it.
const tellEvery = 2 * time.Millisecond

// tally is the child's side of progress.
type tally struct {
	mu sync.Mutex
	p  progress
}

func (t *tally) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.p.Done++
}

func (t *tally) started() {
	now := time.Now().UnixNano()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.p.Starts = append(t.p.Starts, now)
}

// take is what came since the last take.
func (t *tally) take() progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.p
	t.p = progress{}
	return p
}

// work runs workers until the input ends, and tells what they do.
func work(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	var w Work
	var task queue.Task
	f := flag.NewFlagSet(workArg, flag.ContinueOnError)
	f.StringVar((*string)(&w.System), "system", "", "")
	f.StringVar(&w.Addr, "addr", "", "")
	f.IntVar(&w.Servers, "servers", 1, "")
	f.StringVar(&task.Worker, "name", "", "")
	f.IntVar(&task.Slots, "slots", 0, "")
	f.DurationVar(&task.Takes, "takes", 0, "")
	starts := f.Bool("starts", false, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	t := &tally{}
	if *starts {
		task.Started = t.started
	}
	q, err := w.open(ctx, task)
	if err != nil {
		return err
	}
	stop, err := q.Work(ctx, t.done)
	if err != nil {
		return errors.Join(err, q.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Reading cannot be interrupted, so nobody waits for it.
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, in)
	}()
	err = t.tell(ctx, out)
	err = errors.Join(err, stop(), q.Close())
	last := t.take()
	last.Over = true
	if err != nil {
		last.Trouble = err.Error()
	}
	return answer(out, last)
}

// tell says that the workers run, and then what they do until ctx ends.
func (t *tally) tell(ctx context.Context, out io.Writer) error {
	if err := answer(out, progress{}); err != nil {
		return err
	}
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		p := t.take()
		if p.Done == 0 && len(p.Starts) == 0 {
			continue
		}
		if err := answer(out, p); err != nil {
			return err
		}
	}
}

func (w Work) open(ctx context.Context, task queue.Task) (queue.Queue, error) {
	switch w.System {
	case Shared:
		return queue.OpenShared(ctx, queue.SharedConfig{Addr: w.Addr, Task: task})
	case Asynq:
		return queue.OpenAsynqTask(w.Addr, 0, w.Servers, task)
	default:
		return nil, fmt.Errorf("unknown system %q", w.System)
	}
}
