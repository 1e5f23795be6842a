package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
)

// maxKeyFile bounds the file that holds the API key.
const maxKeyFile = 4 << 10

// client is the API, from flags and environment.
func (a *app) client() (*client.Client, error) {
	if a.api != nil {
		return a.api, nil
	}
	key, err := a.key()
	if err != nil {
		return nil, err
	}
	url := a.server
	if url == "" {
		url = a.env("SLUICE_SERVER")
	}
	a.api, err = client.New(client.Config{URL: url, APIKey: key, UserAgent: "dlqctl/" + version})
	if err != nil {
		return nil, usagef("%s (set with --server or SLUICE_SERVER, and SLUICE_API_KEY_FILE or SLUICE_API_KEY)", err)
	}
	return a.api, nil
}

// key is the API key. It is never a flag, which every process on the machine
// could read.
func (a *app) key() (string, error) {
	key, file := strings.TrimSpace(a.env("SLUICE_API_KEY")), a.env("SLUICE_API_KEY_FILE")
	switch {
	case file == "":
		return key, nil
	case key != "":
		return "", usagef("both SLUICE_API_KEY and SLUICE_API_KEY_FILE are set; unset one")
	}
	text, err := readFile(file, maxKeyFile)
	if err != nil {
		return "", fmt.Errorf("SLUICE_API_KEY_FILE: %w", err)
	}
	if key = strings.TrimSpace(string(text)); key == "" {
		return "", errors.New("SLUICE_API_KEY_FILE: the file is empty")
	}
	return key, nil
}

// readFile reads a file of at most limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return readAll(f, limit)
}

// readAll reads r to its end, at most limit bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("there are more than %d bytes", limit)
	}
	return data, err
}

// within bounds one request by --timeout.
func (a *app) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, a.timeout)
}

// request asks the server once.
func request[T any](ctx context.Context, a *app, ask func(context.Context, *client.Client) (T, error)) (answer T, err error) {
	c, err := a.client()
	if err != nil {
		return answer, err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	return ask(ctx, c)
}

// environmentTopic is a page of help.
func environmentTopic() *cobra.Command {
	return &cobra.Command{Use: "environment", Short: "Which server and which key", Long: `  SLUICE_SERVER        the server's URL; --server overrides it
                       (default ` + client.DefaultURL + `)
  SLUICE_API_KEY_FILE  a file that holds the API key
  SLUICE_API_KEY       the API key itself
  NO_COLOR             set to anything, turns colours off

A server that was set up without keys needs none.`}
}
