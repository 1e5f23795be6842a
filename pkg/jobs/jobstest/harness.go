package jobstest

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Features declares what an engine is. The zero value is an engine that keeps
// nothing when it closes.
type Features struct {
	// Persistent engines find their data again after Close and after a crash.
	Persistent bool
	// HoldersDieWithStore is true where all holders of loans live in the
	// process of the store. Then every loan is taken back when the store opens,
	// in the order of Seq; else every lease gets another period.
	HoldersDieWithStore bool
}

// Harness makes engines of one kind.
type Harness struct {
	Features Features
	// NewStore makes an empty place for an engine's data, which goes when the
	// test ends. It must not touch the data of other stores.
	NewStore func(tb testing.TB) Store
}

// Store is where an engine keeps its data.
type Store interface {
	// Open opens an engine on the data, or fails the test. The suites close
	// what they opened, and have one engine open at a time.
	Open(tb testing.TB, s Setup) jobs.Engine
	// Crash ends the engine that is open as the death of its process would:
	// nothing that was answered is lost, and nothing is tidied up. The next
	// Open finds what is left. It is called for Persistent engines only, while
	// no call is under way.
	Crash(tb testing.TB)
}

// Setup is what the suites decide of an engine.
type Setup struct {
	Policy   jobs.Policy
	Clock    func() time.Time
	Listener jobs.Listener
}
