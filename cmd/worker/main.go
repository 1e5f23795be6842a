// Command worker runs jobs of an engine that several processes share. The
// default engine lives inside cmd/api and brings its own worker, so with it
// this program says so and ends.
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

	"github.com/sluicehq/sluice/cmd/internal/shared"
	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/coord"
	"github.com/sluicehq/sluice/internal/document"
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
	if err := work(ctx, o, environ, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "worker: %v\n", err)
		return exitError
	}
	return exitOK
}

// options are what the command line says.
type options struct {
	file    string
	version bool
	keys    map[string]any // configuration keys that were set
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{keys: map[string]any{}}
	f := flag.NewFlagSet("worker", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.file, "config", "", "configuration `file` (default sluice.yaml if it is there)")
	f.BoolVar(&o.version, "version", false, "print the version and exit")
	key := func(name, key, usage string) {
		f.Func(name, usage, func(value string) error { o.keys[key] = value; return nil })
	}
	key("admin-addr", "admin_addr", "`host:port` of probes, metrics and profiles, or off (default 127.0.0.1:9090)")
	key("data-dir", "data_dir", "`directory` of the compiled parser, and of documents unless redis.documents_dir names another (default ./data)")
	key("slots", "slots", "`jobs` at once (default 16)")
	f.BoolFunc("accept-loss", "use a Redis whose settings can lose accepted jobs", func(value string) error {
		o.keys["redis.accept_loss"] = value
		return nil
	})
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	if f.NArg() > 0 {
		_, _ = fmt.Fprintf(stderr, "worker: unexpected argument %q\n", f.Arg(0))
		f.Usage()
		return options{}, errors.New("unexpected argument")
	}
	return o, nil
}

func work(ctx context.Context, o options, environ []string, stderr io.Writer) error {
	c, err := config.Load(config.Sources{File: o.file, Environ: environ, Flags: o.keys})
	if err != nil {
		return err
	}
	if err := fit(c); err != nil {
		return err
	}
	log := app.NewLogger(c.Log, stderr)
	return app.RunWorker(ctx, app.Parts{
		Config: c, Version: version, Log: log,
		OpenEngine: shared.OpenEngine(c, log),
		Connect: func(o coord.Observer) (*coord.Bus, func(), error) {
			bus, err := coord.Connect(coord.Config{URL: c.NATS.URL, Name: "sluice-worker", Observer: o})
			return bus, nil, err
		},
	})
}

// fit says why there is nothing to work for, if so.
func fit(c config.Config) error {
	switch {
	case !c.Shared():
		return errors.New("the engine sqlite lives inside one process: cmd/api runs its worker itself (SLUICE_SLOTS says how many jobs at once). " +
			"A worker of its own needs an engine that several processes share: set SLUICE_ENGINE=redis://host:6379")
	case c.NATS.URL == "":
		return errors.New("a worker tells the others over NATS what it does, and hears from them of cancelled jobs and closed gates: set NATS_URL=nats://host:4222. " +
			"Where there is no NATS server, an API process runs one with -nats-listen")
	}
	return nil
}
