// Command worker runs jobs for an engine that several processes share. The
// default engine lives inside cmd/api and brings its own worker, so this
// program says so and ends.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/sluicehq/sluice/internal/app/config"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func run(args, environ []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("worker", flag.ContinueOnError)
	f.SetOutput(stderr)
	file := f.String("config", "", "configuration `file` (default sluice.yaml if it is there)")
	showVersion := f.Bool("version", false, "print the version and exit")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	if *showVersion {
		_, _ = fmt.Fprintln(stdout, version)
		return exitOK
	}
	c, err := config.Load(config.Sources{File: *file, Environ: environ})
	if err == nil {
		err = noSharedEngine(c.Engine)
	}
	_, _ = fmt.Fprintf(stderr, "worker: %v\n", err)
	return exitError
}

// noSharedEngine says why there is nothing to work for.
func noSharedEngine(engine string) error {
	if engine == "sqlite" {
		return errors.New("the engine sqlite lives inside one process: cmd/api runs its worker itself (SLUICE_SLOTS says how many jobs at once). " +
			"A worker of its own needs an engine that several processes share")
	}
	return fmt.Errorf("engine %q is not known; the one there is, sqlite, lives inside cmd/api", engine)
}
