// Command dlqctl shows an operator which jobs failed, expired or wait for a
// person, why, and lets them be requeued, completed, rejected or cancelled. It
// speaks to the HTTP API only.
package main

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/term"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	os.Exit(run(ctx, fromOS()))
}

// fromOS is the invocation that the operating system made.
func fromOS() invocation {
	inv := invocation{
		args: os.Args[1:], env: os.Getenv, now: time.Now, patience: 300 * time.Millisecond, pulse: time.Second,
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		stdinTTY: isTerminal(os.Stdin), stdoutTTY: isTerminal(os.Stdout), stderrTTY: isTerminal(os.Stderr),
	}
	if inv.stdoutTTY {
		inv.width = terminalWidth(os.Stdout)
	}
	return inv
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// usualWidth is the width of a terminal that does not tell.
const usualWidth = 80

func terminalWidth(f *os.File) int {
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && width > 0 {
		return width
	}
	return usualWidth
}
