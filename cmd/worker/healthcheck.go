package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/internal/app/config"
)

// healthcheck asks the worker of the same configuration whether it is ready,
// for container health checks.
func healthcheck(ctx context.Context, environ []string, stderr io.Writer) int {
	if err := ready(ctx, environ); err != nil {
		_, _ = fmt.Fprintf(stderr, "worker healthcheck: %v\n", err)
		return exitError
	}
	return exitOK
}

func ready(ctx context.Context, environ []string) error {
	c, err := config.Load(config.Sources{Environ: environ})
	if err != nil {
		return err
	}
	if c.AdminAddr == "off" {
		return errors.New("admin_addr is off: nothing can be asked")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.AdminAddr+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := answer.Body.Close(); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: status %d", answer.StatusCode)
	}
	return nil
}
