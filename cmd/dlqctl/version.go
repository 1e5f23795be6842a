package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// versionTime is how long the server may take to tell its version.
const versionTime = 2 * time.Second

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the server",
		Args:  cobra.NoArgs,
		RunE: a.begin(func(ctx context.Context, _ []string) error {
			server, err := a.serverVersion(ctx)
			if a.as() == asJSON {
				return a.json(envelope{Kind: "Version", Data: map[string]string{"client": version, "server": server}})
			}
			a.tsv("dlqctl", version)
			if err == nil {
				a.tsv("server", server)
			} else if a.as() == asTable {
				a.say("The server's version is not known: %s.", strings.TrimSuffix(err.Error(), "."))
			}
			return nil
		}),
	}
}

// serverVersion asks the server for its version. That there is none is no
// failure of the program.
func (a *app) serverVersion(ctx context.Context) (string, error) {
	c, err := a.client()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, min(a.timeout, versionTime))
	defer cancel()
	v, err := c.Version(ctx)
	if err == nil && v.Version == "" {
		err = errors.New("it did not tell")
	}
	return v.Version, err
}
