//go:build linux

// Command bench measures the engines beside what a user would pick
// instead, on one machine and in one run, and prints ratios.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/sluicehq/sluice/bench/internal/child"
	"github.com/sluicehq/sluice/bench/internal/service"
	"github.com/sluicehq/sluice/internal/app"
)

func main() {
	app.TuneGC() // as the programs that ship do; asynq's and River's sides gain as well
	if code, isChild := child.Main(context.Background(), os.Args); isChild {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitUsage
	}
	if err := newPlan(o.quick).measure(ctx, o, stdout, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitError
	}
	return exitOK
}

// options are what the command line says.
type options struct {
	quick   bool
	dir     string
	md      string
	without []string // peers
	only    []string // sections; empty for all
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var names []string
	for _, s := range new(bench).sections() {
		names = append(names, s.name)
	}
	peers := []string{service.Redis().Name, service.Postgres().Name}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&o.quick, "quick", false, "short rounds and small backlogs, about four minutes; its figures are for orientation")
	f.StringVar(&o.dir, "dir", os.TempDir(), "`directory` on the disk to measure; everything is made below it and removed")
	f.StringVar(&o.md, "md", "", "also write the report to this Markdown `file`")
	f.Func("without", "leave a `peer` out: "+strings.Join(peers, " or "), choose(&o.without, peers))
	f.Func("only", "run some `sections` only, with commas: "+strings.Join(names, ", "), choose(&o.only, names))
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, nil
}

// choose reads words of a list, separated by commas.
func choose(to *[]string, from []string) func(string) error {
	return func(value string) error {
		for word := range strings.SplitSeq(value, ",") {
			if !slices.Contains(from, word) {
				return fmt.Errorf("%q is none of %s", word, strings.Join(from, ", "))
			}
			*to = append(*to, word)
		}
		return nil
	}
}
