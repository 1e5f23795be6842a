// Package program is what the servers have in common as programs: signals, the
// command line, exit codes and the health check.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/sluicehq/sluice/internal/app/config"
)

// Exit codes of the servers.
const (
	ExitOK    = 0
	ExitError = 1
	ExitUsage = 2
)

// Program is a server.
type Program struct {
	// Name begins its messages.
	Name string
	// Version is printed by -version.
	Version string
	// Flags adds its own to those that all servers have; nil adds none.
	Flags func(Flags)
	// Serve runs it until the context ends.
	Serve func(context.Context, Call) error
	// Probes is the host:port that answers /readyz.
	Probes func(config.Config) (string, error)
}

// Call is one start of a server.
type Call struct {
	// Keys are the configuration keys that flags have set; Serve may add some.
	Keys   map[string]any
	Stderr io.Writer

	file    string
	environ []string
}

// Config reads the configuration of the call.
func (c Call) Config() (config.Config, error) {
	return config.Load(config.Sources{File: c.file, Environ: c.environ, Flags: c.Keys})
}

// Run runs the program with arguments that do not name it, and answers its exit
// code.
func (p Program) Run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == "healthcheck" {
		return p.report(p.healthcheck(ctx, environ), " healthcheck", stderr)
	}
	c := Call{Keys: map[string]any{}, Stderr: stderr, environ: environ}
	version, err := p.parse(&c, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return ExitOK
	case err != nil:
		return ExitUsage // the user has been told why
	case version:
		_, _ = fmt.Fprintln(stdout, p.Version)
		return ExitOK
	}
	return p.report(p.Serve(ctx, c), "", stderr)
}

// report writes an error and answers the exit code.
func (p Program) report(err error, part string, stderr io.Writer) int {
	if err == nil {
		return ExitOK
	}
	_, _ = fmt.Fprintf(stderr, "%s%s: %v\n", p.Name, part, err)
	return ExitError
}
