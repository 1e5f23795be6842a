package app_test

import (
	"testing"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestEachRouteIsCalledInItsOwnWireFormat(t *testing.T) {
	t.Parallel()
	sim := modelsim.New(modelsim.Config{APIKeys: []string{"k-1", "k-2"}})
	at, err := sim.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = at.Close() }()
	prepare, stop, err := app.Extraction(config.Config{
		Primary:  config.Route{URL: at.URL(), Model: "large", API: config.APIOpenAI, APIKey: "k-1"},
		Fallback: config.Route{URL: at.URL(), Model: "small", API: config.APIAnthropic, APIKey: "k-2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	task, err := prepare(jobs.Spec{Schema: "invoice"}, document.Text{Pages: []document.Page{{Number: 1, Text: "Invoice No: A-17"}}})
	if err != nil {
		t.Fatal(err)
	}
	for model := range 2 {
		if a := task.Call(t.Context(), model, false); a.Signal.Status != 200 || a.Signal.Content == "" {
			t.Errorf("model %d: status %d, %v", model, a.Signal.Status, a.Signal.Err)
		}
	}
	calls := sim.Calls()
	if len(calls) != 2 || calls[0].API != modelsim.ChatCompletions || calls[0].Key != modelsim.KeyName("k-1") ||
		calls[1].API != modelsim.Messages || calls[1].Key != modelsim.KeyName("k-2") {
		t.Errorf("calls are %+v", calls)
	}
}
