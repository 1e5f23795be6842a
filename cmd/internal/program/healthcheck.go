package program

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/internal/app/config"
)

// healthcheckWithin bounds the health check; containers give it a little more.
const healthcheckWithin = 2 * time.Second

// healthcheck asks the server of the same configuration whether it is ready,
// for container health checks.
func (p Program) healthcheck(ctx context.Context, environ []string) error {
	c, err := config.Load(config.Sources{Environ: environ})
	if err != nil {
		return err
	}
	addr, err := p.Probes(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
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
