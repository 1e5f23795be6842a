package ladder

import (
	"context"
	"errors"
	"fmt"

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
	// Regions are where the route works on data; a job that must stay in a
	// region goes to no route without it.
	Regions []string
	// Limits is what the route may carry, all processes together.
	Limits tiers.LimitPolicy
}

// usage is so many tokens with their price.
func (m Model) usage(input, output int) jobs.Usage {
	price := tiers.Price{InputUSD: m.InputUSD, OutputUSD: m.OutputUSD}
	return jobs.Usage{InputTokens: input, OutputTokens: output, CostMicroUSD: price.Of(input, output)}
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
	// Breaker is when the breakers of the routes open; the zero value works.
	Breaker tiers.BreakerPolicy
	// Gates, Budgets and Limits are shared by all jobs of the process; nil
	// makes new ones.
	Gates   *tiers.Gates
	Budgets *tiers.Budgets
	Limits  *tiers.Limits
	// Name tells this process from others where the fleet agrees on one probe.
	Name string
	// Records hold operators' words on gates and the fleet's probes; nil for a
	// process that is alone.
	Records jobs.Records
	// Money bounds what tenants spend; nil bounds nobody.
	Money Money
	// Cache keeps answers; nil keeps none. PromptVersion changes whenever the
	// same document and schema would be asked for in another way.
	Cache         *Cache
	PromptVersion string
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
		if err := m.Limits.Validate(); err != nil {
			return fmt.Errorf("ladder: model %s/%s: %w", m.Provider, m.Model, err)
		}
	}
	return c.Policy.Validate()
}
