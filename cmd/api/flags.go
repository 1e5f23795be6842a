package main

import (
	"flag"
	"fmt"
	"io"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// options are what the command line says.
type options struct {
	file    string
	demo    bool
	version bool
	keys    map[string]any // configuration keys that were set
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{keys: map[string]any{}}
	f := flag.NewFlagSet("api", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.file, "config", "", "configuration `file` (default sluice.yaml if it is there)")
	f.BoolVar(&o.demo, "demo", false, "use a simulated model provider that fails now and then")
	f.BoolVar(&o.version, "version", false, "print the version and exit")
	key := func(name, key, usage string) {
		f.Func(name, usage, func(value string) error { o.keys[key] = value; return nil })
	}
	key("addr", "addr", "`host:port` of the HTTP API (default 127.0.0.1:8080)")
	key("admin-addr", "admin_addr", "`host:port` of metrics and profiles, or off (default 127.0.0.1:9090)")
	key("data-dir", "data_dir", "`directory` of everything that is kept (default ./data)")
	key("slots", "slots", "`jobs` at once; 0 runs no worker here (default 16)")
	key("nats-listen", "nats.listen", "open a NATS port at `host:port`")
	f.BoolFunc("accept-loss", "use a Redis whose settings can lose accepted jobs", func(value string) error {
		o.keys["redis.accept_loss"] = value
		return nil
	})
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	if f.NArg() > 0 {
		_, _ = fmt.Fprintf(stderr, "api: unexpected argument %q\n", f.Arg(0))
		f.Usage()
		return options{}, fmt.Errorf("unexpected argument")
	}
	return o, nil
}

// simulate starts the simulated provider on loopback and points both tiers at
// it. Calls time out soon, so that a demonstration does not take long.
func (o options) simulate() (stop func(), err error) {
	endpoint, err := modelsim.New(modelsim.DemoScript()).Listen("127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the simulated provider: %w", err)
	}
	for key, value := range map[string]any{
		"primary.url": endpoint.URL(), "primary.model": modelsim.DemoPrimary, "primary.provider": "simulated", "primary.timeout": "3s",
		"primary.input_usd": 2.5, "primary.output_usd": 10.0,
		"fallback.url": endpoint.URL(), "fallback.model": modelsim.DemoSmaller, "fallback.provider": "simulated", "fallback.timeout": "2s",
		"fallback.input_usd": 0.15, "fallback.output_usd": 0.6, "fallback.window": 32000,
	} {
		o.keys[key] = value
	}
	return func() { _ = endpoint.Close() }, nil
}
