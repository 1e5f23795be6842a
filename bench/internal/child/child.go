//go:build linux

// Package child is what a benchmark runs in a process of its own, so that its
// memory and processor time can be told from those of the load: the HTTP API
// over a chosen store, an engine that is opened again, and workers of a shared
// one. The process is this program once more. It answers questions on its
// standard input, a line each, with lines of JSON, and ends when the input
// does.
package child

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/bench/internal/service"
	"github.com/sluicehq/sluice/internal/document"
)

// Arg is the first argument of such a process; the second says what it does.
const Arg = "sluice-bench-child"

// The things a child does.
const (
	serveArg  = "serve"
	reopenArg = "reopen"
	workArg   = "work"
)

// Main runs the child that the arguments ask for and answers true, or answers
// false when they ask for none.
func Main(ctx context.Context, args []string) (code int, isChild bool) {
	if len(args) == 2 && args[1] == document.ChildArg {
		return document.RunChild(ctx, os.Stdin, os.Stdout), true
	}
	if len(args) < 3 || args[1] != Arg {
		return 0, false
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch args[2] {
	case serveArg:
		err = serve(ctx, args[3:], os.Stdin, os.Stdout)
	case workArg:
		err = work(ctx, args[3:], os.Stdin, os.Stdout)
	case reopenArg:
		err = reopen(ctx, args[3:], os.Stdin, os.Stdout)
	default:
		err = fmt.Errorf("unknown task %q", args[2])
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

// link is our end of a child.
type link struct {
	*service.Process
	in *os.File

	mu      sync.Mutex
	answers *bufio.Reader
	pipe    *os.File
}

// endWithin is how long a child may take to end.
const endWithin = 60 * time.Second

// start runs this program as a child.
func start(task string, args ...string) (*link, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	//nolint:gosec // the program is ourselves
	cmd := exec.CommandContext(context.Background(), self, append([]string{Arg, task}, args...)...)
	theirIn, ourIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourOut, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), ourIn.Close())
	}
	cmd.Stdin, cmd.Stdout = theirIn, theirOut
	p, err := service.Start(cmd, syscall.SIGTERM, endWithin)
	err = errors.Join(err, theirIn.Close(), theirOut.Close())
	if err != nil {
		return nil, errors.Join(err, ourIn.Close(), ourOut.Close())
	}
	return &link{Process: p, in: ourIn, answers: bufio.NewReader(ourOut), pipe: ourOut}, nil
}

// ask sends a question and reads the answer into v; an empty question waits
// for what the child says by itself.
func (l *link) ask(question string, v any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if question != "" {
		if _, err := io.WriteString(l.in, question+"\n"); err != nil {
			return fmt.Errorf("ask the child: %w", err)
		}
	}
	line, err := l.answers.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the child did not answer: %w", errors.Join(err, l.Stop()))
	}
	return json.Unmarshal(line, v)
}

// Close ends the child and answers how it ended.
func (l *link) Close() error { return errors.Join(l.in.Close(), l.Stop(), l.pipe.Close()) }

// answer writes one line of JSON.
func answer(w io.Writer, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(data, '\n'))
	return err
}
