package jobstest

import (
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

// Reference is the harness of the in-memory reference engine. With Persistent
// features it models an engine that persists in that way, for [Metamorphic].
func Reference(f Features) Harness {
	return Harness{
		Features: f,
		NewStore: func(testing.TB) Store { return &memory{features: f} },
	}
}

// memory is a store that lives as long as its test.
type memory struct {
	features Features
	engine   *memjobs.Engine
}

func (m *memory) Open(tb testing.TB, s Setup) jobs.Engine {
	tb.Helper()
	c := memjobs.Config{Policy: s.Policy, Clock: s.Clock, Listener: s.Listener}
	var err error
	if m.engine != nil && m.features.Persistent {
		m.engine, err = m.engine.Restart(c, m.features.HoldersDieWithStore)
	} else {
		m.engine, err = memjobs.New(c)
	}
	if err != nil {
		tb.Fatalf("open the reference engine: %v", err)
	}
	return m.engine
}

// Crash leaves everything to the next Open: memory has no buffers to lose.
func (m *memory) Crash(testing.TB) {}
