package main

import (
	"fmt"
	"maps"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// simulate starts the simulated provider on loopback and points both tiers at
// it. Calls time out soon, so that a demonstration does not take long.
func simulate(keys map[string]any) (stop func(), err error) {
	endpoint, err := modelsim.New(modelsim.DemoScript()).Listen("127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the simulated provider: %w", err)
	}
	maps.Copy(keys, map[string]any{
		"primary.url": endpoint.URL(), "primary.model": modelsim.DemoPrimary, "primary.provider": "simulated", "primary.timeout": "3s",
		"primary.input_usd": 2.5, "primary.output_usd": 10.0,
		"fallback.url": endpoint.URL(), "fallback.model": modelsim.DemoSmaller, "fallback.provider": "simulated", "fallback.timeout": "2s",
		"fallback.input_usd": 0.15, "fallback.output_usd": 0.6, "fallback.window": 32000,
	})
	return func() { _ = endpoint.Close() }, nil
}
