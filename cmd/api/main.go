// Command api is Sluice in one process: the HTTP API and, unless the slots are
// turned off, a worker. Started without arguments it listens on loopback and
// keeps its data in ./data.
package main

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/sluicehq/sluice/cmd/internal/program"
	"github.com/sluicehq/sluice/cmd/internal/shared"
	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/coord"
	"github.com/sluicehq/sluice/internal/coord/embedded"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// version is set by the linker.
var version = "dev"

func main() { program.Main(api()) }

// api is the program.
func api() program.Program {
	var demo bool
	return program.Program{
		Name: "api", Version: version,
		Flags: func(f program.Flags) {
			f.BoolVar(&demo, "demo", false, "use a simulated model provider that fails now and then")
			f.Key("addr", "addr", "`host:port` of the HTTP API (default 127.0.0.1:8080)")
			f.Key("admin-addr", "admin_addr", "`host:port` of metrics and profiles, or off (default 127.0.0.1:9090)")
			f.Key("data-dir", "data_dir", "`directory` of everything that is kept (default ./data)")
			f.Key("slots", "slots", "`jobs` at once; 0 runs no worker here (default 16)")
			f.Key("nats-listen", "nats.listen", "open a NATS port at `host:port`")
		},
		Serve:  func(ctx context.Context, call program.Call) error { return serve(ctx, call, demo) },
		Probes: func(c config.Config) (string, error) { return c.Addr, nil },
	}
}

func serve(ctx context.Context, call program.Call, demo bool) error {
	if demo {
		stop, err := simulate(call.Keys)
		if err != nil {
			return err
		}
		defer stop()
	}
	c, err := call.Config()
	if err != nil {
		return err
	}
	log := app.NewLogger(c.Log, call.Stderr)
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
