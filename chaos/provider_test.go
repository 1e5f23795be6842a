package chaos_test

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// modelTime is how long a call of the simulated model takes.
const modelTime = 60 * time.Millisecond

// simulate serves a provider as long as the test lasts, and remembers all calls.
// Without models of its own it has one, sim.
func simulate(t *testing.T, config modelsim.Config) (*modelsim.Server, *modelsim.Endpoint) {
	t.Helper()
	if config.Models == nil {
		config.Models = []modelsim.Model{{Name: "sim", Latency: modelTime}}
	}
	config.KeepCalls = 1 << 20
	provider := modelsim.New(config)
	endpoint, err := provider.Listen("")
	must(t, err)
	t.Cleanup(func() { _ = endpoint.Close() })
	return provider, endpoint
}

// route tells a process that the model sim is its primary one, and where.
func route(url string) []string {
	return []string{"SLUICE_PRIMARY_URL=" + url, "SLUICE_PRIMARY_MODEL=sim"}
}
