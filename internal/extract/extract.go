// Package extract turns the text of a document into the values that a JSON
// Schema asks for: by asking a model and checking every value of its answer
// against the document, or by rules without a model.
//
// It makes single calls and judges single answers. What to try next, when and
// how often is the business of package tiers.
package extract

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract/rules"
	"github.com/sluicehq/sluice/internal/extract/schema"
	"github.com/sluicehq/sluice/internal/extract/wire"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// Caller makes one call of one model. [wire.Client] is one.
type Caller interface {
	// Call makes exactly one call and returns what happened. The caller sets
	// the time budgets on ctx with the causes of package tiers. It must be
	// safe for concurrent use.
	Call(ctx context.Context, r wire.Request) tiers.Signal
}

// Model is a model that the extractor may call.
type Model struct {
	// Tier is 1 or 2. Answers of tier 2 are checked more strictly.
	Tier   int
	Caller Caller
	// MaxOutput bounds an answer in tokens; default 4096. A call that raises
	// the limit gets twice as many.
	MaxOutput int
}

const defaultMaxOutput = 4096

// Config is what an extractor works with. Schemas is required.
type Config struct {
	Schemas *schema.Registry
	Models  []Model
}

// Extractor prepares extractions. It is safe for concurrent use.
type Extractor struct {
	schemas *schema.Registry
	models  []Model
	rules   *rules.Parser
}

// New returns an extractor. The error names the field that cannot be used.
func New(c Config) (*Extractor, error) {
	if c.Schemas == nil {
		return nil, errors.New("extractor: schemas must be given")
	}
	e := &Extractor{schemas: c.Schemas, rules: rules.New()}
	for i, m := range c.Models {
		if m.Tier != 1 && m.Tier != 2 || m.Caller == nil || m.MaxOutput < 0 {
			return nil, fmt.Errorf("extractor: model %d needs tier 1 or 2, a caller and a max output that is not negative", i)
		}
		if m.MaxOutput == 0 {
			m.MaxOutput = defaultMaxOutput
		}
		e.models = append(e.models, m)
	}
	return e, nil
}

// Schema returns the schema that a job asks for: the registered one by its
// name, or the one that came with the job. The error wraps [schema.ErrUnknown]
// or [schema.ErrInvalid].
func (e *Extractor) Schema(spec jobs.Spec) (*schema.Schema, error) {
	if len(spec.SchemaJSON) > 0 {
		return schema.Compile(spec.SchemaJSON)
	}
	return e.schemas.Lookup(spec.Schema)
}

// Prepare readies the extraction of one document. The error is that of Schema.
func (e *Extractor) Prepare(spec jobs.Spec, text document.Text) (*Task, error) {
	s, err := e.Schema(spec)
	if err != nil {
		return nil, err
	}
	return &Task{extractor: e, schema: s, text: text, messages: messages(s, text)}, nil
}

// Task is one document and one schema. It is used by one goroutine.
type Task struct {
	extractor *Extractor
	schema    *schema.Schema
	text      document.Text
	messages  []wire.Message
	index     *index // made when the first answer is judged
}

// Answer is what one model call came to.
type Answer struct {
	Signal tiers.Signal
	// Judged is the zero value for a call that gave no content.
	Judged
	// limit is how long the answer could be, in tokens.
	limit int
}

// overhead is what a request costs beside its texts, in tokens.
const overhead = 64

// Tokens estimates a whole request with room for an answer of maxOutput tokens.
// It counts the schema twice: models are given it in the prompt and beside it.
func (t *Task) Tokens(maxOutput int) int {
	n := overhead + EstimateTokens(string(t.schema.JSON())) + maxOutput
	for _, m := range t.messages {
		n += EstimateTokens(m.Content)
	}
	return n
}

// Call asks a model once, by its index in [Config.Models]. raise doubles the
// limit on the answer.
func (t *Task) Call(ctx context.Context, model int, raise bool) Answer {
	m := t.extractor.models[model]
	limit := m.MaxOutput
	if raise {
		limit *= 2
	}
	return t.ask(ctx, m, t.messages, limit)
}

// Repair shows a model a wrong answer again with what is wrong with it, once.
// The limit on the answer stays as it was: the corrected one is about as long.
func (t *Task) Repair(ctx context.Context, model int, wrong Answer) Answer {
	m := t.extractor.models[model]
	return t.ask(ctx, m, RepairMessages(t.messages, wrong.Signal.Content, wrong.Judged), max(wrong.limit, m.MaxOutput))
}

func (t *Task) ask(ctx context.Context, m Model, messages []wire.Message, limit int) Answer {
	s := m.Caller.Call(ctx, wire.Request{
		Messages: messages, SchemaName: t.schema.Name(), Schema: t.schema.JSON(), MaxTokens: limit,
	})
	a := Answer{Signal: settle(s, messages, limit), limit: limit}
	if s.Whole() {
		a.Judged = t.judge(s.Content, m.Tier)
	}
	return a
}

// grounder returns a grounder for one answer.
func (t *Task) grounder(tier int) *grounder {
	if t.index == nil {
		t.index = newIndex(t.text)
	}
	t.index.work = maxWork
	return &grounder{index: t.index, strict: tier > 1, listed: t.schema.Listed}
}

// RulesAnswer is what the rule parser came to.
type RulesAnswer struct {
	// Complete is true when every required value is proven.
	Complete bool
	// Reasons says what is wanting, as "missing:/total".
	Reasons   []string
	Extracted Extracted
	// Others holds, by pointer, values that were seen and not proven.
	Others map[string][]rules.Other
}

// Rules runs the rule parser.
func (t *Task) Rules() RulesAnswer {
	o := t.extractor.rules.Run(t.text, t.schema)
	return RulesAnswer{
		Complete: o.Complete, Reasons: o.Reasons, Others: o.Others,
		Extracted: Extracted{Data: o.Result.Data, Fields: o.Result.Fields, Missing: o.Result.Missing},
	}
}
