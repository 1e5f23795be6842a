// Command api is Sluice in one process: the HTTP API and, unless the slots are
// turned off, a worker. Started without arguments it listens on loopback and
// keeps its data in ./data.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/sluicehq/sluice/cmd/internal/shared"
	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/coord"
	"github.com/sluicehq/sluice/internal/coord/embedded"
	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// version is set by the linker.
var version = "dev"

func main() {
	if len(os.Args) == 2 && os.Args[1] == document.ChildArg {
		os.Exit(document.RunChild(context.Background(), os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == "healthcheck" {
		return healthcheck(ctx, environ, stderr)
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		return exitUsage // the flag package has said why
	}
	if o.version {
		_, _ = fmt.Fprintln(stdout, version)
		return exitOK
	}
	if err := serve(ctx, o, environ, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "api: %v\n", err)
		return exitError
	}
	return exitOK
}

func serve(ctx context.Context, o options, environ []string, stderr io.Writer) error {
	if o.demo {
		stop, err := o.simulate()
		if err != nil {
			return err
		}
		defer stop()
	}
	c, err := config.Load(config.Sources{File: o.file, Environ: environ, Flags: o.keys})
	if err != nil {
		return err
	}
	log := app.NewLogger(c.Log, stderr)
	if c.Shared() && c.NATS.URL == "" && c.NATS.Listen == "" {
		log.Warn().Msg("other processes are not heard: set NATS_URL, or -nats-listen for one of them")
	}
	return app.RunAPI(ctx, app.Parts{
		Config: c, Version: version, Log: log,
		OpenEngine: openEngine(c, log),
		Connect:    func(observer coord.Observer) (*coord.Bus, func(), error) { return connect(c, observer) },
	})
}

// openEngine picks the engine of the configuration.
func openEngine(c config.Config, log zerolog.Logger) func(context.Context, jobs.Listener) (jobs.Engine, error) {
	if c.Shared() {
		return shared.OpenEngine(c, log)
	}
	return func(ctx context.Context, l jobs.Listener) (jobs.Engine, error) {
		return sqlitejobs.Open(ctx, sqlitejobs.Config{Dir: c.DataDir, Listener: l})
	}
}

// connect joins the NATS of the configuration, or starts one in this process.
func connect(c config.Config, o coord.Observer) (*coord.Bus, func(), error) {
	if c.NATS.URL != "" {
		bus, err := coord.Connect(coord.Config{URL: c.NATS.URL, Name: "sluice-api", Observer: o})
		return bus, nil, err
	}
	server, err := embedded.Start(c.NATS.Listen)
	if err != nil {
		return nil, nil, err
	}
	bus, err := coord.Connect(coord.Config{InProcess: server, Name: "sluice-api", Observer: o})
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	return bus, server.Close, nil
}
