package ladder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// Store is the part of an engine that the executor uses.
type Store interface {
	PutAttempts(ctx context.Context, l jobs.Lease, rows ...jobs.Attempt) error
	Document(ctx context.Context, tenant string, id jobs.ID) ([]byte, error)
}

// Reader turns bytes into text. An error that wraps a [document.Fault] is the
// document's own fault, any other is ours.
type Reader interface {
	Parse(ctx context.Context, data []byte) (document.Text, error)
}

// Extraction is one document and one schema. It is used by one goroutine.
type Extraction interface {
	// Tokens estimates a whole request with room for an answer of maxOutput
	// tokens.
	Tokens(maxOutput int) int
	// Call asks the model at the index of [Config.Models] once. raise asks
	// for a larger limit on the answer.
	Call(ctx context.Context, model int, raise bool) extract.Answer
	// Repair sends an earlier answer back with what is wrong with it.
	Repair(ctx context.Context, model int, wrong extract.Answer) extract.Answer
	// Rules runs the rule parser.
	Rules() extract.RulesAnswer
}

// Model describes a route of tier 1 or 2.
type Model struct {
	Tier            int
	Provider, Model string
	// Window is the context window in tokens; 0 when it is not known.
	Window int
	// MaxOutput is the longest answer in tokens.
	MaxOutput int
	// InputUSD and OutputUSD are the prices of a million tokens.
	InputUSD, OutputUSD float64
}

// cost is the price of a call in millionths of a dollar.
func (m Model) cost(u jobs.Usage) int64 {
	return int64(m.InputUSD*float64(u.InputTokens) + m.OutputUSD*float64(u.OutputTokens) + 0.5)
}

// Config is what an executor works with. Store, Reader, Prepare and Jitter are
// required.
type Config struct {
	Store  Store
	Reader Reader
	// Prepare readies the extraction of one document under the job's schema.
	// An error is a schema that was accepted and no longer compiles.
	Prepare func(spec jobs.Spec, text document.Text) (Extraction, error)
	Models  []Model
	Policy  tiers.Policy
	// Gates and Budgets are shared by all jobs of the process; nil makes new
	// ones.
	Gates   *tiers.Gates
	Budgets *tiers.Budgets
	// Jitter draws from [0, 1).
	Jitter func() float64
	Events Events
}

func (c Config) validate() error {
	if c.Store == nil || c.Reader == nil || c.Prepare == nil || c.Jitter == nil {
		return errors.New("ladder: store, reader, prepare and jitter must all be given")
	}
	for _, m := range c.Models {
		if m.Tier != 1 && m.Tier != 2 {
			return fmt.Errorf("ladder: model %s/%s is of tier %d, want 1 or 2", m.Provider, m.Model, m.Tier)
		}
	}
	return c.Policy.Validate()
}

// Events tells what the executor does. Its functions may be nil, may be called
// from several goroutines and must not block.
type Events struct {
	// AttemptEnded tells of a closed row of the ledger.
	AttemptEnded func(job jobs.Job, e AttemptEnd)
	// GateClosed tells of a gate that this process closed; others want to
	// know.
	GateClosed func(g tiers.Gate)
	// DocumentRead tells how long reading took and the fault it ended with,
	// empty for none.
	DocumentRead func(job jobs.Job, took time.Duration, fault jobs.Class)
}

// AttemptEnd is a closed row with what the row itself does not say.
type AttemptEnd struct {
	Attempt jobs.Attempt
	// Retry is true for every call of a tier but its first.
	Retry bool
	// TimedOut is true when the attempt's own time ran out.
	TimedOut bool
}

func (e Events) attemptEnded(j jobs.Job, end AttemptEnd) {
	if e.AttemptEnded != nil {
		e.AttemptEnded(j, end)
	}
}

func (e Events) gateClosed(g tiers.Gate) {
	if e.GateClosed != nil {
		e.GateClosed(g)
	}
}

func (e Events) documentRead(j jobs.Job, took time.Duration, fault jobs.Class) {
	if e.DocumentRead != nil {
		e.DocumentRead(j, took, fault)
	}
}
