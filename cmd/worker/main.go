// Command worker runs jobs of an engine that several processes share. The
// default engine lives inside cmd/api and brings its own worker, so with it
// this program says so and ends.
package main

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/cmd/internal/program"
	"github.com/sluicehq/sluice/cmd/internal/shared"
	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/coord"
)

// version is set by the linker.
var version = "dev"

func main() { program.Main(worker()) }

// worker is the program.
func worker() program.Program {
	return program.Program{
		Name: "worker", Version: version,
		Flags: func(f program.Flags) {
			f.Key("admin-addr", "admin_addr", "`host:port` of probes, metrics and profiles, or off (default 127.0.0.1:9090)")
			f.Key("data-dir", "data_dir", "`directory` of the compiled parser, and of documents unless redis.documents_dir names another (default ./data)")
			f.Key("slots", "slots", "`jobs` at once (default 16)")
		},
		Serve: work, Probes: probes,
	}
}

func probes(c config.Config) (string, error) {
	if c.AdminAddr == "off" {
		return "", errors.New("admin_addr is off: nothing can be asked")
	}
	return c.AdminAddr, nil
}

func work(ctx context.Context, call program.Call) error {
	c, err := call.Config()
	if err != nil {
		return err
	}
	if err := fit(c); err != nil {
		return err
	}
	log := app.NewLogger(c.Log, call.Stderr)
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
