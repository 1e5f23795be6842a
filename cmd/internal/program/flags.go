package program

import (
	"errors"
	"flag"
	"fmt"
)

// Flags are the flags of a server.
type Flags struct {
	*flag.FlagSet

	keys map[string]any
}

// Key adds a flag that sets a key of the configuration.
func (f Flags) Key(name, key, usage string) {
	f.Func(name, usage, func(value string) error { f.keys[key] = value; return nil })
}

// parse reads the command line into the call, and whether it asks for the
// version. It tells the user of errors.
func (p Program) parse(c *Call, args []string) (version bool, err error) {
	f := Flags{flag.NewFlagSet(p.Name, flag.ContinueOnError), c.Keys}
	f.SetOutput(c.Stderr)
	f.StringVar(&c.file, "config", "", "configuration `file` (default sluice.yaml if it is there)")
	f.BoolVar(&version, "version", false, "print the version and exit")
	f.BoolFunc("accept-loss", "use a Redis whose settings can lose accepted jobs", func(value string) error {
		c.Keys["redis.accept_loss"] = value
		return nil
	})
	if p.Flags != nil {
		p.Flags(f)
	}
	if err := f.Parse(args); err != nil {
		return false, err
	}
	if f.NArg() > 0 {
		_, _ = fmt.Fprintf(c.Stderr, "%s: unexpected argument %q\n", p.Name, f.Arg(0))
		f.Usage()
		return false, errors.New("unexpected argument")
	}
	return version, nil
}
